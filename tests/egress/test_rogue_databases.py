"""A server that is not what it says: no engine believes it, waits for it, or gives it a password in the clear."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from revoker.config import OwnershipSettings
from revoker.egress.databases import ENGINES
from revoker.model import Credential, Secret
from revoker.sdk import Reply
from tests.egress.conftest import settings, with_pool
from tests.providers.catalogue import OWNERS

WORD = "made-up-password-in-the-clear"
ENGINE_OF = {"redis_uri": "redis", "amqp_uri": "amqp", "mongodb_uri": "mongodb"}
SAYS = {
    "nothing": b"",
    "garbage": bytes(range(256)) * 4,
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "endless": b"+" + b"x" * 3_000_000,
    "a huge text": b"$2000000000\r\n" + b"x" * 100_000,
    "lists in lists": b"*1\r\n" * 100_000,
    "a huge frame": b"\x01" + struct.pack(">HL", 0, 2_000_000_000) + b"x" * 100_000,
    "a huge message": struct.pack("<iiii", 2_000_000_000, 1, 1, 2013) + b"x" * 100_000,
    "a negative message": struct.pack("<iiii", -5, 1, 1, 2013),
    "an empty message": struct.pack("<iiii", 26, 1, 1, 2013) + struct.pack("<IB", 0, 0) + b"\x05\x00\x00\x00\x00",
    "a wrong method": b"\x01" + struct.pack(">HL", 0, 4) + b"\xff\xff\xff\xff\xce",
}


@dataclass
class Rogue:
    port: int
    heard: list[bytes] = field(default_factory=list)


@contextmanager
def rogue(says: bytes) -> Iterator[Rogue]:
    """A server that says the same to everybody, and keeps what it hears."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Rogue(int(listener.getsockname()[1]))

    def talk(sock: socket.socket) -> None:
        with suppress(OSError), sock:
            sock.settimeout(1)
            server.heard.append(sock.recv(65_536))
            sock.sendall(says)
            while got := sock.recv(65_536):
                server.heard.append(got)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server
    finally:
        listener.close()


def login(server: Rogue, kind: str) -> Reply:
    engine, provider = ENGINE_OF[kind], OWNERS[kind][0]
    scheme = next(iter(ENGINES[engine].schemes))
    host = f"127.0.0.1:{server.port}"
    parts = {"user": "app", "host": "127.0.0.1", "port": str(server.port)}
    cred = Credential(kind, "fp_test", Secret(f"{scheme}://app:{WORD}@{host}"), parts)
    config = settings(ownership=OwnershipSettings(hosts=(host,)), timeout=2)
    return with_pool(config, lambda pool: pool.reader(provider, credential=cred).login(engine, cred))


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("kind", ENGINE_OF)
def test_what_a_rogue_server_says_decides_nothing_and_gets_no_password(kind: str, says: str) -> None:
    start = time.monotonic()
    with rogue(SAYS[says]) as server:
        reply = login(server, kind)
    assert reply.trouble is not None or reply.code in ("protocol", "mechanism", "0"), reply
    assert reply.json is None
    assert time.monotonic() - start < 20
    assert WORD.encode() not in b"".join(server.heard)


@pytest.mark.parametrize("kind", ENGINE_OF)
def test_no_password_leaves_in_the_clear_for_a_network_that_is_not_ours(kind: str) -> None:
    """The addresses of [network] allow are the operator's; nothing else is dialled without TLS, and loopback not at all."""
    with rogue(b"+PONG\r\n") as server:
        host = f"127.0.0.1:{server.port}"
        scheme = next(iter(ENGINES[ENGINE_OF[kind]].schemes))
        parts = {"user": "app", "host": "127.0.0.1", "port": str(server.port)}
        cred = Credential(kind, "fp_test", Secret(f"{scheme}://app:{WORD}@{host}"), parts)
        config = settings(ownership=OwnershipSettings(hosts=(host,)), timeout=2, allow=None)
        provider = OWNERS[kind][0]
        reply = with_pool(config, lambda pool: pool.reader(provider, credential=cred).login(ENGINE_OF[kind], cred))
    assert reply.trouble == "refused_by_policy"
    assert server.heard == []
