"""What a provider or a database server answers: HTTP bodies and headers, and the messages of each protocol that we read ourselves."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from revoker.egress import limits, replies
from revoker.egress.databases import amqp, dial, mongodb, mysql, postgresql, redis, tds_channel
from revoker.egress.databases.dial import Call, Server
from revoker.egress.line import Line, Lost, NotSent
from revoker.locate import audit_log
from revoker.model import Secret
from revoker.sdk import Reply
from tests.fuzz.shapes import Target

AT = datetime(2026, 11, 24, 21, tzinfo=UTC)
TYPES = ("application/json", "text/html", "application/problem+json", "text/plain; charset=utf-16", "")
ENCODINGS = ("", "gzip", "deflate", "br")


def reply(data: bytes) -> None:
    """The first byte chooses status, type and encoding; headers may be anything that the second line holds."""
    choice, rest = (data[:1] or b"\0")[0], data[1:]
    line, _, body = rest.partition(b"\n")
    text = line.decode("latin-1")
    headers = [("Content-Type", TYPES[choice % 5]), ("Retry-After", text), ("X-Any", text)]
    with suppress(limits.TooLarge, limits.Garbled):
        body = limits.decoded(body, ENCODINGS[choice // 5 % 4])
    said = replies.reply_of("api.example", (200, 302, 401, 429, 500)[choice // 20 % 5], headers, body, AT)
    assert said.trouble in (None, "redirect", "html", "wrong_type")
    assert said.retry_after is None or 0 <= said.retry_after.total_seconds() <= 86_400
    said.pick("a.b.0.c")
    json.dumps(said.json)


def body(data: bytes) -> None:
    """Strict JSON or ValueError; what is taken is at most 64 levels deep."""
    with suppress(ValueError, RecursionError):
        found = replies.parse_json(data.decode("utf-8", "replace"))
        assert replies.parse_json(json.dumps(found)) == found


def entry(data: bytes) -> None:
    """One line of Vault's audit log."""
    audit_log._parsed(data)


def call() -> Call:
    server = Server("x", "127.0.0.1", 1, "made-up", "x", Secret("made-up"))
    return Call(server, Line(ssl.create_default_context()), 1.0, AT)  # nothing is dialled


def server(
    module: Any, name: str, given: Callable[[socket.socket], Any], start: Callable[[Call], Any]
) -> Callable[[bytes], None]:
    """A login at a server that sends these bytes and hangs up. `name` is what the module dials with."""

    def run(data: bytes) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(1)
        dialled = mock.patch.object(module, name, return_value=given(ours))
        with ours, theirs, dialled, mock.patch.object(module, "bounded", mock.MagicMock(), create=True):
            theirs.setblocking(False)
            with suppress(BlockingIOError):
                theirs.sendall(data[:60_000])
            theirs.shutdown(socket.SHUT_WR)
            with suppress(NotSent, Lost):
                said = start(call())
                assert not isinstance(said, Reply) or "made-up" not in said.text or b"made-up" in data

    return run


def tds(told: Call) -> int:
    """The negotiation before TLS."""
    sock, _ = tds_channel.connect(told)  # type: ignore[attr-defined]
    try:
        return tds_channel._ask(sock, tds_channel.ON)
    except (OSError, ValueError) as error:
        raise NotSent(dial.slug(error)) from None


def resp() -> Iterable[bytes]:
    yield b"-WRONGPASS invalid username-password pair or user is disabled.\r\n+OK\r\n$4\r\nleak\r\n"
    yield b"-NOAUTH x\r\n"
    yield b"*2\r\n:1\r\n$-1\r\n" * 3


def documents() -> Iterable[bytes]:
    import bson

    for told in ({"ok": 1, "saslSupportedMechs": ["SCRAM-SHA-256"]}, {"ok": 0, "code": 18, "errmsg": "Authentication failed."}):
        raw = struct.pack("<IB", 0, 0) + bson.encode(told)
        yield struct.pack("<iiii", 16 + len(raw), 9, 1, mongodb.OP_MSG) + raw


def frames() -> Iterable[bytes]:
    from pika import frame, spec

    start = frame.Method(0, spec.Connection.Start(0, 9, {}, "PLAIN", "en_US")).marshal()
    closed = frame.Method(0, spec.Connection.Close(403, "ACCESS_REFUSED", 0, 0)).marshal()
    tune = frame.Method(0, spec.Connection.Tune(0, 131_072, 60)).marshal()
    yield start + closed
    yield start + tune + frame.Method(0, spec.Connection.OpenOk()).marshal()


def greetings() -> Iterable[bytes]:
    greet = (
        b"\x0a"
        b"8.0.1\0"
        + bytes(4)
        + b"12345678\0"
        + b"\xff\xf7\x21\x02\0\xff\x81\x15"
        + bytes(10)
        + b"123456789012\0mysql_native_password\0"
    )
    refused = b"\xff\x15\x04#28000Access denied"
    yield len(greet).to_bytes(3, "little") + b"\0" + greet + len(refused).to_bytes(3, "little") + b"\x02" + refused


def backend() -> Iterable[bytes]:
    error = b"SFATAL\0C28P01\0Mpassword authentication failed\0\0"
    yield b"R" + struct.pack("!ii", 8, 3) + b"E" + struct.pack("!i", 4 + len(error)) + error
    yield b"R" + struct.pack("!ii", 8, 0) + b"Z" + struct.pack("!i", 5) + b"I"


def prelogin() -> Iterable[bytes]:
    yield tds_channel.packet(tds_channel.REPLY, struct.pack(">BHHB", 1, 6, 1, 0xFF) + b"\x02")


def bodies() -> Iterable[bytes]:
    yield b'{"error": {"code": "invalid_api_key", "message": "no"}, "data": [1, 2.5, null, true]}'


def whole() -> Iterable[bytes]:
    yield from (
        bytes([choice]) + b"Wed, 25 Nov 2026 21:00:00 GMT\n" + one for choice in (0, 5, 22, 61) for one in (*bodies(), b"<html>")
    )


TARGETS = [
    Target("reply", reply, whole),
    Target("json", body, bodies),
    Target("vault-audit", entry, bodies),
    Target("redis", server(redis, "_dial", lambda sock: sock, redis.login), resp),
    Target("mongodb", server(mongodb, "dial", lambda sock: sock, mongodb.login), documents),
    Target("amqp", server(amqp, "dial", lambda sock: sock, amqp.login), frames),
    Target("mysql", server(mysql, "connect", lambda sock: (sock, True), mysql.login), greetings),
    Target("postgresql", server(postgresql, "dial", lambda sock: sock, postgresql.login), backend),
    Target("tds", server(tds_channel, "connect", lambda sock: (sock, True), tds), prelogin),
]
