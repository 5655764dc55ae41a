"""`revoker worker` for real: several processes on PostgreSQL, killed, stopped, told to end, and turned away on SQLite."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from revoker import audit
from revoker.errors import ExitCode
from revoker.lab.servers import PostgreSQL, run_sql
from revoker.model import Status
from revoker.store import runs, schema, switches, workers
from revoker.store.database import serialize, writing
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.crew import HERE, QUICK, Crew, all_done, is_stopped, leak, tell_end, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def shared(build: Build, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Site]]:
    """A site on a fresh PostgreSQL database."""
    run_sql(postgresql, "DROP DATABASE IF EXISTS crew WITH (FORCE)")
    run_sql(postgresql, "CREATE DATABASE crew")
    url = replace(postgresql, database="crew").dsn.replace("postgresql://", "postgresql+psycopg://")
    monkeypatch.setenv("STORE_URL", url)
    made: list[Site] = []

    def make(more: str = QUICK) -> Site:
        made.append(build(more, url="env:STORE_URL"))
        return made[-1]

    yield make
    for site in made:
        site.store.engine.dispose()


@pytest.fixture
def crew(shared: Callable[..., Site]) -> Iterator[tuple[Site, Crew]]:
    site = shared()
    made = Crew(site.config)
    yield site, made
    made.end()


def check_changes(site: Site, count: int) -> None:
    """Each key suspended and then revoked, both once, and proven dead; the log verifies."""
    expected = Counter(f"{what} key-{number}" for number in range(1, count + 1) for what in ("suspend", "revoke"))
    assert Counter(site.fakery.changes) == expected
    for run in runs.list_runs(site.store):
        assert site.row(run.fingerprint).status is Status.DEAD
        assert run.worker is None
    assert audit.check(site.store).ok


@pytest.mark.row("F7", "F22")
def test_two_workers_share_the_runs_and_end_when_they_are_told(crew: tuple[Site, Crew]) -> None:
    site, made = crew
    first, second = made.start("--at-once", "2"), made.start("--at-once", "2")
    wait_for(lambda: len(workers.list_workers(site.store)) == 2)
    ids = leak(site, 10)
    seen: set[str] = set()

    def watched() -> bool:
        seen.update(run.worker for run in runs.list_runs(site.store) if run.worker)
        return all_done(site, ids)

    wait_for(watched)
    assert len(seen) == 2
    for process in (first, second):
        code, said = tell_end(process)
        assert code == ExitCode.DONE, said
        assert "nothing is left half done" in said
    check_changes(site, 10)
    assert workers.list_workers(site.store) == []


@pytest.mark.row("F1", "F7")
@pytest.mark.parametrize("at", ["freeze: before call", "remove: after call"])
def test_a_killed_worker_s_runs_go_on_at_another(crew: tuple[Site, Crew], at: str) -> None:
    site, made = crew
    ids = leak(site, 3)
    killed = made.start(REVOKER_TEST_FAULTS="1", REVOKER_CRASH_AT=at)
    assert killed.wait(60) == -signal.SIGKILL
    other = made.start()
    wait_for(lambda: all_done(site, ids))
    assert tell_end(other)[0] == ExitCode.DONE
    check_changes(site, 3)


@pytest.mark.row("F7")
@pytest.mark.parametrize(
    "at", ["freeze: before intent", "freeze: after intent", "freeze: before call", "freeze: before sending", "freeze: after call"]
)
def test_a_worker_that_wakes_up_too_late_does_nothing_any_more(crew: tuple[Site, Crew], at: str) -> None:
    """Stopped past its lease, and another has done everything meanwhile: it sends nothing, and says so."""
    site, made = crew
    ids = leak(site, 2)
    asleep = made.start(REVOKER_TEST_FAULTS="1", REVOKER_STOP_AT=at)
    wait_for(lambda: is_stopped(asleep))
    other = made.start()
    wait_for(lambda: all_done(site, ids), 120)
    check_changes(site, 2)
    asleep.send_signal(signal.SIGCONT)
    _, said = asleep.communicate(timeout=60)
    assert asleep.returncode == ExitCode.SETUP
    assert "silent for too long" in said
    check_changes(site, 2)
    assert tell_end(other)[0] == ExitCode.DONE


def test_a_worker_that_is_frozen_with_a_lock_does_not_stop_the_others(crew: tuple[Site, Crew]) -> None:
    """It stands still while it holds the audit log's lock; PostgreSQL ends its session, and another goes on."""
    site, made = crew
    ids = leak(site, 1)
    with site.store.engine.connect() as frozen:
        frozen.begin()
        serialize(frozen, 5)
        worker = made.start()
        wait_for(lambda: all_done(site, ids), 90)
        frozen.invalidate()
    assert tell_end(worker)[0] == ExitCode.DONE
    check_changes(site, 1)


@pytest.mark.row("F22")
def test_a_second_signal_ends_at_once_and_corrupts_nothing(crew: tuple[Site, Crew]) -> None:
    site, made = crew
    asked = site.fakery.answer

    def slow(method: str, path: str, *rest: Any) -> Any:
        if path.endswith("/suspend"):
            started.append(path)
            wait_for(lambda: released, 20)
        return asked(method, path, *rest)

    started: list[str] = []
    released: list[bool] = []
    ids = leak(site, 1)
    site.fakery.answer = slow
    worker = made.start()
    wait_for(lambda: started)
    worker.send_signal(signal.SIGTERM)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(10) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    released.append(True)
    other = made.start()
    wait_for(lambda: all_done(site, ids))
    assert tell_end(other)[0] == ExitCode.DONE
    check_changes(site, 1)


def test_the_kill_switch_holds_in_every_worker(crew: tuple[Site, Crew]) -> None:
    site, made = crew
    for _ in range(2):
        made.start("--at-once", "1")
    wait_for(lambda: len(workers.list_workers(site.store)) == 2)
    ids = leak(site, 12)
    wait_for(lambda: len(site.fakery.changes) > 3)
    switches.set_stopped(site.store, True, "alice", utc_now())
    wait_for(lambda: not any(run.worker for run in runs.list_runs(site.store)))
    changed = list(site.fakery.changes)
    assert len(changed) < 24
    with pytest.raises(AssertionError, match="in time"):
        wait_for(lambda: len(site.fakery.changes) > len(changed), 3)
    switches.set_stopped(site.store, False, "alice", utc_now())
    wait_for(lambda: all_done(site, ids), 90)
    check_changes(site, 12)


@pytest.mark.row("F10")
def test_all_workers_together_keep_a_provider_s_budget(crew: tuple[Site, Crew], capsys: pytest.CaptureFixture[str]) -> None:
    """Three workers at full speed: at the most 2 changes under way, and 5 started in a second. The figures are printed."""
    site, made = crew
    asked, lock = site.fakery.answer, threading.Lock()
    spans: list[tuple[float, float]] = []

    def timed(method: str, path: str, *rest: Any) -> Any:
        if method == "GET":
            with lock:
                return asked(method, path, *rest)
        begun = time.monotonic()
        time.sleep(0.3)
        with lock:
            spans.append((begun, time.monotonic()))
            return asked(method, path, *rest)

    site.fakery.answer, site.fakery.lock = timed, nullcontext()
    ids = leak(site, 10)
    for _ in range(3):
        made.start("--at-once", "8", FAKERY_RATE="5", FAKERY_IN_FLIGHT="2")
    wait_for(lambda: all_done(site, ids), 120)
    starts = sorted(begun for begun, _ in spans)
    fastest = max(sum(1 for other in starts if start <= other < start + 1) for start in starts)
    most = max(sum(1 for begun, end in spans if begun <= start < end) for start in starts)
    with capsys.disabled():
        sys.stdout.write(
            f"\n3 workers, budget 5/s and 2 under way: {len(spans)} changes, {fastest} in the fastest second, {most} at once\n"
        )
    assert len(spans) == 20
    assert fastest <= 6  # a start may be late and the next one in time
    assert most <= 2
    check_changes(site, 10)


def test_the_most_urgent_go_first_and_are_followed(crew: tuple[Site, Crew]) -> None:
    site, made = crew
    ids = leak(site, 4)
    urgent = ids[-1]
    with writing(site.store) as connection:
        connection.execute(sa.update(schema.runs).where(schema.runs.c.id == urgent).values(priority=0))
    command = [sys.executable, str(HERE / "command_line.py"), "runs", "--follow", "--config", str(site.config)]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    made.start("--at-once", "1")
    out, _ = follower.communicate(timeout=90)
    assert follower.returncode == ExitCode.DONE
    lines = out.splitlines()
    assert sum("waits for a worker" in line for line in lines) >= 4
    ended = [line.split()[1] for line in lines if "  done  " in line]
    assert ended[0] == urgent
    assert set(ended) == set(ids)
    host = platform.node()
    assert any(f"{host}-" in line for line in lines if "  running  " in line)


def test_on_sqlite_there_are_no_workers(site: Site) -> None:
    argv = [sys.executable, str(HERE / "command_line.py")]
    for command in (["worker"], ["apply", "0" * 12, "--detach"]):
        done = subprocess.run(
            [*argv, *command, "--config", str(site.config)], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == ExitCode.SETUP
        assert "Workers need PostgreSQL" in done.stderr
        assert "revoker apply" in done.stderr
