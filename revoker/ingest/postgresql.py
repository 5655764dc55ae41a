"""PostgreSQL addresses, brought into one form: the same login is then the same credential wherever it was found."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

STARTS = re.compile(r"(?:jdbc:)?(?:postgres|postgresql)(?:\+\w{1,20})?://", re.IGNORECASE)
LOGIN = re.compile(r"([^:@/\s]{1,256}):([^@/\s]{1,1024})@")
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
NAME = re.compile(r"[^/?#\s]{1,256}")


def normal(value: str) -> tuple[str, dict[str, str]] | None:
    """`postgresql://user:password@host:port/database` without options, and its public parts; None for anything else.

    The database's name is the user's when the address has none, as libpq has it. An address with several hosts
    is several credentials and stays as it is.
    """
    start = STARTS.match(value) if len(value) <= 4096 else None
    if start is None:
        return None
    try:
        found = urlsplit("postgresql://" + value[start.end() :])
        host, port = found.hostname or "", found.port or 5432
    except ValueError:
        return None
    login = LOGIN.fullmatch(found.netloc.rpartition("@")[0] + "@")
    database = found.path.strip("/")
    if login is None or not HOST.fullmatch(host) or (database and not NAME.fullmatch(database)):
        return None
    user, password = login[1], login[2]
    database = database or user
    at = f"[{host}]" if ":" in host else host
    parts = {"user": user, "host": host, "port": str(port), "database": database}
    return f"postgresql://{user}:{password}@{at}:{port}/{database}", parts
