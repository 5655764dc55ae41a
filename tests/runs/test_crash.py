"""kill -9 at every numbered point of a rotation, then resume: what DESIGN promises must hold each time.

The worker is a real process with the durable engine, the provider is a server that keeps state, Vault is a real OpenBao.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from revoker import audit
from revoker.lab.servers import OpenBao, bao_call
from revoker.model import Status
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store import orphans, runs
from revoker.store.credentials import Selection
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.points import may_be_missed, places
from tests.runs.test_steps import ROTATE, vault_config

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


class Workers:
    """A process that forks one worker for each job."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._line() == "ready"

    def run(self, config: Path, **environment: str) -> int:
        self.tell(config, environment)
        return self.hear()

    def tell(self, config: Path, environment: dict[str, str]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"config": str(config), "environment": environment}) + "\n")

    def hear(self) -> int:
        return int(self._line())

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    started = Workers()
    yield started
    started.end()


class Scene:
    """One leaked key that stands in Vault, with an approved and applied rotation."""

    def __init__(self, build: Build, module: ModuleType, bao: OpenBao, folder: Path, name: str) -> None:
        self.bao, self.name, self.folder = bao, name, folder
        self.served = module.serve()
        self.fakery = self.served.__enter__()
        try:
            self._begin(build)
        except BaseException:
            self.served.__exit__(None, None, None)
            raise

    def _begin(self, build: Build) -> None:
        self.site: Site = build(vault_config(self.bao, f"secret/{self.name}"), folder=self.folder, fakery=self.fakery)
        self.old = self.fakery.add()
        self.bystander = self.fakery.add(name="somebody else's")
        data = {"ID": self.old.id, "KEY": self.old.value, "OTHER": "kept"}
        assert bao_call(self.bao, "POST", f"secret/data/{self.name}", {"data": data})[0] == 200
        self.fingerprint = self.site.add(self.old.value)
        plan = make_plan(
            self.site.store,
            self.site.settings,
            Selection(),
            playbook="rotate",
            requester="dave",
            now=utc_now(),
            books={"rotate": ROTATE},
        )
        self.site.approved(plan.digest)
        (self.run_id,) = apply(self.site.store, self.site.settings, plan.digest, utc_now())

    def work(self, workers: Workers, **environment: str) -> int:
        secrets = {"FAKERY_ADMIN": self.fakery.admin, "FAKERY_VAULT": self.bao.token}
        return workers.run(self.site.config, **secrets, **environment)

    def crash(self, workers: Workers, at: int | str, **environment: str) -> int:
        return self.work(workers, REVOKER_TEST_FAULTS="1", REVOKER_CRASH_AT=str(at), **environment)

    def work_twice(self, first: Workers, second: Workers) -> tuple[int, int]:
        """Two processes at the same time."""
        secrets = {"FAKERY_ADMIN": self.fakery.admin, "FAKERY_VAULT": self.bao.token}
        for workers in (first, second):
            workers.tell(self.site.config, secrets)
        return first.hear(), second.hear()

    def close(self) -> None:
        self.served.__exit__(None, None, None)
        self.site.store.engine.dispose()
        shutil.rmtree(self.folder, ignore_errors=True)

    def check_order(self) -> None:
        """Nothing that was old went before the new one was there; nobody else's key was touched; nothing twice."""
        changes = list(self.fakery.changes)
        assert len(changes) == len(set(changes)), changes
        assert not any(self.bystander.id in change.split() for change in changes), changes
        gone = [change for change in changes if self.old.id in change.split()]
        issued = [change for change in changes if change.startswith("issue")]
        if gone:
            kept = [change.split()[1] for change in issued if f"revoke {change.split()[1]}" not in changes]
            assert len(kept) == 1
            assert changes.index(f"issue {kept[0]}") < changes.index(gone[0]), changes

    def check_end(self) -> None:
        """The legal end: one usable new key, in Vault; the old one proven dead; no orphan; the log verifies."""
        row = runs.get_run(self.site.store, self.run_id)
        assert (row.state, row.message) == ("done", "all steps are done")
        self.check_order()
        usable = {key.id for key in self.fakery.usable()} - {self.bystander.id}
        assert len(usable) == 1, self.fakery.changes
        (new,) = usable
        stored = bao_call(self.bao, "GET", f"secret/data/{self.name}")[1]["data"]["data"]
        assert stored == {"ID": new, "KEY": self.fakery.keys[new].value, "OTHER": "kept"}
        versions = bao_call(self.bao, "GET", f"secret/metadata/{self.name}")[1]["data"]["versions"]
        left = [number for number, one in versions.items() if not one["destroyed"]]
        read = [bao_call(self.bao, "GET", f"secret/data/{self.name}?version={number}")[1]["data"]["data"] for number in left]
        assert max(versions, key=int) in left
        assert not [one for one in read if one["KEY"] == self.old.value], "the leaked value is left in a version"
        assert self.site.row(self.fingerprint).status is Status.DEAD
        assert orphans.list_orphans(self.site.store) == []
        assert audit.check(self.site.store).ok
        self.check_secrets(self.fakery.keys[new].value)

    def check_secrets(self, value: str) -> None:
        """The new value stands in no file of ours."""
        for path in self.folder.rglob("*"):
            assert not path.is_file() or value.encode() not in path.read_bytes(), path


@pytest.fixture
def scene(build: Build, fakery_module: ModuleType, openbao: OpenBao, tmp_path: Path) -> Iterator[Any]:
    made: list[Scene] = []

    def make(name: str) -> Scene:
        made.append(Scene(build, fakery_module, openbao, tmp_path / name, name))
        return made[-1]

    yield make
    for one in made:
        one.close()


def points_of(scene: Any, workers: Workers, tmp_path: Path) -> Sequence[str]:
    """All points of a run that nobody kills."""
    one = scene("whole")
    log = tmp_path / "points"
    assert one.work(workers, REVOKER_TEST_FAULTS="1", REVOKER_CRASH_LOG=str(log)) == 0
    one.check_end()
    return [line.partition(" ")[2] for line in log.read_text().splitlines()]


@pytest.mark.row("F1")
def test_killed_at_every_point_and_resumed(scene: Any, workers: Workers, tmp_path: Path) -> None:
    points = points_of(scene, workers, tmp_path)
    assert len(points) > 30
    for number, point in enumerate(places(points), 1):
        one = scene(f"at-{number}")
        assert one.crash(workers, point) == -signal.SIGKILL or may_be_missed(point), point
        one.check_order()
        assert one.work(workers) == 0, point
        try:
            one.check_end()
        except AssertionError as error:
            raise AssertionError(f"killed at {point}: {error}") from error
        one.close()


@pytest.mark.row("F7")
def test_two_workers_never_act_on_one_credential(scene: Any, workers: Workers) -> None:
    """A second process with a launched engine is turned away while the first one works."""
    one = scene("two")
    other = Workers()
    try:
        assert one.work_twice(workers, other) in {(0, 1), (1, 0)}
    finally:
        other.end()
    one.check_end()
