"""Databases by URI: one login or one command over a socket of our own, with nothing from a driver's environment.

A new engine is one module with a `login` and a `change`, and one row in ENGINES. Drivers are imported where they are
used, so that who checks no database loads none.
"""

from __future__ import annotations

from collections.abc import Mapping

from revoker.egress.databases import amqp, mongodb, mssql, mysql, mysql_accounts, postgresql, redis
from revoker.egress.databases.address import Engine, from_uri
from revoker.egress.databases.dial import Call, Server
from revoker.errors import EgressRefused

__all__ = ["ENGINES", "Call", "Engine", "Server", "engine", "from_uri"]

ENGINES: Mapping[str, Engine] = {
    "mssql": Engine({"mssql": 1433, "sqlserver": 1433}, mssql.login, mssql.change),
    "mysql": Engine({"mysql": 3306, "mariadb": 3306}, mysql.login, mysql.change, ask=mysql_accounts.ask),
    "postgresql": Engine({"postgresql": 5432, "postgres": 5432}, postgresql.login, postgresql.change),
    "redis": Engine(
        {"redis": 6379, "rediss": 6379, "valkey": 6379, "valkeys": 6379}, redis.login, redis.change, nameless=True, ask=redis.ask
    ),
    "mongodb": Engine({"mongodb": 27017}, mongodb.login),
    "amqp": Engine({"amqp": 5672, "amqps": 5671}, amqp.login),
}


def engine(name: str) -> Engine:
    """The row of an engine. Raises EgressRefused for a name that has none."""
    if name not in ENGINES:
        raise EgressRefused(f"There is no login for {name!r}.", safe="nothing was sent")
    return ENGINES[name]
