"""SQL Server's connection strings in the form of a URI."""

from __future__ import annotations

import time

import pytest

from revoker.ingest.connection_strings import normal
from revoker.ingest.env import counts

FORM = "mssql://app:p%40ss%3Aw0rd@db.example:1433/orders"


@pytest.mark.parametrize(
    "text",
    [
        "Server=tcp:db.example,1433;Initial Catalog=orders;User ID=app;Password={};Encrypt=True;Connection Timeout=30;",
        "Data Source=db.example;Initial Catalog=orders;User Id=app;Password={}",
        "Driver={{ODBC Driver 18 for SQL Server}};Server=db.example,1433;Database=orders;Uid=app;Pwd={{{}}};Encrypt=yes;",
        'Provider=MSOLEDBSQL; Server=db.example; Database=orders; UID=app; PWD="{}"; TrustServerCertificate=yes',
        "jdbc:sqlserver://DB.example:1433;databaseName=orders;user=app;password={};encrypt=false",
    ],
)
def test_one_login_has_one_form(text: str) -> None:
    found = normal(text.format("p@ss:w0rd"))
    assert found is not None
    assert found[0] == FORM
    assert found[1] == {"user": "app", "host": "db.example", "port": "1433", "database": "orders"}


@pytest.mark.parametrize(
    "text",
    [
        "Server=db.example;Port=3306;Database=orders;Uid=app;Pwd=x;",  # MySQL's driver
        "Server=db.example;Database=orders;Uid=app;Pwd=x;",  # anybody's
        "Host=db.example;Username=app;Password=x;Database=orders",  # PostgreSQL's
        r"Server=db.example\NAMED;Initial Catalog=orders;User ID=app;Password=x",
        "Data Source=db.example;Initial Catalog=orders;Integrated Security=SSPI;",
        "Data Source=a.example|b.example;User ID=app;Password=x;",
        "jdbc:sqlserver://db.example:1433;databaseName=orders;integratedSecurity=true",
        "not;a=list;at all",
        "",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert normal(text) is None


@pytest.mark.parametrize("text", ["a=" * 2000, "a b " * 1000 + ";", "Server=" + "a" * 4000 + ";", ";" * 4000, "a={" * 1300 + ";"])
def test_hostile_text_is_read_in_no_time(text: str) -> None:
    start = time.process_time()
    normal(text)
    assert time.process_time() - start < 0.2


def test_a_connection_string_in_an_env_file_counts_whatever_its_name_is() -> None:
    assert counts("ConnectionStrings__Main", "Data Source=db.example;Initial Catalog=orders;User Id=app;Password=made-up-word")
    assert not counts("GREETING", "hello;world=1")
