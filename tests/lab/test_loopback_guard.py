"""The guard that keeps the tests on this machine."""

import asyncio
import os
import socket

import pytest

from tests import loopback_guard
from tests.loopback_guard import LeftLoopback


@pytest.mark.parametrize("address", ["192.0.2.1", "169.254.169.254", "8.8.8.8"])
def test_connections_outside_are_refused(address: str) -> None:
    with socket.socket() as s, pytest.raises(LeftLoopback):
        s.connect((address, 80))
    with socket.socket() as s, pytest.raises(LeftLoopback):
        s.connect_ex((address, 80))
    loopback_guard.refused.clear()


def test_name_look_ups_are_refused() -> None:
    with pytest.raises(LeftLoopback):
        socket.getaddrinfo("vault.example", 443)
    loopback_guard.refused.clear()


def test_asyncio_is_watched_too() -> None:
    with pytest.raises(LeftLoopback):
        asyncio.run(asyncio.open_connection("192.0.2.1", 80))
    loopback_guard.refused.clear()


def test_loopback_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_no_proxy_is_left_in_the_environment() -> None:
    assert not [name for name in os.environ if name.lower().endswith("_proxy")]
