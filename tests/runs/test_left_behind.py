"""A database that goes away between a worker's pick and its start: the run is carried out all the same, or given back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from revoker.errors import StoreError
from revoker.runs import worker as working
from revoker.runs.engine import Engine, launch
from revoker.runs.work import Done
from revoker.runs.worker import Worker
from revoker.store import Store, picking, runs
from tests.runs.conftest import Site, utc_now
from tests.runs.test_engine import a_run, stepping

pytestmark = pytest.mark.row("F12")


@pytest.fixture
def engine(site: Site) -> Iterator[Engine]:
    opened = launch(site.store, site.settings, clock=utc_now)
    yield opened
    opened.shutdown()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the store was away for one start, right after the pick."""
    take, gone = picking.take, threading.Event()

    def once(store: Store, id: str, owner: str) -> bool:
        if not gone.is_set():
            gone.set()
            raise StoreError("The store is away.")
        return take(store, id, owner)

    monkeypatch.setattr(picking, "take", once)
    return gone


def ends(worker: Worker, until: Callable[[], bool]) -> bool:
    """Work until that, then tell it to end; whether both came in time."""
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    limit = time.monotonic() + 20
    while not until() and time.monotonic() < limit:
        time.sleep(0.02)
    worker.ended.set()
    thread.join(10)
    return until() and not thread.is_alive()


def test_a_picked_run_that_was_not_started_is_carried_out(
    engine: Engine, site: Site, away: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, done = a_run(site), []

    def step(_: str) -> Done:
        done.append(1)
        return Done("done")

    stepping(monkeypatch, site, step)
    monkeypatch.setattr(working, "LOOK", 0.02)
    monkeypatch.setattr(working, "SWEEP", 0.2)
    assert ends(Worker(engine, 4), lambda: runs.get_run(site.store, run_id).state == "done")
    assert (away.is_set(), done) == (True, [1])


def test_a_worker_that_ends_gives_it_back(engine: Engine, site: Site, away: threading.Event) -> None:
    run_id = a_run(site)
    assert ends(Worker(engine, 4), away.is_set)
    row = runs.get_run(site.store, run_id)
    assert (row.state, row.worker) == ("ready", None)
