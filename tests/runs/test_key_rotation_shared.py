"""The rotation of a store that others use too: PostgreSQL with writers and workers, and the real durable engine's rows."""

from __future__ import annotations

import base64
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from revoker import secrets
from revoker.config import Settings, StoreSettings
from revoker.errors import LeaseHeld, StoreError
from revoker.model import Credential, Finding, Location, Secret
from revoker.runs import engine_store, key_rotation, steps
from revoker.runs.engine import launch
from revoker.runs.engine_serializer import SealedSerializer
from revoker.runs.work import Done
from revoker.store import credentials, incidents, runs
from revoker.store.database import Store, open_store, writing
from revoker.store.sealing import check_newest, key_versions
from tests.runs.conftest import Site, utc_now
from tests.runs.test_engine import a_run
from tests.store.conftest import fresh_database

if TYPE_CHECKING:
    from revoker.lab.servers import PostgreSQL

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
pytestmark = pytest.mark.slow


def found(store: Store, value: str) -> tuple[Finding, Credential]:
    secret = Secret(value)
    fingerprint = secrets.fingerprint(store.keys, "groq_api_key", secret)
    return Finding("r", Location("csv"), secret), Credential("groq_api_key", fingerprint, secret)


@pytest.fixture
def shared(postgresql: PostgreSQL, tmp_path: Path) -> Settings:
    tmp_path.chmod(0o700)
    return Settings(store=StoreSettings(url=fresh_database(postgresql)), path=tmp_path / "revoker.toml")


def rotate(settings: Settings) -> key_rotation.Rotated:
    return key_rotation.rotate(lambda: open_store(settings), None, who="test", clock=lambda: NOW, batch=2)


def values(store: Store) -> list[str]:
    names = [row.fingerprint for row in credentials.select(store)]
    return sorted(cred.secret.reveal() for cred in credentials.unseal_many(store, names))


def test_on_postgresql_with_the_engine_s_rows(shared: Settings) -> None:
    store = open_store(shared, create=True)
    incident = incidents.open_incident(store, "leak", NOW).id
    credentials.add_findings(store, [found(store, f"value {n}") for n in range(5)], incident, NOW)
    sealed = SealedSerializer(store.keys).serialize(["run_1"])
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {engine_store.SCHEMA}")
        connection.exec_driver_sql(f"CREATE TABLE {engine_store.SCHEMA}.workflow_status (workflow_uuid text, inputs text)")
        table = sa.table("workflow_status", sa.column("inputs"), schema=engine_store.SCHEMA)
        connection.execute(sa.insert(table).values(inputs=sealed))
    assert (rotate(shared).version, rotate(shared).version) == (2, 3)
    again = open_store(shared)
    assert key_versions(again) == {3: 5}
    assert values(again) == [f"value {n}" for n in range(5)]
    with again.engine.connect() as connection:
        assert SealedSerializer(again.keys).deserialize(str(connection.execute(sa.select(table.c.inputs)).scalar())) == ["run_1"]


def test_a_worker_on_postgresql_must_stop_first(shared: Settings) -> None:
    store = open_store(shared, create=True)
    lease = engine_store.hold_name(engine_store.postgresql_engine(store))
    try:
        with pytest.raises(LeaseHeld):
            rotate(shared)
    finally:
        lease.release()
    assert rotate(shared).version == 2


def test_a_writer_that_was_faster_is_waited_for_and_a_later_one_is_turned_away(shared: Settings) -> None:
    """A transaction that seals with the old key ends before the values are sealed again: none is left behind."""
    store = open_store(shared, create=True)
    incident = incidents.open_incident(store, "leak", NOW).id
    credentials.add_findings(store, [found(store, "value 0")], incident, NOW)
    done: list[key_rotation.Rotated] = []
    thread = threading.Thread(target=lambda: done.append(rotate(shared)))
    with writing(store) as connection:
        check_newest(connection, store.keys)
        thread.start()
        thread.join(2)
        assert thread.is_alive(), "the rotation went on while somebody stored with the old key"
    thread.join(30)
    assert done[0].version == 2
    with pytest.raises(StoreError, match="rotated while this ran"):
        credentials.add_findings(store, [found(store, "value 1")], incident, NOW)
    late = open_store(shared)
    credentials.add_findings(late, [found(late, "value 1")], incident, NOW)
    assert key_versions(late) == {2: 2}


def test_the_real_engine_goes_on_after_a_rotation(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def advance(work: steps.Work, run_id: str) -> Done:
        runs.set_run(work.store, run_id, "done", "step", "", utc_now())
        return Done("done")

    monkeypatch.setattr(steps, "advance", advance)
    engine = launch(site.store, site.settings, clock=utc_now)
    run_id = a_run(site)
    engine.start([run_id])
    engine.wait([run_id])
    engine.shutdown()
    database = engine_store.sqlite_engine(engine_store.engine_folder(site.store))
    assert 1 in versions(database)
    key_rotation.rotate(lambda: open_store(site.settings), None, who="test", clock=utc_now)
    assert versions(database) == {2}
    database.dispose()
    fresh = open_store(site.settings)
    engine = launch(fresh, site.settings, clock=utc_now)
    try:
        other = a_run(Site(site.folder, site.settings, fresh, site.fakery, site.keys), 1)
        engine.start([other])
        assert [row.state for row in engine.wait([other])] == ["done"]
    finally:
        engine.shutdown()


def versions(database: sa.Engine) -> set[int]:
    """The key versions of all that looks sealed, in every text column of the engine's database."""
    tables, seen = sa.MetaData(), set()
    tables.reflect(database)
    with database.connect() as connection:
        for table in tables.tables.values():
            for column in table.columns:
                for text in connection.execute(sa.select(column)).scalars():
                    if isinstance(text, str) and text.startswith(("AQA", "AgA")) and len(text) > 40:
                        seen.add(secrets.sealed_with(base64.b64decode(text)))
    return seen
