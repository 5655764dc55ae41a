"""A store on SQLite for each test, and the same on a real PostgreSQL for the slow ones."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from revoker.config import Settings, StoreSettings
from revoker.lab.servers import PostgreSQL
from revoker.model import Credential, Finding, Location, Secret
from revoker.secrets import fingerprint
from revoker.store import Store, open_store

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
KIND = "groq_api_key"

Reported = tuple[Finding, Credential]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(path=tmp_path / "revoker.toml")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The store of a test, empty, on both databases."""
    url = "sqlite:///revoker.db"
    if request.param == "postgresql":
        url = fresh_database(request.getfixturevalue("postgresql"))
    opened = open_store(Settings(store=StoreSettings(url=url), path=tmp_path / "revoker.toml"), create=True)
    yield opened
    opened.engine.dispose()


def fresh_database(server: PostgreSQL) -> str:
    """A new database on the server, and its address."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # our own random name
    return server.dsn.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def report(store: Store) -> Callable[..., Reported]:
    """Makes a finding and its credential: report("a") is the same value each time."""

    def make(value: str, *, file: str = ".env", line: int = 1, kind: str = KIND) -> Reported:
        secret = Secret("value-" + value)
        finding = Finding("groq-api-key", Location("gitleaks", file=file, line=line), secret, found_at=NOW)
        return finding, Credential(kind, fingerprint(store.keys, kind, secret), secret)

    return make
