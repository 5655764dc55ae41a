"""The way to a database: pinned addresses, TLS with the server's name first, in the clear only inside our own networks."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from threading import Timer

from revoker.egress.line import Line, NotSent
from revoker.egress.names import pin_sync
from revoker.model import Secret

HANDSHAKE = 3.0  # seconds that a server may take to show that it speaks TLS, where the clear is allowed as well
LONGEST = 4
NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_EOF_WHILE_READING", "PACKET_LENGTH_TOO_LONG"})


@dataclass(frozen=True, slots=True)
class Server:
    """Whom we log in to, and as whom. No other option of a URI is taken over; `database` may be empty."""

    scheme: str
    host: str
    port: int
    user: str
    database: str
    password: Secret = field(repr=False)

    @property
    def shown(self) -> str:
        """`host:port`, as verdicts and evidence show it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt: where, how it is reached, how many seconds each wait may take, and when it is made."""

    server: Server
    line: Line = field(repr=False)
    limit: float
    at: datetime


def dial(call: Call, step: Callable[[socket.socket], bool] | None = None, *, clear: bool = True) -> socket.socket:
    """A socket to a checked address; an ssl.SSLSocket when it is in TLS. Raises NotSent: no credential has left then.

    `step` is the protocol's own question for TLS and tells whether the server takes it; without one TLS starts with
    the first byte, and a server that speaks none is dialled once more. The clear is used only when `clear` and every
    address of the host is in the operator's own [network] allow.
    """
    sock, ours = connect(call)
    try:
        if step is None or step(sock):
            if step is None and ours and clear:
                sock.settimeout(min(call.limit, HANDSHAKE))
            wrapped = call.line.tls.wrap_socket(sock, server_hostname=call.server.host)
            wrapped.settimeout(call.limit)
            return wrapped
    except (OSError, ValueError) as error:
        sock.close()
        if step is None and ours and clear and _speaks_no_tls(error):
            return connect(call)[0]
        raise NotSent(slug(error)) from None
    if ours and clear:
        return sock
    sock.close()
    raise NotSent("tls")


def connect(call: Call) -> tuple[socket.socket, bool]:
    """A connected socket without TLS, and whether it may stay so: every address lies in the operator's own networks."""
    server, line = call.server, call.line
    try:
        addresses = pin_sync(server.host, server.port, line.allow, line.resolver)
        sock = _first(addresses, server.port, call.limit)
    except OSError as error:
        raise NotSent("timeout" if isinstance(error, TimeoutError) else "connect") from None
    sock.settimeout(call.limit)
    if line.still is not None:
        line.still()
    return sock, all(any(ip_address(address) in net for net in line.allow) for address in addresses)


def _first(addresses: Sequence[str], port: int, limit: float) -> socket.socket:
    end, last = time.monotonic() + limit, OSError("no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), max(0.1, end - time.monotonic()))
        except OSError as error:
            last = error
    raise last


def _speaks_no_tls(error: BaseException) -> bool:
    """True for what a server without TLS does. A wrong certificate is not that, and never leads to the clear."""
    if isinstance(error, ssl.SSLError):
        return error.reason in NO_TLS
    return isinstance(error, OSError)


@contextmanager
def bounded(call: Call, current: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Cut the socket when the whole call took LONGEST times its limit: a server that drips bytes is not waited for."""

    def cut() -> None:
        sock = current()
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    timer = Timer(LONGEST * call.limit, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def slug(error: BaseException) -> str:
    """The trouble slug of an error and what caused it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError | ssl.CertificateError):
            return "tls"
        if isinstance(seen, TimeoutError):
            return "timeout"
        seen = seen.__cause__
    return "disconnected"
