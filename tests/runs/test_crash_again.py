"""kill -9 a few points further on each time: a run that hardly ever gets to work in peace."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.runs.test_crash import Workers, scene, workers

__all__ = ["scene", "workers"]  # the fixtures
pytestmark = pytest.mark.slow


@pytest.mark.row("F1")
def test_killed_again_and_again(scene: Any, workers: Workers) -> None:
    """Each worker is killed a few points further on, until one gets through."""
    for number in range(2):
        one = scene(f"again-{number}")
        for _ in range(40):
            if one.crash(workers, random.randint(1, 12)) == 0:  # noqa: S311 - where to kill
                break
            one.check_order()
        assert one.work(workers) == 0
        one.check_end()
        one.close()
