"""A small server that speaks OP_MSG and does real SCRAM on the server's side: it keeps verifiers and checks each proof.

No package of MongoDB's server can be had here. This one answers as its manual and specification of authentication say.
"""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.binary import Binary
from scramp import ScramException, ScramMechanism

ITERATIONS = {"SCRAM-SHA-1": 10_000, "SCRAM-SHA-256": 15_000}


@dataclass
class Mongo:
    """A running server. Users are added with the database that holds them."""

    port: int
    users: dict[tuple[str, str, str], tuple[bytes, bytes, bytes, int]] = field(default_factory=dict)
    attempts: list[tuple[str, str, str]] = field(default_factory=list)  # database, user, mechanism
    old: bool = False  # knows no `hello`
    lies: bool = False  # takes any proof, and has none of its own

    def add(self, source: str, user: str, password: str, *mechanisms: str) -> None:
        """A user with a verifier for each mechanism."""
        for name in mechanisms or tuple(ITERATIONS):
            digest = hashlib.md5(f"{user}:mongo:{password}".encode(), usedforsecurity=False).hexdigest()
            word = digest if name == "SCRAM-SHA-1" else password
            self.users[source, user, name] = ScramMechanism(name).make_auth_info(word, ITERATIONS[name])

    def mechanisms(self, asked: str) -> list[str]:
        source, _, user = asked.partition(".")
        return [name for name in ITERATIONS if (source, user, name) in self.users]


@contextmanager
def mongo() -> Iterator[Mongo]:
    """Serve until the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Mongo(int(listener.getsockname()[1]))

    def serve() -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                threading.Thread(target=_talk, args=(server, sock), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server
    finally:
        listener.close()


class Session:
    """One connection: at most one conversation at a time."""

    def __init__(self, server: Mongo) -> None:
        self.server, self.scram, self.mechanism, self.user = server, None, "", ""
        self.logged_in = ""

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        name, source = next(iter(command)), command["$db"]
        if name == "hello" and self.server.old:
            return _error(59, "no such command: 'hello'")
        if name in ("hello", "isMaster"):
            known = self.server.mechanisms(command.get("saslSupportedMechs", ""))
            return {"maxWireVersion": 6 if self.server.old else 21, **({"saslSupportedMechs": known} if known else {}), "ok": 1.0}
        if name == "saslStart":
            return self._start(source, command)
        if name == "saslContinue":
            return self._go_on(source, command)
        if name == "connectionStatus" and self.logged_in:
            roles = [{"role": "readWrite", "db": self.logged_in}]
            return {"authInfo": {"authenticatedUsers": [{"user": self.user}], "authenticatedUserRoles": roles}, "ok": 1.0}
        return _error(13, f"command {name} requires authentication")

    def _start(self, source: str, command: dict[str, Any]) -> dict[str, Any]:
        self.mechanism, first = command["mechanism"], bytes(command["payload"]).decode()

        def verifier(user: str) -> tuple[bytes, bytes, bytes, int]:
            self.user = user
            self.server.attempts.append((source, user, self.mechanism))
            return self.server.users[source, user, self.mechanism]

        try:
            scram: Any = ScramMechanism(self.mechanism).make_server(verifier)
            scram.set_client_first(first)
            self.scram = scram
            return {"conversationId": 1, "done": False, "payload": Binary(scram.get_server_first().encode()), "ok": 1.0}
        except (ScramException, KeyError):
            return _error(18, "Authentication failed.")

    def _go_on(self, source: str, command: dict[str, Any]) -> dict[str, Any]:
        scram: Any = self.scram
        try:
            scram.set_client_final(bytes(command["payload"]).decode())
        except ScramException:
            if not self.server.lies:
                return _error(18, "Authentication failed.")
            forged = Binary(b"v=" + b"A" * 43 + b"=")
            return {"conversationId": 1, "done": True, "payload": forged, "ok": 1.0}
        self.logged_in = source
        return {"conversationId": 1, "done": True, "payload": Binary(scram.get_server_final().encode()), "ok": 1.0}


def _error(code: int, text: str) -> dict[str, Any]:
    return {"ok": 0.0, "code": code, "errmsg": text}


def _talk(server: Mongo, sock: socket.socket) -> None:
    session = Session(server)
    with suppress(OSError, struct.error), sock:
        sock.settimeout(20)
        while True:
            size, id, _, kind = struct.unpack("<iiii", sock.recv(16, socket.MSG_WAITALL))
            if kind != 2013 or size > 65_536:
                return  # as a real one: what is no OP_MSG ends the connection
            rest = sock.recv(size - 16, socket.MSG_WAITALL)
            body = struct.pack("<IB", 0, 0) + bson.encode(session.answer(bson.decode(rest[5:])))
            sock.sendall(struct.pack("<iiii", 16 + len(body), 1, id, 2013) + body)
