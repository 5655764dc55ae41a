"""The way to a SQL Server: TDS 7 negotiates TLS inside its own packets, and python-tds does not check names well.

So the negotiation is ours, with Python's ssl and the server's name; python-tds then talks through this channel as if
the server had no TLS at all, and never sees the socket. See MS-TDS 2.2.6.5 (PRELOGIN) and 3.2.5.1.
"""

from __future__ import annotations

import socket
import ssl
import struct

from revoker.egress.databases.dial import Call, connect, slug
from revoker.egress.line import NotSent

PRELOGIN, REPLY, LAST = 0x12, 0x04, 0x01
ON, NOT_SUPPORTED = 1, 2
MOST_BYTES = 1 << 20  # of all answers of one connection
CHUNK = 16_384


class TooMuch(OSError):
    """The server sends more than anybody asked for."""


class Channel:
    """The socket that python-tds gets. Its first packet, a PRELOGIN, is answered here; all else goes to the server."""

    def __init__(self, sock: socket.socket, tls: ssl.SSLObject | None, into: ssl.MemoryBIO, out: ssl.MemoryBIO) -> None:
        self.sock, self.tls, self._in, self._out = sock, tls, into, out
        self._ready = bytearray()
        self._asked, self._left = False, MOST_BYTES

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        if not self._asked:
            self._asked = True
            self._ready += packet(REPLY, bytes([1, 0, 6, 0, 1, 0xFF, NOT_SUPPORTED]))
        elif self.tls is None:
            self.sock.sendall(data)
        else:
            self.tls.write(bytes(data))
            self.sock.sendall(self._out.read())

    def recv(self, size: int) -> bytes:
        if not self._ready:
            self._ready += self._more()
        told = bytes(self._ready[:size])
        del self._ready[:size]
        return told

    def recv_into(self, buffer: bytearray | memoryview, size: int = 0) -> int:
        told = self.recv(min(size or len(buffer), len(buffer)))
        buffer[: len(told)] = told
        return len(told)

    def _more(self) -> bytes:
        while True:
            try:
                told = self.sock.recv(CHUNK) if self.tls is None else self.tls.read(CHUNK)
            except ssl.SSLWantReadError:
                chunk = self.sock.recv(CHUNK)
                self._in.write(chunk) if chunk else self._in.write_eof()
                continue
            self._left -= len(told)
            if self._left < 0:
                raise TooMuch
            return told

    def settimeout(self, seconds: float | None) -> None:
        self.sock.settimeout(seconds)

    def gettimeout(self) -> float | None:
        return self.sock.gettimeout()

    def close(self) -> None:
        self.sock.close()


def open_channel(call: Call) -> Channel:
    """A channel in TLS with the server's name checked; in the clear only inside our networks, and only without TLS there.

    Raises NotSent: no credential has left then.
    """
    sock, ours = connect(call)
    try:
        if _ask(sock, ON) != NOT_SUPPORTED:
            return _in_tls(sock, call)
    except (OSError, ValueError) as error:
        sock.close()
        raise NotSent(slug(error)) from None
    sock.close()
    if not ours:
        raise NotSent("tls")
    return _in_the_clear(call)


def _in_the_clear(call: Call) -> Channel:
    """A new connection, for a server that was asked for TLS hangs up after it said no."""
    sock, _ = connect(call)
    try:
        agreed = _ask(sock, NOT_SUPPORTED) == NOT_SUPPORTED
    except (OSError, ValueError) as error:
        sock.close()
        raise NotSent(slug(error)) from None
    if not agreed:
        sock.close()
        raise NotSent("tls")
    return Channel(sock, None, ssl.MemoryBIO(), ssl.MemoryBIO())


def packet(kind: int, body: bytes) -> bytes:
    """One TDS packet that is a whole message."""
    return struct.pack(">BBHHBB", kind, LAST, len(body) + 8, 0, 1, 0) + body


def _ask(sock: socket.socket, encryption: int) -> int:
    """PRELOGIN: what we want, and the server's word on encryption."""
    options = struct.pack(">BHHBHHB", 0, 11, 6, 1, 17, 1, 0xFF)
    sock.sendall(packet(PRELOGIN, options + bytes(6) + bytes([encryption])))
    told = _message(sock)
    at = 0
    while at + 5 <= len(told) and told[at] != 0xFF:
        token, offset, size = struct.unpack_from(">BHH", told, at)
        if token == 1 and size == 1 and offset < len(told):
            return int(told[offset])
        at += 5
    raise ConnectionError("no answer to the question for encryption")


def _message(sock: socket.socket) -> bytes:
    """One message of the server, over as many packets as it takes."""
    body, last = b"", False
    while not last:
        kind, status, size = struct.unpack(">BBH", _exactly(sock, 8)[:4])
        if kind not in (REPLY, PRELOGIN) or size < 8 or len(body) > MOST_BYTES:
            raise ConnectionError("not a TDS packet")
        body += _exactly(sock, size - 8)
        last = bool(status & LAST)
    return body


def _exactly(sock: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = sock.recv(size - len(found))
        if not more:
            raise ConnectionError("the server hung up")
        found += more
    return found


def _in_tls(sock: socket.socket, call: Call) -> Channel:
    """The handshake, its records inside PRELOGIN packets; raises ssl.SSLError for a certificate that does not fit."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = call.line.tls.wrap_bio(into, out, server_hostname=call.server.host)
    for _ in range(20):
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            sock.sendall(packet(PRELOGIN, out.read()))
            into.write(_message(sock))
            continue
        if out.pending:
            sock.sendall(packet(PRELOGIN, out.read()))
        return Channel(sock, tls, into, out)
    raise ConnectionError("an endless handshake")
