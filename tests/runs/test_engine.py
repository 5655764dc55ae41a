"""The durable engine behind our port, and its guards: lease, pinned version, no pickle, sealed rows, scrubbed errors."""

import base64
import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from revoker import secrets
from revoker.errors import Parked, StoreError
from revoker.model import Credential, Finding, Location, Secret
from revoker.runs import steps
from revoker.runs.engine import Engine, launch
from revoker.runs.work import Done
from revoker.store import credentials as rows_of
from revoker.store import incidents, plans, runs
from tests.runs.conftest import Site, utc_now

SENTINEL = "sentinel-" + "value-of-a-secret"


@pytest.fixture
def engine(site: Site) -> Iterator[Engine]:
    opened = launch(site.store, site.settings, clock=utc_now)
    yield opened
    opened.shutdown()


def a_run(site: Site, number: int = 0) -> str:
    secret = Secret(f"fkry{number:028d}")
    cred = Credential("fakery_key", secrets.fingerprint(site.store.keys, "fakery_key", secret), secret)
    incident = incidents.find(site.store, "x") or incidents.open_incident(site.store, "x", utc_now())
    rows_of.add_findings(site.store, [(Finding("r", Location("list"), secret), cred)], incident.id, utc_now())
    plans.save_plan(site.store, f"{number:064d}", {"credentials": []}, utc_now())
    return runs.create_runs(site.store, f"{number:064d}", [(cred.fingerprint, "guided")], utc_now())[0].id


def stepping(monkeypatch: pytest.MonkeyPatch, site: Site, do: Callable[[str], Done]) -> None:
    def advance(work: steps.Work, run_id: str) -> Done:
        done = do(run_id)
        runs.set_run(site.store, run_id, done.state, "step", done.message, utc_now())
        return done

    monkeypatch.setattr(steps, "advance", advance)


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_run_goes_step_by_step(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = iter([Done("running", sleep=0), Done("running", sleep=0.05), Done("done")])
    stepping(monkeypatch, site, lambda _: next(ending))
    run_id = a_run(site)
    assert engine.start([run_id]) == [run_id]
    assert [row.state for row in engine.wait([run_id])] == ["done"]


def test_a_run_under_way_is_not_started_again(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def slow(run_id: str) -> Done:
        calls.append(run_id)
        time.sleep(0.3)
        return Done("parked")

    stepping(monkeypatch, site, slow)
    run_id = a_run(site)
    assert engine.start([run_id, run_id]) == [run_id]
    assert engine.resume() == []
    engine.wait([run_id])
    assert calls == [run_id]
    assert engine.resume() == [run_id]
    engine.wait([run_id])
    assert len(calls) == 2


def test_what_waits_goes_on_when_it_is_due(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = a_run(site)
    until = (utc_now() + timedelta(hours=1)).isoformat()
    runs.append_journal(site.store, run_id, "soak", "observed", None, {"until": until}, utc_now())
    runs.set_run(site.store, run_id, "waiting", "soak", "", utc_now())
    stepping(monkeypatch, site, lambda _: Done("done"))
    assert engine.resume() == []
    assert engine.resume(force=True) == [run_id]
    engine.wait([run_id])


def test_a_failed_one_is_tried_again_by_name_only(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = a_run(site)
    runs.set_run(site.store, run_id, "failed", "step", "", utc_now())
    stepping(monkeypatch, site, lambda _: Done("done"))
    assert engine.resume() == []
    assert engine.resume([run_id]) == [run_id]
    assert engine.wait([run_id])[0].state == "done"


def test_one_engine_in_a_process(engine: Engine, site: Site) -> None:
    with pytest.raises(StoreError, match="already"):
        launch(site.store, site.settings, clock=utc_now)


def test_one_process_holds_the_lease(engine: Engine, site: Site) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from revoker.config import load_settings; from revoker.store.database import open_store\n"
        "from revoker.runs.engine import launch; from revoker.errors import StoreError\n"
        "settings = load_settings(Path(sys.argv[1]))\n"
        "try: launch(open_store(settings), settings, clock=lambda: datetime.now(UTC))\n"
        "except StoreError as error: print(error.message)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(site.config)], capture_output=True, text=True, check=False, timeout=60)
    assert "Another revoker process" in done.stdout
    assert done.stderr == ""


def test_the_lease_is_free_again_after_shutdown(site: Site) -> None:
    for _ in range(2):
        launch(site.store, site.settings, clock=utc_now).shutdown()


def test_the_version_is_pinned(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbos import DBOS

    from revoker.runs import engine_flow

    stepping(monkeypatch, site, lambda _: Done("done"))
    run_id = a_run(site)
    engine.start([run_id])
    engine.wait([run_id])
    flows = DBOS.list_workflows(workflow_id_prefix="run:")
    assert DBOS.application_version == engine_flow.VERSION == "playbooks-1"
    assert [(flow.workflow_id, flow.app_version) for flow in flows] == [(f"run:{run_id}:1", "playbooks-1")]


def test_files_are_private_and_writes_reach_the_disk(engine: Engine, site: Site) -> None:
    folder = site.folder / "revoker.engine"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "engine.sqlite").stat().st_mode) == 0o600
    with engine.database.connect() as connection:
        pragma = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")}
    assert pragma == {"journal_mode": "wal", "synchronous": 2}


def test_rows_are_sealed(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    stepping(monkeypatch, site, lambda _: Done("done", sleep=None))
    from dbos import DBOS, SetWorkflowID

    from revoker.runs import engine_flow

    def ends(work: steps.Work, run_id: str) -> Done:
        return Done(SENTINEL)

    monkeypatch.setattr(steps, "advance", ends)
    with SetWorkflowID("run:sealed:1"):
        handle = DBOS.start_workflow(engine_flow.run, SENTINEL)
    assert handle.get_result() == SENTINEL
    engine.shutdown()
    found = everything_in(site.folder / "revoker.engine")
    assert b"run:sealed:1" in found
    forms = (SENTINEL.encode(), base64.b64encode(SENTINEL.encode())[:20], SENTINEL.encode().hex().encode())
    assert not any(form in found for form in forms)
    launch(site.store, site.settings, clock=utc_now)  # the fixture shuts this one down


def test_errors_leave_a_step_scrubbed(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from dbos import DBOS, SetWorkflowID

    from revoker.runs import engine_flow

    def breaks(work: steps.Work, run_id: str) -> Done:
        raise ValueError(SENTINEL)

    monkeypatch.setattr(steps, "advance", breaks)
    with SetWorkflowID("run:broken:1"):
        handle = DBOS.start_workflow(engine_flow.run, "broken")
    with pytest.raises(Exception, match="ValueError") as raised:
        handle.get_result()
    assert SENTINEL not in str(raised.value)
    stored = DBOS.list_workflows(workflow_ids=["run:broken:1"])[0].error
    assert SENTINEL not in repr(stored)
    assert SENTINEL not in "".join(capfd.readouterr())


def test_our_own_errors_keep_their_words(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbos import DBOS, SetWorkflowID

    from revoker.runs import engine_flow

    def parks(work: steps.Work, run_id: str) -> Done:
        raise Parked("Vault is sealed.", next="unseal it")

    monkeypatch.setattr(steps, "advance", parks)
    with SetWorkflowID("run:own:1"):
        handle = DBOS.start_workflow(engine_flow.run, "own")
    with pytest.raises(Parked):
        handle.get_result()
    stored = DBOS.list_workflows(workflow_ids=["run:own:1"])[0].error
    assert isinstance(stored, Parked)
    assert (stored.message, stored.next) == ("Vault is sealed.", "unseal it")


class Bomb:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, int]]:
        return os.mkdir, (self.path, 0o700)


def test_a_planted_pickle_is_not_loaded(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from dbos import DBOS, _serialization

    stepping(monkeypatch, site, lambda _: Done("done"))
    run_id = a_run(site)
    engine.start([run_id])
    engine.wait([run_id])
    trap = tmp_path / "trap"
    planted = base64.b64encode(pickle.dumps(Bomb(str(trap)))).decode()
    with sqlite3.connect(site.folder / "revoker.engine" / "engine.sqlite") as connection:
        connection.execute("UPDATE workflow_status SET inputs = ?, output = ?, serialization = 'py_pickle'", (planted, planted))
    flows = DBOS.list_workflows(workflow_id_prefix="run:")
    assert flows
    assert not trap.exists()
    with pytest.raises(StoreError, match="pickle"):
        _serialization.DBOSDefaultSerializer.deserialize(planted)
    with pytest.raises(StoreError, match="pickle"):
        _serialization.DBOSDefaultSerializer.serialize({})


def test_a_secret_is_never_serialized(site: Site) -> None:
    from revoker.runs.engine_serializer import SealedSerializer

    sealed = SealedSerializer(site.store.keys)
    with pytest.raises(TypeError, match="Secret") as raised:
        sealed.serialize({"args": (Secret(SENTINEL),)})
    assert SENTINEL not in str(raised.value)
    value = {"args": ("a", 1, None, [True]), "kwargs": {"at": datetime(2026, 1, 1, tzinfo=UTC)}}
    assert sealed.deserialize(sealed.serialize(value)) == value
    with pytest.raises(StoreError):
        sealed.deserialize("AAAA")
    with pytest.raises(StoreError):
        sealed.deserialize("not base64!")


def test_it_says_nothing_by_itself(site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    stepping(monkeypatch, site, lambda _: Done("done"))
    opened = launch(site.store, site.settings, clock=utc_now)
    run_id = a_run(site)
    opened.start([run_id])
    opened.wait([run_id])
    opened.shutdown()
    assert capfd.readouterr() == ("", "")


@pytest.mark.row("F8")
def test_a_schedule_ticks(engine: Engine) -> None:
    slots: list[datetime] = []
    engine.schedule("watch", "* * * * * *", slots.append)
    end = time.monotonic() + 15
    while time.monotonic() < end and len(slots) < 2:
        time.sleep(0.1)
    engine.unschedule("watch")
    assert len(slots) >= 2
    assert len(set(slots)) == len(slots)


def test_old_rows_go(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbos import DBOS

    stepping(monkeypatch, site, lambda _: Done("done"))
    run_id = a_run(site)
    engine.start([run_id])
    engine.wait([run_id])
    assert engine.collect() == 0
    assert engine.collect(timedelta(seconds=-5)) == 1
    assert DBOS.list_workflows(workflow_id_prefix="run:") == []
    assert runs.get_run(site.store, run_id).state == "done"
