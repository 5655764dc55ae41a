"""A world of loopback alone, inside a network namespace: every name is this machine, and one TLS server answers for all.

Nothing that runs in it can reach another machine, so that the real kingfisher may ask for its providers' real names.
"""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from tests.differential.subjects import Given

HANG = 8.0  # seconds that a time-out's answer takes; both tools wait three
_UP = struct.pack("16sh14s", b"lo", 0x49, b"\0" * 14)  # IFF_UP | IFF_LOOPBACK | IFF_RUNNING


@dataclass
class World:
    """What the server answers now, and the first lines of what it was asked."""

    folder: Path
    given: Given | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Bring loopback up, send every name to it, and serve TLS at 127.0.0.1:443. Needs a namespace of its own (unshare -rmn)."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, _UP)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", str(folder / "resolv.conf"), "/etc/resolv.conf"], check=True)
    made, authority = World(folder), trustme.CA()
    authority.cert_pem.write_to_path(made.ca)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(("127.0.0.1", 53))
    server = socket.create_server(("127.0.0.1", 443), backlog=64)
    for work in (lambda: _resolve(names), lambda: _accept(server, authority, made)):
        threading.Thread(target=work, daemon=True).start()
    try:
        yield made
    finally:
        server.close()
        names.close()


def _resolve(names: socket.socket) -> None:
    """Answer each question for an IPv4 address with 127.0.0.1, and every other with nothing."""
    while True:
        try:
            query, peer = names.recvfrom(4096)
        except OSError:
            return
        end = query.index(b"\0", 12) + 5
        question, wants = query[12:end], query[end - 4 : end - 2] == b"\0\1"
        head = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if wants else b"\0\0") + b"\0\0\0\0"
        row = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if wants else b""
        names.sendto(head + question + row, peer)


def _accept(server: socket.socket, authority: trustme.CA, made: World) -> None:
    known: dict[str, ssl.SSLContext] = {}

    def context(name: str) -> ssl.SSLContext:
        if name not in known:
            known[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(known[name])
        return known[name]

    def named(conn: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        conn.context = context(name or "localhost")

    first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(first)
    first.sni_callback = named
    while True:
        try:
            conn, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(conn, first, made), daemon=True).start()


def _serve(conn: socket.socket, context: ssl.SSLContext, made: World) -> None:
    try:
        with context.wrap_socket(conn, server_side=True) as stream:
            head = b""
            while b"\r\n\r\n" not in head and (more := stream.recv(65536)):
                head += more
            made.asked.append(head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")[0])
            given = made.given
            if given is None or given.hangs:
                time.sleep(HANG)
                return
            stream.sendall(_wire(given))
            stream.unwrap()
    except OSError:
        return  # the other side went away, as one does after a time-out


def _wire(given: Given) -> bytes:
    body = given.body.encode()
    lines = [f"HTTP/1.1 {given.status} Answer", *(f"{name}: {value}" for name, value in given.headers.items())]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body
