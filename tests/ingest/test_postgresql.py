"""PostgreSQL addresses in one form."""

from __future__ import annotations

import pytest

from revoker.ingest.postgresql import normal

PASSWORD = "p%40ss;w0rd"


@pytest.mark.parametrize(
    "address",
    [
        "postgres://app:{}@DB.example:5432/orders?sslmode=require",
        "postgresql://app:{}@db.example/orders",
        "postgresql+psycopg2://app:{}@db.example:5432/orders#x",
        "jdbc:postgresql://app:{}@db.example:5432/orders/",
    ],
)
def test_one_login_has_one_form(address: str) -> None:
    found = normal(address.format(PASSWORD))
    assert found is not None
    assert found[0] == f"postgresql://app:{PASSWORD}@db.example:5432/orders"
    assert found[1] == {"user": "app", "host": "db.example", "port": "5432", "database": "orders"}


def test_the_database_is_the_users_when_there_is_none() -> None:
    found = normal(f"postgres://app:{PASSWORD}@db.example:6543")
    assert found is not None
    assert found[0].endswith("@db.example:6543/app")


def test_an_ipv6_host_keeps_its_brackets() -> None:
    found = normal(f"postgres://app:{PASSWORD}@[::1]:5432/x")
    assert found is not None
    assert found[0].endswith("@[::1]:5432/x")
    assert found[1]["host"] == "::1"


@pytest.mark.parametrize(
    "address",
    [
        "mysql://app:x@db.example/x",
        "postgres://app@db.example/x",
        "postgres://db.example/x",
        "postgres://a:b@one.example,two.example/x",
        "postgres://a:b@db.example:99999/x",
        "postgres://a:b@[::1/x",
        "postgres://a:b@/x",
        "postgres://a:b@db.exam ple/x",
        "postgres://" + "a" * 10_000,
        "",
    ],
)
def test_anything_else_is_none(address: str) -> None:
    assert normal(address) is None
