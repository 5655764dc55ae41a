"""SQL Server through python-tds, below its `connect`: that one retries a refused login and follows the server elsewhere."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from revoker.egress.databases.dial import Call, bounded
from revoker.egress.databases.tds_channel import Channel, TooMuch, open_channel
from revoker.egress.line import Lost, NotSent
from revoker.model import Secret
from revoker.sdk import Reply

MOST_ROWS = 1000
ERRORS = 11  # the severity from which a message is an error
VAGUE = "18456"  # follows the errors that say more
WHO = "SELECT SUSER_SNAME() AS [user], CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(64)) AS version, IS_SRVROLEMEMBER('sysadmin') AS sysadmin"


def login(call: Call) -> Reply:
    """One login without a database, and one question. The reply's code is the server's message number, as text."""
    reply = _attempt(call, WHO)
    if reply.code is not None or not isinstance(reply.json, list) or not reply.json:
        return reply
    return Reply(reply.host, json=reply.json[0], at=call.at)


def change(call: Call, text: str, values: Sequence[Any]) -> Reply:
    """One batch in the server's own database. `values` stand for `%s` as N'' literals: DDL takes no parameters."""
    return _attempt(call, text % tuple(map(literal, values)) if values else text)


def literal(value: Any) -> str:
    """A text as T-SQL has it; a Secret is revealed only here. Raises ValueError for what it cannot hold."""
    text = value.reveal() if isinstance(value, Secret) else str(value)
    if "\0" in text:
        raise ValueError
    return "N'" + text.replace("'", "''") + "'"


def _attempt(call: Call, text: str) -> Reply:
    from pytds.tds_base import Error  # type: ignore[import-untyped,unused-ignore]

    channel = open_channel(call)
    tds, started = _session(call, channel), False
    try:
        with bounded(call, lambda: channel.sock):
            if tds.login() is not None:
                raise NotSent("redirect")  # the server names another one, which nobody owns
            started = True
            rows = _rows(tds, text)
    except TooMuch:
        raise (Lost if started else NotSent)("too_large") from None
    except (Error, OSError) as error:
        return _refused(call, tds, error, started=started)
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError, AssertionError, struct.error):
        raise (Lost if started else NotSent)("wrong_type") from None
    finally:
        channel.close()
    return Reply(call.server.shown, json=rows, at=call.at)


def _session(call: Call, channel: Channel) -> Any:
    """python-tds's own session over our channel. Nothing about this machine is told but our name."""
    from pytds.tds_base import TDS74, TDS_ODBC_ON, _TdsLogin  # type: ignore[import-untyped,unused-ignore]
    from pytds.tds_socket import _TdsSocket  # type: ignore[import-untyped,unused-ignore]

    how: Any = _TdsLogin()
    how.library = how.app_name = "revoker"
    how.server_name, how.user_name, how.password = call.server.host, call.server.user, call.server.password.reveal()
    how.tds_version, how.option_flag2, how.enc_flag = TDS74, TDS_ODBC_ON, 2
    how.client_lcid, how.validate_host, how.bytes_to_unicode = 1033, False, True
    return _TdsSocket(sock=channel, login=how, autocommit=True)


def _rows(tds: Any, text: str) -> list[dict[str, Any]]:
    from pytds.connection import NonMarsConnection  # type: ignore[import-untyped,unused-ignore]

    cursor = NonMarsConnection(pooling=False, key=None, tds_socket=tds).cursor()
    cursor.execute(text)
    if cursor.description is None:
        return []
    names = [str(column[0]) for column in cursor.description]
    return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchmany(MOST_ROWS)]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _refused(call: Call, tds: Any, error: Exception, *, started: bool) -> Reply:
    """The server's own error. Raises NotSent or Lost when there is none: a broken connection, or a driver's."""
    if getattr(error, "msg_no", 0):
        told = [one for one in tds.main_session.messages if one["severity"] >= ERRORS]
        exact = [one for one in told if str(one["msgno"]) != VAGUE] or told
        if exact:
            return Reply(call.server.shown, code=str(exact[0]["msgno"]), text=str(exact[0]["message"])[:500], at=call.at)
    reason = "timeout" if isinstance(error, TimeoutError) or "imeout" in type(error).__name__ else "disconnected"
    raise (Lost if started else NotSent)(reason) from None
