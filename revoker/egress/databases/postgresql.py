"""PostgreSQL through pg8000: libpq does not tell the SQLSTATE of a refused login, dials by itself, and reads files."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from revoker.egress.databases.dial import Call, bounded, dial, slug
from revoker.egress.line import Lost, NotSent
from revoker.model import Secret
from revoker.sdk import Reply

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
WHO = (
    "SELECT current_user::text AS user, current_setting('server_version') AS server_version, rolsuper AS superuser, "
    "rolcreaterole AS createrole, rolcreatedb AS createdb, rolreplication AS replication, rolbypassrls AS bypassrls, "
    "rolvaliduntil AS valid_until, rolconnlimit AS connection_limit FROM pg_roles WHERE rolname = current_user"
)


def login(call: Call) -> Reply:
    """One login and one read-only question. The reply's code is the server's SQLSTATE."""
    return _attempt(call, f"-c default_transaction_read_only=on -c statement_timeout={int(call.limit * 1000)}", WHO, ())


def change(call: Call, text: str, values: Sequence[Any]) -> Reply:
    """One statement in a transaction of its own."""
    return _attempt(call, f"-c statement_timeout={int(call.limit * 1000)}", text, values)


def _attempt(call: Call, options: str, text: str, values: Sequence[Any]) -> Reply:
    from pg8000.dbapi import Connection  # type: ignore[import-untyped,unused-ignore]
    from pg8000.exceptions import DatabaseError, InterfaceError  # type: ignore[import-untyped,unused-ignore]

    server, sock = call.server, dial(call, _takes_tls)
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
        with bounded(call, lambda: sock):
            who = Login(
                server.user,
                password=server.password.reveal(),
                database=server.database or server.user,
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
            return _refused(call, errors[-1])
        raise (Lost if started else NotSent)(slug(error)) from None
    except (LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):  # what no server of this protocol sends
        raise (Lost if started else NotSent)("wrong_type") from None
    finally:
        sock.close()
    body: Any = rows[0] | {"used_password": any(asked)} if text is WHO and rows else rows
    return Reply(server.shown, json=body, at=call.at)


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


def _refused(call: Call, error: Exception) -> Reply:
    """The server's own error: its SQLSTATE as the code, its message as the text."""
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    code = told.get("C")
    if code is None:
        return Reply(call.server.shown, trouble="truncated", at=call.at)
    return Reply(call.server.shown, code=str(code)[:5], text=str(told.get("M", ""))[:500], at=call.at)


def _takes_tls(sock: socket.socket) -> bool:
    """The protocol's question for TLS. Raises OSError when neither yes nor no comes back."""
    sock.sendall(SSL_REQUEST)
    told = sock.recv(1)
    if told not in (b"S", b"N"):
        raise ConnectionError("no answer to the question for TLS")
    return told == b"S"
