"""The store's own PostgreSQL goes away for longer than a beat, and comes back: a worker goes on, and says what was wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from revoker.cli.app import run as cli
from revoker.lab.servers import run_sql
from revoker.runs import engine_store
from revoker.store import workers
from tests.runs.conftest import Build, Site
from tests.runs.crew import QUICK, Crew, all_done, leak, tell_end, wait_for
from tests.runs.test_workers import check_changes
from tests.servers.restarting import Restarting, restarting

pytestmark = pytest.mark.slow
AWAY = 1.2  # seconds: several beats of a lease of 4 s, and less than half of it


@pytest.fixture
def database() -> Iterator[Restarting]:
    with restarting() as server:
        yield server


@pytest.fixture
def site(build: Build, database: Restarting, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    run_sql(database.server, "CREATE DATABASE away")
    url = replace(database.server, database="away").dsn.replace("postgresql://", "postgresql+psycopg://")
    monkeypatch.setenv("STORE_URL", url)
    made = build(QUICK, url="env:STORE_URL")
    yield made
    made.store.engine.dispose()


def test_a_worker_goes_on_after_beats_that_found_no_database(site: Site, database: Restarting) -> None:
    crew = Crew(site.config)
    try:
        worker = crew.start()
        assert worker.stderr
        assert "carries out" in worker.stderr.readline()
        database.crash()
        time.sleep(AWAY)
        database.start()
        ids = leak(site, 2)
        wait_for(lambda: all_done(site, ids))
        time.sleep(5)  # longer than a lease: without a beat it would be declared ended
        assert len(workers.list_workers(site.store)) == 1
        code, said = tell_end(worker)
    finally:
        crew.end()
    assert code == 0, said
    assert "internal error" not in said
    check_changes(site, 2)


def test_the_lock_of_a_name_is_taken_again_after_any_number_of_tries(site: Site, database: Restarting) -> None:
    lease = engine_store.hold_name(site.store.engine)
    database.crash()
    for _ in range(3):
        with pytest.raises(Exception, match="connection"):
            engine_store.hold_again(site.store.engine, lease)
    database.start()
    engine_store.hold_again(site.store.engine, lease)
    assert engine_store.unlocked(site.store.engine, {lease.executor}) == set()
    lease.release()
    assert engine_store.unlocked(site.store.engine, {lease.executor}) == {lease.executor}


def test_what_is_wrong_with_the_store_is_said_without_its_address(
    site: Site, database: Restarting, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = str(site.settings.store.url)
    assert database.server.password not in url

    def said() -> str:
        assert cli(["runs", "--config", str(site.config)]) == 3
        return capsys.readouterr().err

    good = replace(database.server, database="away")
    for server, word in (
        (replace(good, password=good.password[::-1]), "PostgreSQL refused its login or password"),
        (replace(good, database="nowhere"), "PostgreSQL has no such database or login"),
    ):
        monkeypatch.setenv("STORE_URL", server.dsn.replace("postgresql://", "postgresql+psycopg://"))
        told = said()
        assert word in told
        assert "Next: see that the database runs" in told
        assert server.password not in told
    database.crash()
    assert "PostgreSQL does not answer (connection refused)" in said()
    database.start()
