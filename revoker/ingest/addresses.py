"""Database addresses, brought into one form: the same login is then the same credential wherever it was found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit


@dataclass(frozen=True, slots=True)
class Family:
    """The scheme of one form and its port. `own_database`: a login without a database's name means the user's own."""

    scheme: str
    port: int
    own_database: bool = False


POSTGRESQL = Family("postgresql", 5432, own_database=True)
MYSQL = Family("mysql", 3306)
MSSQL = Family("mssql", 1433)
FAMILIES: Mapping[str, Family] = {
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    "mysql": MYSQL,
    "mysql2": MYSQL,
    "mariadb": MYSQL,
    "mssql": MSSQL,
    "sqlserver": MSSQL,
}
STARTS = re.compile(r"(jdbc:)?([a-z]{2,20}2?)(?:[+:]\w{1,20})?://", re.IGNORECASE)
LOGIN = re.compile(r"([^:@/\s]{1,256}):([^@/\s]{1,1024})@")
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
NAME = re.compile(r"[^/?#\s]{1,256}")


def normal(value: str) -> tuple[str, dict[str, str]] | None:
    """`scheme://user:password@host:port/database` without options, and its public parts; None for anything else.

    A JDBC address has its login among its options. An address with several hosts is several credentials and stays
    as it is. PostgreSQL's database is the user's when the address names none, as libpq has it.
    """
    start = STARTS.match(value) if len(value) <= 4096 else None
    family = FAMILIES.get(start[2].casefold()) if start is not None else None
    if start is None or family is None:
        return None
    try:
        found = urlsplit(f"{family.scheme}://{value[start.end() :]}")
        host, port = found.hostname or "", found.port or family.port
    except ValueError:
        return None
    login = _login(found, jdbc=start[1] is not None)
    database = found.path.strip("/")
    if login is None or not HOST.fullmatch(host) or (database and not NAME.fullmatch(database)):
        return None
    user, password = login
    database = database or (user if family.own_database else "")
    at = f"[{host}]" if ":" in host else host
    parts = {"user": user, "host": host, "port": str(port), "database": database}
    path = f"/{database}" if database else ""
    return f"{family.scheme}://{user}:{password}@{at}:{port}{path}", parts


def options_of(query: str) -> dict[str, str]:
    """The options of an address, by their names in small letters; none of an address with more than any driver knows."""
    try:
        return {name.casefold(): text for name, text in parse_qsl(query, max_num_fields=100)}
    except ValueError:
        return {}


def _login(found: SplitResult, *, jdbc: bool) -> tuple[str, str] | None:
    """User and password, quoted as a URI has them."""
    login = LOGIN.fullmatch(found.netloc.rpartition("@")[0] + "@")
    if login is not None:
        return login[1], login[2]
    if not jdbc or "@" in found.netloc:
        return None
    options = options_of(found.query)
    user, password = options.get("user", ""), options.get("password", "")
    fits = 0 < len(user) <= 256 and 0 < len(password) <= 1024
    return (quote(user, safe=""), quote(password, safe="")) if fits else None
