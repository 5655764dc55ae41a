"""The numbered points of a run: counted, and something done at one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from revoker.runs import change, chosen, issue, steps, vaulting, work


class Points:
    """Counts the points that are reached, and does something at one of them, which is given by number or by name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.arm(0, lambda: None)
        for module in (change, chosen, issue, steps, vaulting, work):
            monkeypatch.setattr(module, "reach", self.reach)

    def reach(self, name: str) -> None:
        self.names.append(name)
        if self.at in (len(self.names), name):
            self.do()

    def arm(self, at: int | str, do: Callable[[], Any]) -> None:
        self.names: list[str] = []
        self.at, self.do = at, do


def places(names: Sequence[str]) -> list[int | str]:
    """Where to stop later runs, so that each point of this one is met.

    A step that waits begins as often as it must, so that numbers move from run to run: what comes once goes by its name.
    """
    return [name if names.count(name) == 1 else number for number, name in enumerate(names, 1)]
