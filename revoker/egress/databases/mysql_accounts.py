"""Which accounts of a user hold a leaked password: asked as the authority, because a refused login does not tell.

The server says 1045 to the right password from the wrong host. Hashes are compared here and go no further.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from revoker.egress.databases import mysql
from revoker.egress.databases.dial import Call
from revoker.errors import EgressRefused
from revoker.model import Secret
from revoker.sdk import Reply

NATIVE = ("", "mysql_native_password")
MARIADB = (
    "SELECT Host AS host, COALESCE(JSON_VALUE(Priv, '$.plugin'), '') AS plugin, "
    "COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '') AS hash, JSON_EXISTS(Priv, '$.auth_or') AS others, "
    "COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0) IN ('1', 'true') AS locked "
    "FROM mysql.global_priv WHERE User = %s AND COALESCE(JSON_VALUE(Priv, '$.is_role'), 0) NOT IN ('1', 'true')"
)
MYSQL = (
    "SELECT Host AS host, plugin, authentication_string AS hash, 0 AS others, account_locked = 'Y' AS locked "
    "FROM mysql.user WHERE User = %s"
)


def ask(call: Call, text: str, values: Sequence[Any]) -> Reply:
    """`holders` USER PASSWORD: json tells the hosts of the accounts that hold it, in `open`, `locked` and `unclear`.

    Unclear are accounts that log in another way than by the hash that we can make. Raises NotSent or Lost.
    """
    if text != "holders":
        raise EgressRefused("A question that is none was refused.", safe="nothing was sent")
    user, password = values
    word = password.reveal() if isinstance(password, Secret) else str(password)
    reply = mysql.change(call, "SELECT VERSION() AS version", ())
    if reply.code is not None:
        return reply
    mariadb = "mariadb" in str(reply.pick("0.version")).casefold()
    reply = mysql.change(call, MARIADB if mariadb else MYSQL, [str(user)])
    if reply.code is not None:
        return reply
    return Reply(reply.host, json=_sorted(reply.json, _hash(word)), at=call.at)


def _sorted(rows: Iterable[Mapping[str, Any]], wanted: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"open": [], "locked": [], "unclear": []}
    for row in rows:
        if row["plugin"] not in NATIVE or row["others"]:
            found["unclear"].append(str(row["host"]))
        elif str(row["hash"]).upper() == wanted:
            found["locked" if row["locked"] else "open"].append(str(row["host"]))
    return found


def _hash(password: str) -> str:
    inner = hashlib.sha1(password.encode()).digest()  # noqa: S324 - the server's own format
    return "*" + hashlib.sha1(inner).hexdigest().upper()  # noqa: S324
