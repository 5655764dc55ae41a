"""AMQP 0-9-1 (RabbitMQ): pika's frames over our own socket, since its connections dial by themselves and only guess at a refusal.

The broker checks the password before the virtual host: 403 is a refused login, 530 comes only after the password was right.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from revoker.egress.databases.dial import Call, bounded, dial, slug
from revoker.egress.line import NotSent
from revoker.sdk import Reply

LARGEST = 1 << 20  # bytes that a broker may send before it has let us in
TOLD = {"product": "revoker", "capabilities": {"authentication_failure_close": True}}  # a refusal is said, not hung up on


class Frames:
    """The methods of one connection, in turn."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._held = sock, b""

    def send(self, method: Any) -> None:
        from pika import frame

        self._sock.sendall(frame.Method(0, method).marshal())

    def next(self) -> Any:
        """The next method; None when the broker speaks another protocol. Raises ConnectionError when it hangs up."""
        from pika import frame

        while True:
            used, found = frame.decode_frame(self._held)
            if found is not None:
                self._held = self._held[used:]
                if isinstance(found, frame.ProtocolHeader):
                    return None
                if isinstance(found, frame.Method):
                    return found.method
                continue
            got = self._sock.recv(65_536)
            if not got or len(self._held) > LARGEST:
                raise ConnectionError("no whole frame")
            self._held += got


def login(call: Call) -> Reply:
    """One login. The reply's code is the broker's, its row who answered; a virtual host is named after the password was taken."""
    from pika.exceptions import AMQPError

    sock = dial(call, clear=call.server.scheme == "amqp")
    try:
        with bounded(call, lambda: sock):
            return _converse(call, sock)
    except (AMQPError, OSError, ValueError, LookupError, TypeError, AttributeError, struct.error) as error:
        raise NotSent(slug(error)) from None
    finally:
        sock.close()


def _converse(call: Call, sock: socket.socket) -> Reply:
    from pika import frame, spec

    sock.sendall(frame.ProtocolHeader(0, 9, 1).marshal())
    frames, server = Frames(sock), call.server
    start = frames.next()
    if not isinstance(start, spec.Connection.Start):
        return Reply(server.shown, code="protocol", text="the server speaks another protocol", at=call.at)
    if b"PLAIN" not in _bytes(start.mechanisms).split():
        return Reply(server.shown, code="mechanism", text="the server takes no passwords", at=call.at)
    word = f"\0{server.user}\0{server.password.reveal()}"
    frames.send(spec.Connection.StartOk(client_properties=TOLD, mechanism="PLAIN", response=word))
    tune = frames.next()
    if isinstance(tune, spec.Connection.Close):
        return _closed(call, frames, tune)
    if not isinstance(tune, spec.Connection.Tune):
        return Reply(server.shown, code="protocol", at=call.at)
    frames.send(spec.Connection.TuneOk(tune.channel_max, tune.frame_max, 0))
    frames.send(spec.Connection.Open(virtual_host=server.database or "/"))
    told = frames.next()
    if isinstance(told, spec.Connection.Close):
        return _closed(call, frames, told)
    if not isinstance(told, spec.Connection.OpenOk):
        return Reply(server.shown, code="protocol", at=call.at)
    frames.send(spec.Connection.Close(200, "done", 0, 0))
    facts = {name: _text((start.server_properties or {}).get(name)) for name in ("product", "version", "cluster_name")}
    return Reply(server.shown, json={"user": server.user, **facts}, at=call.at)


def _closed(call: Call, frames: Frames, close: Any) -> Reply:
    from pika import spec

    frames.send(spec.Connection.CloseOk())
    return Reply(call.server.shown, code=str(int(close.reply_code)), text=_text(close.reply_text), at=call.at)


def _bytes(value: Any) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else bytes(value)


def _text(value: Any) -> str:
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or ""))[:200]
