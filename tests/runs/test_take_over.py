"""Several workers on one PostgreSQL store: a dead one's runs go on elsewhere, a living one's are left alone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from revoker.lab.servers import OpenBao, PostgreSQL, run_sql
from revoker.runs import engine_store
from revoker.runs.engine import launch
from revoker.store import runs
from tests.runs.conftest import Build, utc_now
from tests.runs.test_crash import Scene, Workers

pytestmark = pytest.mark.slow


@pytest.fixture
def workers() -> Iterator[Workers]:
    started = Workers()
    yield started
    started.end()


@pytest.fixture
def store_url(postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh database; its address has a password, so it is given as a reference."""
    run_sql(postgresql, "DROP DATABASE IF EXISTS runs WITH (FORCE)")
    run_sql(postgresql, "CREATE DATABASE runs")
    url = replace(postgresql, database="runs").dsn.replace("postgresql://", "postgresql+psycopg://")
    monkeypatch.setenv("STORE_URL", url)
    return "env:STORE_URL"


@pytest.fixture
def scene(build: Build, fakery_module: ModuleType, openbao: OpenBao, store_url: str, tmp_path: Path) -> Iterator[Scene]:
    def on_postgresql(more: str, **kwargs: Any) -> Any:
        return build(more, url=store_url, **kwargs)

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FAKERY_VAULT", openbao.token)
        made = Scene(on_postgresql, fakery_module, openbao, tmp_path / "scene", "taken-over")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FAKERY_ADMIN", made.fakery.admin)
        environment.setenv("FAKERY_VAULT", openbao.token)
        yield made
    made.close()


@pytest.mark.parametrize("at", ["replace: after store", "remove: after call", "freeze: before call"])
def test_a_dead_worker_s_run_goes_on_here(scene: Scene, workers: Workers, at: str) -> None:
    engine = launch(scene.site.store, scene.site.settings, clock=utc_now)
    try:
        assert engine.lease.executor == "slot-0"
        assert scene.work(workers, REVOKER_TEST_FAULTS="1", REVOKER_CRASH_AT=at) == -signal.SIGKILL
        assert engine.take_over() == 1
        assert engine.take_over() == 0
        engine.wait([scene.run_id], timeout=timedelta(seconds=30))
    finally:
        engine.shutdown()
    scene.check_end()


def test_a_living_worker_s_run_is_left_alone(scene: Scene) -> None:
    first = launch(scene.site.store, scene.site.settings, clock=utc_now)
    try:
        second = engine_store.hold_slot(scene.site.store.engine)
        assert (first.lease.executor, second.executor) == ("slot-0", "slot-1")
        assert engine_store.dead_executors(scene.site.store.engine, {"slot-0", "slot-1", "slot-2"}) == {"slot-2"}
        second.release()
        assert engine_store.dead_executors(scene.site.store.engine, {"slot-1"}) == {"slot-1"}
    finally:
        first.shutdown()


@pytest.mark.row("F7")
def test_two_workers_at_once_make_one_key(scene: Scene, workers: Workers) -> None:
    other = Workers()
    try:
        assert scene.work_twice(workers, other) == (0, 0)
    finally:
        other.end()
    assert runs.get_run(scene.site.store, scene.run_id).state == "done"
    scene.check_end()
