"""Connection strings of SQL Server (ADO.NET, ODBC, OLE DB, JDBC), as the URI form of the same login."""

from __future__ import annotations

import re
from urllib.parse import quote

from revoker.ingest import addresses

JDBC = re.compile(r"jdbc:(?:\w{1,20}:)?sqlserver://([A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?;", re.IGNORECASE)
HOST = re.compile(r"(?:tcp:|np:)?([A-Za-z0-9._-]{1,253})(?:,\s{0,3}(\d{1,5}))?", re.IGNORECASE)
PAIR = re.compile(
    r"\s*([A-Za-z][A-Za-z _-]{0,40}?)\s*=\s*(\"[^\"]{0,2000}\"|'[^']{0,2000}'|\{[^}]{0,2000}\}|[^;]{0,2000}?)\s*(?:;|\Z)"
)
SERVER = ("server", "data source", "address", "addr", "network address")
USER = ("user id", "uid", "user", "username", "user name")
PASSWORD = ("password", "pwd")
DATABASE = ("initial catalog", "database", "databasename")
# What only SQL Server's drivers know: strings of MySQL's and PostgreSQL's .NET drivers look the same otherwise.
ONLY_HERE = frozenset(
    {"initial catalog", "data source", "trustservercertificate", "trust server certificate", "multipleactiveresultsets"}
    | {"persist security info", "network library", "applicationintent", "multisubnetfailover", "workstation id"}
)
SAYS_SO = re.compile(r"sql server|sqlncli|msoledbsql|sqloledb|freetds", re.IGNORECASE)


def normal(value: str) -> tuple[str, dict[str, str]] | None:
    """`mssql://user:password@host:port/database` and its public parts; None for anything else.

    A named instance is left as it is: its port is known to the server's browser service alone.
    """
    if len(value) > 4096 or ";" not in value:
        return None
    jdbc = JDBC.match(value)
    found = _pairs(value[jdbc.end() :] if jdbc is not None else value)
    if found is None or (jdbc is None and not _is_here(found)):
        return None
    user, password, database = _first(found, USER), _first(found, PASSWORD), _first(found, DATABASE)
    host = jdbc or HOST.fullmatch(_first(found, SERVER))
    if host is None or not (0 < len(user) <= 128 and 0 < len(password) <= 1024):
        return None
    path = f"/{quote(database, safe='')}" if database else ""
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return addresses.normal(f"mssql://{login}@{host[1]}:{host[2] or 1433}{path}")


def _pairs(text: str) -> dict[str, str] | None:
    """Names in lower case and their values, unquoted; None when it is no such list."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text) and text[at:].strip(" ;\r\n"):
        pair = PAIR.match(text, at)
        if pair is None or len(found) >= 60:
            return None
        found.setdefault(pair[1].casefold(), _unquoted(pair[2]))
        at = pair.end()
    return found


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] + text[-1] in ('""', "''", "{}") else text


def _is_here(found: dict[str, str]) -> bool:
    says = SAYS_SO.search(f"{found.get('driver', '')} {found.get('provider', '')}") is not None
    server = _first(found, SERVER).casefold()
    typical = server.startswith("tcp:") or ".database.windows.net" in server or "," in server
    return "port" not in found and (says or typical or bool(ONLY_HERE & set(found)))


def _first(found: dict[str, str], names: tuple[str, ...]) -> str:
    return next((found[name] for name in names if name in found), "")
