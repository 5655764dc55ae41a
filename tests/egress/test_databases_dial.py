"""The way to a database: TLS first with the right name, the clear only inside our own networks, never byte by byte."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from revoker.egress.databases.dial import Call, Server, bounded, dial
from revoker.egress.limits import tls_context
from revoker.egress.line import Line, NotSent
from revoker.model import Secret
from tests.egress.conftest import NOW

OURS = (ip_network("127.0.0.1/32"),)
Talk = Callable[[socket.socket], None]


@contextmanager
def listening(talk: Talk) -> Iterator[int]:
    """A server that lets each connection be handled by `talk`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, talk), daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, talk: Talk) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        try:
            talk(sock)
        except OSError:
            sock.close()


def call(port: int, host: str = "127.0.0.1", ca: Path | None = None, *, ours: bool = True) -> Call:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    line = Line(tls_context(ca), OURS if ours else (), None, resolve)
    return Call(Server("rediss", host, port, "u", "", Secret("made-up")), line, 1.0, NOW)


def in_tls(authority: trustme.CA, name: str) -> Talk:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    def talk(sock: socket.socket) -> None:
        context.wrap_socket(sock, server_side=True).sendall(b"+hello")

    return talk


@pytest.fixture
def ca(tmp_path: Path) -> tuple[trustme.CA, Path]:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return made, tmp_path / "ca.pem"


def test_tls_from_the_first_byte_with_the_right_name(ca: tuple[trustme.CA, Path]) -> None:
    with listening(in_tls(ca[0], "db.lab.invalid")) as port, dial(call(port, "db.lab.invalid", ca[1])) as sock:
        assert isinstance(sock, ssl.SSLSocket)
        assert sock.recv(6) == b"+hello"


@pytest.mark.row("N-9")
def test_a_certificate_of_another_name_never_leads_to_the_clear(ca: tuple[trustme.CA, Path]) -> None:
    with listening(in_tls(ca[0], "other.lab.invalid")) as port, pytest.raises(NotSent) as raised:
        dial(call(port, "db.lab.invalid", ca[1]))
    assert raised.value.reason == "tls"


@pytest.mark.row("N-9")
def test_a_certificate_of_a_stranger_never_leads_to_the_clear() -> None:
    with listening(in_tls(trustme.CA(), "db.lab.invalid")) as port, pytest.raises(NotSent) as raised:
        dial(call(port, "db.lab.invalid"))
    assert raised.value.reason == "tls"


def greet(sock: socket.socket) -> None:
    sock.sendall(b"-ERR no TLS here\r\n")
    sock.recv(4096)
    sock.close()


def test_a_server_without_tls_is_spoken_to_in_the_clear_inside_our_networks() -> None:
    with listening(greet) as port:
        with dial(call(port)) as sock:
            assert not isinstance(sock, ssl.SSLSocket)
            assert sock.recv(4) == b"-ERR"
        with pytest.raises(NotSent) as raised:
            dial(call(port), clear=False)
    assert raised.value.reason == "tls"


def test_an_address_outside_our_networks_is_not_dialled_at_all() -> None:
    from revoker.errors import EgressRefused

    with listening(greet) as port, pytest.raises(EgressRefused):
        dial(call(port, ours=False))


def test_a_protocol_that_declines_tls_goes_on_in_the_clear_and_one_that_must_have_it_stops() -> None:
    with listening(greet) as port:
        with dial(call(port), lambda _sock: False) as sock:
            assert not isinstance(sock, ssl.SSLSocket)
        with pytest.raises(NotSent) as raised:
            dial(call(port), lambda _sock: False, clear=False)
    assert raised.value.reason == "tls"


def test_a_server_that_drips_is_cut_off() -> None:
    def drip(sock: socket.socket) -> None:
        while True:
            sock.sendall(b"x")
            time.sleep(0.05)

    with listening(drip) as port:
        one = Call(call(port).server, call(port).line, 0.2, NOW)
        began = time.monotonic()
        reset = suppress(ConnectionResetError)  # as the system has it: an end with bytes on the way, or without
        with reset, dial(one, lambda _sock: False) as sock, bounded(one, lambda: sock):
            while sock.recv(1):
                assert time.monotonic() - began < 5
    assert time.monotonic() - began < 5
