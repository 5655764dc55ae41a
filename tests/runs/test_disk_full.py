"""All along a rotation the disk is full: nothing is sent without a durable intent, and with room again it ends as it should."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from revoker.errors import RevokerError
from revoker.lab.servers import OpenBao
from revoker.runs import prove, vaulting
from tests.runs.conftest import Build
from tests.runs.points import Points
from tests.runs.test_crash import Scene
from tests.runs.test_faults import mended
from tests.runs.test_steps import go

pytestmark = [pytest.mark.slow, pytest.mark.row("F19")]

STRIDE = 3  # every third point, since each takes seconds; all of them were tried when this was written
INTENDED = ("after intent", "before call", "before sending")  # the intent of one call is on the disk already


def fill(_: Scene) -> None:
    """No file of this process can grow any more: the write fails with EFBIG, which SQLite treats as a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def empty(_: Scene) -> None:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def room_at_last(scene: Scene) -> Iterator[None]:
    try:
        yield
    finally:
        empty(scene)


def test_a_full_disk_at_every_point_and_room_again(
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
        number += STRIDE if number else 1
        scene = Scene(build, fakery_module, openbao, tmp_path / f"at-{number}", f"full-{number}")
        monkeypatch.setenv("FAKERY_ADMIN", scene.fakery.admin)
        monkeypatch.setenv("FAKERY_VAULT", openbao.token)
        with closing(scene):
            full_at(scene, points, number)
            if number <= len(points.names):
                mended(scene, (fill, empty), points)
    assert number > 30


def full_at(scene: Scene, points: Points, number: int) -> None:
    """Work until the disk is full at that point; at the most the one call whose intent was written goes out after it."""
    before: list[int] = []

    def full() -> None:
        before.append(len(scene.fakery.changes))
        fill(scene)

    points.arm(number, full)
    with room_at_last(scene):
        try:
            go(scene.site, scene.run_id, inline=timedelta(seconds=5))
        except (RevokerError, OSError):
            assert before, "it failed with room on the disk"
    if before:
        where = points.names[number - 1]
        sent = scene.fakery.changes[before[0] :]
        assert len(sent) <= where.endswith(INTENDED), (where, sent)
