from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from revoker.config import Settings, StoreSettings
from revoker.errors import StoreError, UnresolvedReference
from revoker.lab.servers import PostgreSQL
from revoker.store import Store, incidents, open_store, schema
from revoker.store.database import check, reading, writing
from revoker.store.migrate import configuration
from tests.store.conftest import NOW, fresh_database


def test_the_migrations_make_the_schema(store: Store) -> None:
    with reading(store) as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        assert ScriptDirectory.from_config(configuration(connection)).get_heads() == [schema.HEAD]
    assert check(store) == []


def test_a_store_is_made_only_when_asked(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        open_store(settings)
    assert list(tmp_path.iterdir()) == []
    assert open_store(settings, create=True).id == open_store(settings).id


@pytest.mark.row("S-10")
def test_its_files_are_private(settings: Settings, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        deep = replace(settings, store=StoreSettings(url="sqlite:///new/revoker.db"))
        incidents.open_incident(open_store(deep, create=True), "x", NOW)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    files = list((tmp_path / "new").iterdir())
    assert len(files) == 3, "the database, its log and its index"
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_store_that_others_may_read_is_refused(settings: Settings, tmp_path: Path) -> None:
    open_store(settings, create=True).engine.dispose()
    (tmp_path / "revoker.db").chmod(0o644)
    with pytest.raises(StoreError, match="Others may read"):
        open_store(settings)
    (tmp_path / "revoker.db").chmod(0o600)
    tmp_path.chmod(0o777)
    with pytest.raises(StoreError, match="Everybody may write"):
        open_store(settings)


@pytest.mark.row("S-7")
def test_sqlite_is_durable_and_wipes(settings: Settings) -> None:
    with reading(open_store(settings, create=True)) as connection:
        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted} == wanted


def test_a_missing_or_wrong_key_opens_nothing(settings: Settings, tmp_path: Path) -> None:
    open_store(settings, create=True)
    key = tmp_path / "revoker.key"
    key.rename(tmp_path / "kept")
    for create in (False, True):
        with pytest.raises(UnresolvedReference):
            open_store(settings, create=create)
    assert not key.exists(), "a second key must not be made beside a store"
    other = replace(settings, store=StoreSettings(key="file:other.key", url="sqlite:///other.db"))
    open_store(other, create=True)
    with pytest.raises(StoreError, match="does not belong"):
        open_store(replace(settings, store=StoreSettings(key="file:other.key")))


@pytest.mark.row("F20", "F21")
def test_a_newer_or_damaged_store_is_refused(settings: Settings, tmp_path: Path) -> None:
    store = open_store(settings, create=True)
    with writing(store) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer"):
        open_store(settings)
    store.engine.dispose()
    for path in tmp_path.glob("revoker.db-*"):
        path.unlink()
    (tmp_path / "revoker.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(settings)


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    row = {"id": "a", "title": "hunter2", "created_at": 1}

    def insert_twice() -> None:
        with writing(store) as connection:
            connection.execute(sa.insert(schema.incidents).values(row))
            connection.execute(sa.insert(schema.incidents).values(row))

    with pytest.raises(StoreError, match="does not fit") as caught:
        insert_twice()
    assert "hunter2" not in caught.value.diagnostics()
    assert incidents.list_incidents(store) == []


def test_many_at_once_make_one_store(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: open_store(settings, create=True).id, range(4)))) == 1


def test_a_new_store_waits_for_another_that_is_just_making_it(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "made-at-once.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    path.chmod(0o600)
    other.execute("BEGIN IMMEDIATE")  # SQLite's own waiting does not cover the switch to WAL against this lock
    other.execute("CREATE TABLE others (x)")
    Timer(0.3, other.execute, ["COMMIT"]).start()
    assert open_store(replace(settings, store=replace(settings.store, url=f"sqlite:///{path}")), create=True).id
    other.close()


@pytest.mark.slow
def test_many_at_once_make_one_store_on_postgresql(settings: Settings, postgresql: PostgreSQL) -> None:
    there = replace(settings, store=StoreSettings(url=fresh_database(postgresql)))
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: open_store(there, create=True).id, range(4)))) == 1


def test_a_server_that_is_not_there_is_a_store_error(settings: Settings) -> None:
    gone = replace(settings, store=StoreSettings(url="postgresql://u:hunter2@127.0.0.1:1/x"))
    with pytest.raises(StoreError) as caught:
        open_store(gone)
    assert "hunter2" not in caught.value.diagnostics()


def test_opening_a_current_store_loads_no_migrations(settings: Settings, tmp_path: Path) -> None:
    open_store(settings, create=True)
    code = (
        "import sys; from pathlib import Path; from revoker.config import Settings; from revoker.store import open_store, credentials;"
        f"print(len(credentials.select(open_store(Settings(path=Path({str(settings.path)!r})))))); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'alembic', 'cryptography', 'keyring', 'structlog', 'psycopg', 'dbos'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["0"]
