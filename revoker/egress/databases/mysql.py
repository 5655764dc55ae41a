"""MySQL and MariaDB through PyMySQL, over our own socket: no option file, no LOAD DATA LOCAL, no second statement.

The driver gives in where it should not, so some of its steps are ours: a server without TLS is left unless its
network is the operator's own, the password is never handed over in the clear, and what a server sends is bounded.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from revoker.egress.databases.dial import Call, bounded, connect, slug
from revoker.egress.line import Lost, NotSent
from revoker.model import Secret
from revoker.sdk import Reply

MOST_BYTES = 1 << 20  # of all answers of one connection
MOST_ROWS = 1000
HASHING = frozenset({b"mysql_native_password", b"caching_sha2_password", b"client_ed25519"})  # none shows the password
KEY_REQUESTS = frozenset({b"\x01", b"\x02"})  # ask an unproven server for the key that the password is then sent under
CUT = frozenset({"1053", "1317", "1927", "1969", "3024", "3169"})  # stopped on the way: nobody knows how far it came
HASHES = re.compile(r" IDENTIFIED (?:BY|VIA|WITH) .*?(?= (?:REQUIRE|WITH (?:GRANT|MAX)|ACCOUNT|PASSWORD EXPIRE)|$)", re.DOTALL)
READ_ONLY = "SET SESSION TRANSACTION READ ONLY"
WHO = "SELECT CURRENT_USER() AS who, VERSION() AS version"

Row = dict[str, Any]
Work = Callable[[Any], "list[Row] | Row"]


class _Unwelcome(Exception):
    """What the server asked for is not given. `reason` is a trouble slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def login(call: Call) -> Reply:
    """One login and two questions that read. The reply's code is the server's error number, as text.

    The database of the URI is looked at only after the login, so that its own errors (1044, 1049) prove the password.
    Even a refusal tells the `version` that the server greeted with, and whether it was spoken to in `tls`.
    """
    reply = _attempt(call, lambda who: _identity(who, call.server.database), autocommit=None)
    return reply if reply.code is not None else replace(reply, code=reply.pick("database"))


def change(call: Call, text: str, values: Sequence[Any]) -> Reply:
    """One statement, sent without naming a database. `values` are quoted by the driver; `%` is then written `%%`."""

    def work(who: Any) -> list[Row]:
        return _rows(who, text, [value.reveal() if isinstance(value, Secret) else value for value in values])

    return _attempt(call, work, autocommit=True)


def _attempt(call: Call, work: Work, *, autocommit: bool | None) -> Reply:
    from pymysql.err import Error

    sock, ours = connect(call)
    who, started = _connection()(call, autocommit, ours=ours), False
    try:
        with bounded(call, lambda: who._sock):
            who.connect(sock)
            started = True
            body = work(who)
            who.close()
    except _Unwelcome as error:
        raise (Lost if started else NotSent)(error.reason) from None
    except (Error, OSError) as error:
        return _refused(call, who, error, started=started)
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError, AssertionError, struct.error):
        raise (Lost if started else NotSent)("wrong_type") from None  # what no server of this protocol sends
    finally:
        if who._sock is not None:
            who._force_close()
        sock.close()
    return Reply(call.server.shown, json=body, at=call.at)


def _refused(call: Call, who: Any, error: Exception, *, started: bool) -> Reply:
    """The server's own error. Raises NotSent or Lost where the driver made one up (2000 to 2999) or a statement was cut."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    code = str(number)
    if isinstance(error, OSError) or number < 1000 or 2000 <= number < 3000 or (started and code in CUT):
        cause = getattr(error, "original_exception", None) or error.__context__ or error
        raise (Lost if started else NotSent)(slug(cause)) from None
    told = {"version": who.server_version or "", "tls": who._secure}
    return Reply(call.server.shown, code=code, text=str(error.args[1])[:500], json=told, at=call.at)


def _identity(who: Any, database: str) -> Row:
    """Who we are, and what we may do. A server that checks no grants takes any password."""
    from pymysql.err import Error, OperationalError

    _rows(who, READ_ONLY, ())
    row = _rows(who, WHO, ())[0]
    user, _, host = str(row["who"]).rpartition("@")
    found: Row = {"user": user, "host": host, "version": str(row["version"]), "tls": who._secure, "grants": []}
    try:
        found["grants"] = [_grant(row) for row in _rows(who, "SHOW GRANTS", ())]
    except OperationalError as error:
        found["unguarded"] = error.args[0] == 1290  # --skip-grant-tables
    if database:
        try:
            who.select_db(database)
        except Error as error:
            told = str(error.args[0]) if error.args else ""
            if told in ("1044", "1049"):
                found["database"] = told
    return found


def _grant(row: Row) -> str:
    """A grant without the hash that MariaDB shows in it."""
    return HASHES.sub("", str(next(iter(row.values()), "")))[:500]


def _rows(who: Any, text: str, values: Sequence[Any]) -> list[Row]:
    with who.cursor() as cursor:
        cursor.execute(text, tuple(values) or None)
        if cursor.description is None:
            return []
        names = [str(column[0]) for column in cursor.description]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchmany(MOST_ROWS)]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _arguments(call: Call) -> dict[str, Any]:
    """Where to log in and as whom."""
    return {
        "host": call.server.host,
        "port": call.server.port,
        "user": call.server.user,
        "password": call.server.password.reveal().encode(),  # a str would go out as Latin-1
        "ssl": call.line.tls,
        "read_timeout": call.limit,
        "write_timeout": call.limit,
    }


@cache
def _connection() -> Any:
    """PyMySQL's connection with the steps that are ours; made at the first use, so that nobody else loads the driver."""
    from pymysql.connections import Connection
    from pymysql.constants import CLIENT

    driver: Any = Connection

    class Guarded(driver):  # type: ignore[misc]
        server_version = _auth_plugin_name = ""

        def __init__(self, call: Call, autocommit: bool | None, *, ours: bool) -> None:
            self.ours, self.left = ours, MOST_BYTES
            super().__init__(**_arguments(call), autocommit=autocommit, charset="utf8mb4", local_infile=False, defer_connect=True)
            self._connect_attrs = {"program_name": "revoker"}

        def _get_server_information(self) -> None:
            super()._get_server_information()
            if not self.server_capabilities & CLIENT.SSL:
                if not self.ours:
                    raise _Unwelcome("tls")
                self.ssl = self._ssl_required = False
                self.client_flag &= ~CLIENT.SSL
                if self._auth_plugin_name == "sha256_password":
                    self._auth_plugin_name = "mysql_native_password"

        def _process_auth(self, plugin_name: bytes, *rest: Any) -> Any:
            if not self._secure and bytes(plugin_name) not in HASHING:
                raise _Unwelcome("wrong_type")
            return super()._process_auth(plugin_name, *rest)

        def write_packet(self, payload: bytes) -> None:
            if not self._secure and payload in KEY_REQUESTS:
                raise _Unwelcome("wrong_type")
            super().write_packet(payload)

        def _read_bytes(self, num_bytes: int) -> bytes:
            self.left -= num_bytes
            if self.left < 0:
                raise _Unwelcome("too_large")
            return bytes(super()._read_bytes(num_bytes))

    return Guarded
