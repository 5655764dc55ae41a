"""At every point of a rotation something breaks: Vault is sealed, the provider is down. Mended, the run ends as it should."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from revoker.lab.servers import OpenBao, bao_call
from revoker.runs import prove, vaulting
from revoker.store import orphans, runs
from tests.runs.conftest import Build
from tests.runs.points import Points
from tests.runs.test_crash import Scene
from tests.runs.test_steps import go

pytestmark = pytest.mark.slow

Fault = tuple[Callable[[Scene], Any], Callable[[Scene], Any]]


def seal(scene: Scene) -> None:
    bao_call(scene.bao, "PUT", "sys/seal")


def unseal(scene: Scene) -> None:
    bao_call(scene.bao, "PUT", "sys/unseal", {"key": scene.bao.unseal_key})


def down(scene: Scene) -> None:
    scene.fakery.answer = lambda *_: (503, {"error": {"code": "down"}})


def up(scene: Scene) -> None:
    del scene.fakery.answer


def cut(scene: Scene) -> None:
    """The next change at the provider is carried out, and its answer is lost."""
    scene.fakery.drop += ["POST /v1/keys", f"POST /v1/keys/{scene.old.id}/suspend", f"DELETE /v1/keys/{scene.old.id}"]


def mend(scene: Scene) -> None:
    scene.fakery.drop.clear()


@pytest.mark.parametrize("fault", [(seal, unseal), (down, up), (cut, mend)], ids=["sealed", "down", "cut"])
@pytest.mark.row("F12")
def test_broken_at_every_point_and_mended(
    fault: Fault,
    build: Build,
    fakery_module: ModuleType,
    openbao: OpenBao,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points, number = Points(monkeypatch), 0
    monkeypatch.setattr(vaulting, "PAUSE", 0.01)
    monkeypatch.setattr(prove, "PATIENCE", timedelta(seconds=0.5))
    while number == 0 or number <= len(points.names):
        number += 1
        scene = Scene(build, fakery_module, openbao, tmp_path / f"at-{number}", f"fault-{number}")
        with closing(scene), pytest.MonkeyPatch.context() as environment:
            environment.setenv("FAKERY_ADMIN", scene.fakery.admin)
            environment.setenv("FAKERY_VAULT", openbao.token)
            points.arm(number, partial(fault[0], scene))
            go(scene.site, scene.run_id, inline=timedelta(seconds=5))
            if number <= len(points.names):
                mended(scene, fault, points)
    assert number > 30


def mended(scene: Scene, fault: Fault, points: Points) -> None:
    """Mend what broke, go on, and look at the end."""
    where = points.names[int(points.at) - 1]
    scene.check_order()
    fault[1](scene)
    points.at = 0
    for hours in range(1, 7):
        if runs.get_run(scene.site.store, scene.run_id).state != "done":
            go(scene.site, scene.run_id, later=timedelta(hours=hours), inline=timedelta(seconds=5))
    row = runs.get_run(scene.site.store, scene.run_id)
    assert row.state == "done", (where, row.message)
    assert orphans.list_orphans(scene.site.store) == [], where
    scene.check_end()
