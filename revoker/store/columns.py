"""The columns that the tables are made of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Text

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only an INTEGER key


def row_id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def text(name: str, *more: Any, null: bool = False, key: bool = False) -> Column[str]:
    return Column(name, Text, *more, nullable=null, primary_key=key)


def time(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def number(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def credential_id(*, key: bool = False) -> Column[int]:
    return Column("credential_id", Id, ForeignKey("credentials.id"), nullable=False, primary_key=key, autoincrement=False)


def place() -> tuple[Column[Any], ...]:
    """Where a finding was: its hash, then the scanner's own words."""
    return (
        Column("place", LargeBinary, nullable=False),
        text("rule"),
        text("source"),
        text("file", null=True),
        Column("line", BigInteger),
        text("commit", null=True),
        text("image", null=True),
        text("layer", null=True),
        text("repository", null=True),
        text("reported", null=True),
        time("found_at", null=True),
    )
