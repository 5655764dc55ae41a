"""Redis and Valkey: RESP 2 over our own socket. redis-py dials by itself, greets, tries a refused login again, and after a
refusal reads the same answer twice: a right password would then look wrong.

A server whose user has `nopass` takes any password, so a made-up one is tried first. Hashes of passwords stay in here.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from revoker.egress.databases.dial import Call, bounded, connect, dial, slug
from revoker.egress.line import Lost, NotSent
from revoker.errors import EgressRefused
from revoker.model import Secret
from revoker.sdk import Reply

LARGEST = 1 << 20  # bytes that a server may send in one call
DEEPEST = 6  # lists within lists
TLS_ONLY = ("rediss", "valkeys")
OPEN = ("without any password configured", "no password is set")  # what a server says that asks for none


class Refused(Exception):
    """The server's error: its first word, and the rest."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code, _, self.text = text.partition(" ")


class Talk:
    """Commands and answers, one after the other, in RESP 2."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._held, self._left = sock, b"", LARGEST

    def ask(self, *words: str) -> Any:
        """One command. Raises Refused for the server's own error, OSError when there is no whole answer."""
        raw = [word.encode("utf-8", "surrogatepass") for word in words]
        self._sock.sendall(b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in raw))
        return self._answer(DEEPEST)

    def _answer(self, depth: int) -> Any:
        line = self._until(b"\r\n").decode("utf-8", "replace")
        sign, rest = line[:1], line[1:]
        if sign == "-":
            raise Refused(rest)
        if sign == "+":
            return rest
        number = _number(rest)
        if sign == ":":
            return number
        if sign == "$":
            return None if number < 0 else self._exactly(number + 2)[:-2].decode("utf-8", "replace")
        if sign == "*" and depth:
            return None if number < 0 else [self._answer(depth - 1) for _ in range(min(number, LARGEST))]
        raise ConnectionError("no RESP")

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._held:
            self._more()
        line, _, self._held = self._held.partition(mark)
        return line

    def _exactly(self, size: int) -> bytes:
        if size > LARGEST:
            raise ConnectionError("more than a login needs")
        while len(self._held) < size:
            self._more()
        found, self._held = self._held[:size], self._held[size:]
        return found

    def _more(self) -> None:
        got = self._sock.recv(65_536)
        self._left -= len(got)
        if not got or self._left < 0:
            raise ConnectionError("no whole answer")
        self._held += got


def _number(text: str) -> int:
    if not text.lstrip("-").isascii() or not text.lstrip("-").isdigit() or len(text) > 20:
        raise ConnectionError("no RESP")
    return int(text)


@contextmanager
def _talk(call: Call) -> Iterator[Talk]:
    sock = _dial(call)
    try:
        with bounded(call, lambda: sock):
            yield Talk(sock)
    finally:
        sock.close()


def _dial(call: Call) -> socket.socket:
    """TLS, unless the server lies in our own networks and answers PING in the clear: nothing of a login is in that."""
    if call.server.scheme in TLS_ONLY:
        return dial(call, clear=False)
    sock, ours = connect(call)
    try:
        if ours:
            sock.sendall(b"PING\r\n")
            told = sock.recv(512)
            if told[:1] in (b"+", b"-") and told.endswith(b"\r\n"):
                return sock
    except OSError:
        pass
    sock.close()
    return dial(call, clear=False)


def login(call: Call) -> Reply:
    """One login, after one with a made-up password that must fail. The reply's code is the first word of the server's error."""
    server = call.server
    try:
        with _talk(call) as talk:
            if _takes_any(talk, server.user):
                return Reply(server.shown, json={"user": server.user or "default", "used_password": False}, at=call.at)
            talk.ask("AUTH", *([server.user] if server.user else []), server.password.reveal())
            return Reply(server.shown, json={"used_password": True, **_who(talk, server.user)}, at=call.at)
    except Refused as error:
        return Reply(server.shown, code=error.code[:32], text=error.text[:300], at=call.at)
    except (OSError, ValueError) as error:
        raise NotSent(slug(error)) from None


def _takes_any(talk: Talk, user: str) -> bool:
    try:
        talk.ask("AUTH", *([user] if user else []), secrets.token_hex(16))
    except Refused as error:
        if any(said in error.text.casefold() for said in OPEN):
            return True
        if error.code == "WRONGPASS" or "invalid password" in error.text.casefold():
            return False
        raise
    return True


def _who(talk: Talk, user: str) -> dict[str, Any]:
    """Logged in: the name. A refusal of the question proves the login as well; a server before 6.0 has no names."""
    try:
        return {"user": str(talk.ask("ACL", "WHOAMI")), "restricted": False}
    except Refused as error:
        return {"user": user or "default", "restricted": error.code == "NOPERM"}


def ask(call: Call, text: str, values: Sequence[Any]) -> Reply:
    """`user` NAME PASSWORD, as the authority: whether the user is on, asks for a password, and has this one."""
    if text != "user":
        raise EgressRefused("A question that is none was refused.", safe="nothing was sent")
    name, password = values
    try:
        with _talk(call) as talk:
            _as_authority(talk, call)
            found = _user(talk, name)
    except Refused as error:
        return Reply(call.server.shown, code=error.code[:32], text=error.text[:300], at=call.at)
    except (OSError, ValueError) as error:
        raise NotSent(slug(error)) from None
    if found is None:
        return Reply(call.server.shown, code="NOUSER", at=call.at)
    flags, hashes = found
    row = {
        "user": name,
        "on": "on" in flags,
        "nopass": "nopass" in flags,
        "holds": _hash(password) in hashes,
        "passwords": len(hashes),
    }
    return Reply(call.server.shown, json=row, at=call.at)


def change(call: Call, text: str, values: Sequence[Any]) -> Reply:
    """One change of a user, as the authority, and then its being kept.

    `password` NAME NEW OLD, `forget` NAME OLD, `off` NAME, `on` NAME, `kill` NAME. The row tells `kept`: where the
    change was written (`users`, `config` or nothing), and `why_not`.
    """
    started = False
    try:
        with _talk(call) as talk:
            _as_authority(talk, call)
            words = _words(talk, text, values)
            if call.line.still is not None:
                call.line.still()
            started = True
            answer = talk.ask(*words)
            row = {"answer": answer if isinstance(answer, int) else str(answer)[:100]}
            return Reply(call.server.shown, json=row if text == "kill" else row | _keep(talk), at=call.at)
    except Refused as error:
        return Reply(call.server.shown, code=error.code[:32], text=error.text[:300], at=call.at)
    except OSError as error:
        raise (Lost if started else NotSent)(slug(error)) from None


def _words(talk: Talk, text: str, values: Sequence[Any]) -> list[str]:
    name = str(values[0])
    if text == "password":
        new, old = values[1], values[2]
        if name == "default" and _is_requirepass(talk, old):
            return ["CONFIG", "SET", "requirepass", new.reveal()]
        return ["ACL", "SETUSER", name, f"#{_hash(new)}", f"!{_hash(old)}"]
    if text == "forget":
        return ["ACL", "SETUSER", name, f"!{_hash(values[1])}"]
    if text in ("on", "off"):
        return ["ACL", "SETUSER", name, text]
    if text == "kill":
        return ["CLIENT", "KILL", "USER", name]
    raise EgressRefused("A change that is none was refused.", safe="nothing was sent")


def _is_requirepass(talk: Talk, old: Secret) -> bool:
    """True when the one password of `default` stands in the configuration, which must then hold the new one."""
    try:
        found = talk.ask("CONFIG", "GET", "requirepass")
        user = _user(talk, "default")
    except Refused:
        return False
    stored = found[1] if isinstance(found, list) and len(found) == 2 else ""
    return bool(stored) and Secret(str(stored)).same_as(old) and (user is None or len(user[1]) == 1)


def _keep(talk: Talk) -> dict[str, str]:
    """Write the change to the file of users, or to the configuration; a server without either forgets it when it restarts."""
    why = ""
    for words, where in ((("ACL", "SAVE"), "users"), (("CONFIG", "REWRITE"), "config")):
        try:
            talk.ask(*words)
        except Refused as error:
            why = f"{error.code} {error.text}"[:150]
        except OSError:
            return {"kept": "", "why_not": "the connection broke"}
        else:
            return {"kept": where, "why_not": ""}
    return {"kept": "", "why_not": why}


def _as_authority(talk: Talk, call: Call) -> None:
    user = [call.server.user] if call.server.user else []
    talk.ask("AUTH", *user, call.server.password.reveal())


def _user(talk: Talk, name: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """The flags and the hashes of a user; None when there is none of that name."""
    found = talk.ask("ACL", "GETUSER", name)
    if not isinstance(found, list):
        return None
    table = dict(zip(map(str, found[::2]), found[1::2], strict=False))
    return frozenset(map(str, table.get("flags") or ())), frozenset(map(str, table.get("passwords") or ()))


def _hash(password: Secret) -> str:
    return hashlib.sha256(password.reveal().encode()).hexdigest()
