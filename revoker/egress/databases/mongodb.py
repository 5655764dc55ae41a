"""MongoDB: one SCRAM conversation over our own socket, since its driver dials, follows SRV names, and finds other members by itself.

A user belongs to one database, and a login at another one fails in the same words: the admin database and the one that the
address names are both tried before a refusal counts, on one connection.
"""

from __future__ import annotations

import hashlib
import re
import socket
import struct
from collections.abc import Mapping
from itertools import count
from typing import Any

from revoker.egress.databases.dial import Call, bounded, dial, slug
from revoker.egress.line import NotSent
from revoker.sdk import Reply

OP_MSG = 2013
LARGEST = 1 << 20  # bytes of one answer
MOST_ITERATIONS = 1_000_000  # of the key derivation that a server may ask for
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-1")
REFUSED = "18"
Document = Mapping[str, Any]


class Failed(Exception):
    """The server's own error: its code and message."""

    def __init__(self, answer: Document) -> None:
        super().__init__("refused")
        self.code, self.text = str(answer.get("code", "")), str(answer.get("errmsg", ""))[:300]


class Wire:
    """Commands and answers as OP_MSG, one section each."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._ids = sock, count(1)

    def ask(self, database: str, command: Mapping[str, Any]) -> Document:
        """One command. Raises Failed for the server's own error, OSError or ValueError when there is no whole answer."""
        import bson

        body = struct.pack("<IB", 0, 0) + bson.encode({**command, "$db": database})
        id = next(self._ids)
        self._sock.sendall(struct.pack("<iiii", 16 + len(body), id, 0, OP_MSG) + body)
        size, _, answers, kind = struct.unpack("<iiii", self._exactly(16))
        if kind != OP_MSG or answers != id or not 26 <= size <= LARGEST:
            raise ValueError("no answer of MongoDB")
        rest = self._exactly(size - 16)
        flags, section = struct.unpack("<IB", rest[:5])
        if flags or section:
            raise ValueError("an answer in a form that was not asked for")
        answer: Document = bson.decode(rest[5:])
        if answer.get("ok") != 1:
            raise Failed(answer)
        return answer

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            more = self._sock.recv(size - len(got))
            if not more:
                raise ConnectionError("no whole answer")
            got += more
        return got


def login(call: Call) -> Reply:
    """At most two logins on one connection. The row tells the user, the database that holds it, and its roles."""
    from bson.errors import BSONError
    from scramp import ScramException

    sock = dial(call, clear=True)
    try:
        with bounded(call, lambda: sock):
            return _converse(call, Wire(sock))
    except Failed as error:
        return Reply(call.server.shown, code=error.code or "0", text=error.text, at=call.at)
    except ScramException:
        return Reply(call.server.shown, code="unproven", text="the server did not prove that it knows the password", at=call.at)
    except (BSONError, OSError, ValueError, TypeError, AttributeError, struct.error) as error:
        raise NotSent(slug(error)) from None
    finally:
        sock.close()


def _converse(call: Call, wire: Wire) -> Reply:
    user, refused = call.server.user, None
    for source in dict.fromkeys((call.server.database or "admin", "admin")):
        mechanism = _mechanism(wire, source, user)
        try:
            _scram(wire, call, source, mechanism)
        except Failed as error:
            if error.code != REFUSED:
                raise
            refused = error
            continue
        return Reply(call.server.shown, json={"user": user, "source": source, **_rights(wire)}, at=call.at)
    if refused is None:
        raise ConnectionError("no login was tried")
    raise refused


def _mechanism(wire: Wire, source: str, user: str) -> str:
    """The stronger one that the server has for this user; the newest for a user that it does not know."""
    asked = {"saslSupportedMechs": f"{source}.{user}"}
    try:
        told = wire.ask("admin", {"hello": 1, **asked})
    except Failed as error:
        if error.code != "59":  # CommandNotFound, before 4.4.2
            raise
        told = wire.ask("admin", {"isMaster": 1, **asked})
    offered = told.get("saslSupportedMechs")
    if isinstance(offered, list):
        return next((name for name in MECHANISMS if name in offered), MECHANISMS[0])
    return MECHANISMS[0] if int(told.get("maxWireVersion", 0)) >= 7 else MECHANISMS[1]


def _scram(wire: Wire, call: Call, source: str, mechanism: str) -> None:
    """The whole conversation. Raises Failed for a refusal, ScramException when the server's own proof is wrong."""
    from bson.binary import Binary
    from scramp import ScramClient, ScramException

    client = ScramClient([mechanism], call.server.user, _password(call, mechanism))
    start = {"saslStart": 1, "mechanism": mechanism, "options": {"skipEmptyExchange": True}}
    told = wire.ask(source, {**start, "payload": Binary(client.get_client_first().encode())})
    first = bytes(told["payload"]).decode()
    asked = re.search(r"(?:^|,)i=(\d{1,9})(?:,|$)", first)
    if asked is None or int(asked[1]) > MOST_ITERATIONS:
        raise ScramException("no iteration count that we take")
    client.set_server_first(first)
    more = {"saslContinue": 1, "conversationId": told["conversationId"]}
    told = wire.ask(source, {**more, "payload": Binary(client.get_client_final().encode())})
    client.set_server_final(bytes(told["payload"]).decode())
    if not told.get("done"):
        told = wire.ask(source, {**more, "payload": Binary(b"")})
    if not told.get("done"):
        raise ScramException("the conversation did not end")


def _password(call: Call, mechanism: str) -> str:
    """The older mechanism takes a digest of both halves in place of the password; that is MongoDB's own rule."""
    word = call.server.password.reveal()
    if mechanism == MECHANISMS[0]:
        return word
    return hashlib.md5(f"{call.server.user}:mongo:{word}".encode(), usedforsecurity=False).hexdigest()


def _rights(wire: Wire) -> dict[str, Any]:
    """The roles of who is logged in. Its refusal changes nothing about the login."""
    try:
        info = wire.ask("admin", {"connectionStatus": 1}).get("authInfo")
    except Failed as error:
        return {"roles": [], "restricted": error.code == "13"}
    roles = info.get("authenticatedUserRoles") if isinstance(info, Mapping) else None
    found = [f"{role.get('role')}@{role.get('db')}" for role in roles or () if isinstance(role, Mapping)]
    return {"roles": found[:50], "restricted": False}
