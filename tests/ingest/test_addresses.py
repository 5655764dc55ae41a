"""Database addresses in one form."""

from __future__ import annotations

import pytest

from revoker.ingest.addresses import normal

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


@pytest.mark.parametrize(
    "address",
    [
        "mysql://app:{}@db.example/orders?ssl-mode=DISABLED&local_infile=1",
        "mysql2://app:{}@db.example:3306/orders",
        "mariadb://app:{}@DB.example/orders",
        "mysql+pymysql://app:{}@db.example/orders?read_default_file=/etc/my.cnf",
        "jdbc:mysql://app:{}@db.example:3306/orders",
        "jdbc:mariadb://db.example/orders?useSSL=false&user=app&password={}",
        "jdbc:mysql:aws://db.example/orders?password={}&user=app",
    ],
)
def test_one_mysql_login_has_one_form(address: str) -> None:
    found = normal(address.format("p%40ss"))
    assert found is not None
    assert found[0] == "mysql://app:p%40ss@db.example:3306/orders"
    assert found[1] == {"user": "app", "host": "db.example", "port": "3306", "database": "orders"}


def test_a_mysql_login_without_a_database_names_none() -> None:
    found = normal("mysql://app:made-up@db.example")
    assert found is not None
    assert found[0] == "mysql://app:made-up@db.example:3306"
    assert found[1]["database"] == ""


@pytest.mark.parametrize(
    "address", ["mysqlx://app:x@db.example/x", "jdbc:mysql://db.example/x?user=app", "mysql://db.example/x?user=a&password=b"]
)
def test_what_is_no_mysql_login_is_none(address: str) -> None:
    assert normal(address) is None


def test_an_ipv6_host_keeps_its_brackets() -> None:
    found = normal(f"postgres://app:{PASSWORD}@[::1]:5432/x")
    assert found is not None
    assert found[0].endswith("@[::1]:5432/x")
    assert found[1]["host"] == "::1"


@pytest.mark.parametrize(
    "address",
    [
        "amqp://app:x@db.example/x",
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


def test_more_options_than_any_driver_knows_are_none() -> None:
    options = "&".join(f"o{number}=1" for number in range(99))
    assert normal(f"jdbc:postgresql://db.example/x?{options}&user=app&password={PASSWORD}") is None
    fewer = options.removesuffix("&o98=1")
    assert normal(f"jdbc:postgresql://db.example/x?{fewer}&user=app&password={PASSWORD}") is not None
