"""A real store on disk for the tests that write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from revoker.config import Settings, StoreSettings
from revoker.store import Store, open_store
from revoker.store.incidents import open_incident

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    opened = open_store(
        Settings(store=StoreSettings(url=f"sqlite:///{home}/revoker.db", key=f"file:{home}/revoker.key")), create=True
    )
    yield opened
    opened.engine.dispose()


@pytest.fixture
def incident(store: Store) -> str:
    return open_incident(store, "a leak", NOW).id
