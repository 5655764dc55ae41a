"""Several workers on one PostgreSQL store: a dead one's runs go on elsewhere, a living one's are left alone."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
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
from revoker.store import workers as worker_rows
from tests.runs.conftest import Build, utc_now
from tests.runs.test_crash import Scene, Workers

pytestmark = pytest.mark.slow

QUICK = """
[verify]
timeout = "1s"
[worker]
lease = "4s"
retry = "1s"
"""


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
        return build(more + QUICK, url=store_url, **kwargs)

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
        assert scene.work(workers, REVOKER_TEST_FAULTS="1", REVOKER_CRASH_AT=at) == -signal.SIGKILL
        assert engine.take_over() == 0  # it may have sent a moment ago: half a lease must pass
        assert until(engine.take_over, timedelta(seconds=20)) == 1
        assert engine.take_over() == 0
        engine.wait([scene.run_id], timeout=timedelta(seconds=30))
    finally:
        engine.shutdown()
    scene.check_end()


def until(look: Callable[[], int], most: timedelta) -> int:
    """The first number that is not zero."""
    end = time.monotonic() + most.total_seconds()
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    return 0


def test_a_living_worker_s_run_is_left_alone(scene: Scene) -> None:
    store, settings = scene.site.store, scene.site.settings
    engine = launch(store, settings, clock=utc_now)
    try:
        first = engine.lease.executor
        second = engine_store.hold_name(store.engine)
        worker_rows.enlist(store, second.executor)
        names = {first, second.executor, "gone-1-abc"}
        assert engine_store.unlocked(store.engine, names) == {"gone-1-abc"}
        assert worker_rows.gone(store, names, {"gone-1-abc"}, settings.worker.lease) == {"gone-1-abc"}
        second.release()
        assert engine_store.unlocked(store.engine, {second.executor}) == {second.executor}
        assert worker_rows.gone(store, names, {second.executor}, settings.worker.lease) == set()  # heard a moment ago
        assert (
            until(lambda: len(worker_rows.gone(store, names, {second.executor}, settings.worker.lease)), timedelta(seconds=8))
            == 1
        )
        assert worker_rows.is_current(store, first)
    finally:
        engine.shutdown()
    assert not worker_rows.is_current(store, first)


@pytest.mark.row("F7")
def test_two_workers_at_once_make_one_key(scene: Scene, workers: Workers) -> None:
    other = Workers()
    try:
        assert scene.work_twice(workers, other) == (0, 0)
    finally:
        other.end()
    assert runs.get_run(scene.site.store, scene.run_id).state == "done"
    scene.check_end()
