"""PostgreSQL: one login or one statement, over a socket of our own, with nothing from libpq's environment.

pg8000 is used because libpq does not tell the SQLSTATE of a refused login, dials by itself, and reads service and
password files.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

from revoker.config import Settings
from revoker.egress.line import Line, Lost, NotSent
from revoker.egress.names import pin_sync
from revoker.errors import EgressRefused
from revoker.model import Credential, Secret
from revoker.sdk import Reply

PORT = 5432
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
WHO = (
    "SELECT current_user::text AS user, current_setting('server_version') AS server_version, rolsuper AS superuser, "
    "rolcreaterole AS createrole, rolcreatedb AS createdb, rolreplication AS replication, rolbypassrls AS bypassrls, "
    "rolvaliduntil AS valid_until, rolconnlimit AS connection_limit FROM pg_roles WHERE rolname = current_user"
)


@dataclass(frozen=True, slots=True)
class Server:
    """Whom we log in to, and as whom. No other option of a URI is taken over."""

    host: str
    port: int
    user: str
    database: str
    password: Secret = field(repr=False)

    @property
    def shown(self) -> str:
        return f"{self.host}:{self.port}"


def from_uri(credential: Credential, settings: Settings) -> Server:
    """The server that a leaked URI names, when the operator owns it. Raises EgressRefused for any other."""
    try:
        parts = urlsplit(credential.secret.reveal())
        host, port = parts.hostname or "", parts.port or PORT
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        raise EgressRefused("A database address that is none was refused.", safe="nothing was sent") from None
    if parts.scheme not in ("postgres", "postgresql") or not host or not user or "," in parts.netloc.rpartition("@")[2]:
        raise EgressRefused("A database address that is not one server's was refused.", safe="nothing was sent")
    _owned(host, port, settings)
    return Server(host, port, user, unquote(parts.path.lstrip("/")) or user, Secret(password))


def _owned(host: str, port: int, settings: Settings) -> None:
    owned = {entry.casefold() for entry in settings.ownership.hosts}
    named = settings.endpoints.get("postgresql")
    for address in [named] if isinstance(named, str) else list((named or {}).values()):
        parts = urlsplit(address)
        owned.add(f"{(parts.hostname or '').casefold()}:{parts.port or PORT}")
    bare = f"[{host}]" if ":" in host else host
    if not owned & {host.casefold(), f"{host.casefold()}:{port}", f"{bare.casefold()}:{port}"}:
        raise EgressRefused(
            "A database host that the configuration does not own was refused.",
            safe="nothing was sent",
            next="add host:port to [ownership] hosts if it is yours",
        )


def login(server: Server, line: Line, *, limit: float, at: datetime) -> Reply:
    """One login and one read-only question. The reply's code is the server's SQLSTATE."""
    options = f"-c default_transaction_read_only=on -c statement_timeout={int(limit * 1000)}"
    return _attempt(server, _dial(server, line, limit), options, WHO, (), at=at)


def statement(server: Server, line: Line, text: str, values: Sequence[Any], *, limit: float, at: datetime) -> Reply:
    """One statement in a transaction of its own. Raises NotSent or Lost when there is no answer to it."""
    options = f"-c statement_timeout={int(limit * 1000)}"
    return _attempt(server, _dial(server, line, limit), options, text, values, at=at)


def _attempt(server: Server, sock: socket.socket, options: str, text: str, values: Sequence[Any], *, at: datetime) -> Reply:
    from pg8000.dbapi import Connection  # type: ignore[import-untyped,unused-ignore]
    from pg8000.exceptions import DatabaseError, InterfaceError  # type: ignore[import-untyped,unused-ignore]

    asked: list[int] = []
    errors: list[Exception] = []  # pg8000 loses a refusal when the server hangs up right after it

    class Login(Connection):  # type: ignore[misc,unused-ignore]
        def handle_AUTHENTICATION_REQUEST(self, data: bytes, context: Any) -> None:  # noqa: N802 - pg8000's name
            asked.append(struct.unpack("!i", data[:4])[0])
            super().handle_AUTHENTICATION_REQUEST(data, context)

        def handle_ERROR_RESPONSE(self, data: bytes, context: Any) -> None:  # noqa: N802 - pg8000's name
            super().handle_ERROR_RESPONSE(data, context)
            errors.append(context.error)

    started = False
    try:
        who = Login(
            server.user,
            password=server.password.reveal(),
            database=server.database,
            sock=sock,
            ssl_context=False,
            application_name="revoker",
            startup_params={"options": options},
        )
        who.autocommit = True
        started = True
        rows = _rows(who, text, values)
        who.close()
    except (DatabaseError, InterfaceError, OSError, ValueError, struct.error) as error:
        if errors:
            return _refused(server, errors[-1], at)
        raise (Lost if started else NotSent)(_slug(error)) from None
    finally:
        sock.close()
    body: Any = rows[0] | {"used_password": any(asked)} if text is WHO and rows else rows
    return Reply(server.shown, json=body, at=at)


def _rows(who: Any, text: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    cursor = who.cursor()
    plain = tuple(value.reveal() if isinstance(value, Secret) else value for value in values)
    cursor.execute(text, plain) if plain else cursor.execute(text)
    if cursor.description is None:
        return []
    names = [str(column[0]) for column in cursor.description]
    return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchmany(1000)]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _refused(server: Server, error: Exception, at: datetime) -> Reply:
    """The server's own error: its SQLSTATE as the code, its message as the text."""
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    code = told.get("C")
    if code is None:
        return Reply(server.shown, trouble="truncated", at=at)
    return Reply(server.shown, code=str(code)[:5], text=str(told.get("M", ""))[:500], at=at)


def _dial(server: Server, line: Line, limit: float) -> socket.socket:
    """A socket to a checked address: TLS with the server's name, or in the clear only inside the operator's own networks."""
    try:
        addresses = pin_sync(server.host, server.port, line.allow, line.resolver)
        sock = _connect(addresses, server.port, limit)
    except OSError as error:
        raise NotSent("timeout" if isinstance(error, TimeoutError) else "connect") from None
    ours = all(any(ip_address(address) in net for net in line.allow) for address in addresses)
    try:
        sock.sendall(SSL_REQUEST)
        told = sock.recv(1)
        if told == b"S":
            return line.tls.wrap_socket(sock, server_hostname=server.host)
    except (OSError, ValueError) as error:
        sock.close()
        raise NotSent(_slug(error)) from None
    if told == b"N" and ours:
        return sock
    sock.close()
    raise NotSent("tls" if told == b"N" else "disconnected")


def _connect(addresses: Sequence[str], port: int, limit: float) -> socket.socket:
    end, last = time.monotonic() + limit, OSError("no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), max(0.1, end - time.monotonic()))
        except OSError as error:
            last = error
    raise last


def _slug(error: BaseException) -> str:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError | ssl.CertificateError):
            return "tls"
        if isinstance(seen, TimeoutError):
            return "timeout"
        seen = seen.__cause__
    return "disconnected"
