"""TLS in front of a server that speaks none, as stunnel does it: the server behind stays the real one."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.servers.certificates import Certificates


@contextmanager
def in_tls(port: int, made: Certificates) -> Iterator[int]:
    """A port in TLS that leads to a port of this machine in the clear."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.chain, made.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                raw, _ = listener.accept()
                threading.Thread(target=_carry, args=(context, raw, port), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()


def _carry(context: ssl.SSLContext, raw: socket.socket, port: int) -> None:
    with suppress(OSError), raw:
        raw.settimeout(10)
        outer = context.wrap_socket(raw, server_side=True)
        with outer, socket.create_connection(("127.0.0.1", port), 5) as inner:
            back = threading.Thread(target=_copy, args=(inner, outer), daemon=True)
            back.start()
            _copy(outer, inner)
            back.join(10)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while got := source.recv(4096):
            target.sendall(got)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
