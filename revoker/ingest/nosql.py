"""Addresses of Redis, RabbitMQ, MongoDB and ClickHouse, brought into one form: the same login is then the same credential."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from revoker.ingest.addresses import options_of

LOGIN = re.compile(r"([^:@/\s]{0,256}):([^@/\s]{1,1024})")
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
NAME = re.compile(r"[^/?#\s]{1,256}")
SCHEME = re.compile(r"(?:jdbc:)?([a-z0-9+]{4,24})://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """How the addresses of one scheme are written: the scheme that we keep, its port, and what the path names."""

    scheme: str
    port: int
    path: str = ""  # the public part that the path holds; "" when a login does not depend on it
    nameless: bool = False  # a login may come without a user
    source: str = ""  # the one option that says which database holds the user: it is what the path means for a login


def _forms() -> dict[str, Form]:
    found = {
        "amqp": Form("amqp", 5672, "vhost"),
        "amqps": Form("amqps", 5671, "vhost"),
        "mongodb": Form("mongodb", 27017, "database", source="authSource"),
    }
    for name in ("redis", "valkey", "redis+tcp"):
        found[name] = Form("redis", 6379, nameless=True)
    for name in ("rediss", "valkeys", "redis+ssl"):
        found[name] = Form("rediss", 6379, nameless=True)
    for name in ("clickhouse", "clickhouse+native", "clickhouse+http", "clickhouse+asynch"):
        found[name] = Form("clickhouse", 8443, "database")
    for name in ("clickhouses", "clickhouse+https"):
        found[name] = Form("clickhouses", 8443, "database")
    return found


FORMS = _forms()


def normal(value: str) -> tuple[str, dict[str, str]] | None:
    """`scheme://user:password@host:port/name` without options, and its public parts; None for anything else.

    An address with several hosts, one that is looked up by SRV, or one that logs in without a password stays as it is.
    """
    start = SCHEME.match(value) if len(value) <= 4096 else None
    form = FORMS.get(start[1].casefold()) if start is not None else None
    if start is None or form is None:
        return None
    try:
        found = urlsplit("any://" + value[start.end() :])
        host, port = found.hostname or "", found.port or form.port
    except ValueError:
        return None
    login = LOGIN.fullmatch(found.netloc.rpartition("@")[0])
    if login is None or not HOST.fullmatch(host) or not (login[1] or form.nameless):
        return None
    name = found.path.strip("/") if form.path else ""
    if form.source:
        options = options_of(found.query)
        if not options.get("authmechanism", "scram").casefold().startswith("scram"):
            return None
        name = options.get(form.source.casefold()) or name
    if name and not NAME.fullmatch(name):
        return None
    parts = {"user": login[1], "host": host, "port": str(port), form.path: name}
    at = f"[{host}]" if ":" in host else host
    text = f"{form.scheme}://{login[1]}:{login[2]}@{at}:{port}" + (f"/{name}" if name else "")
    return text, {key: part for key, part in parts.items() if key and part}
