"""The numbered points of a run: counted, and something done at one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from revoker.runs import change, chosen, issue, steps, vaulting, work


class Points:
    """Counts the points that are reached, and does something at one of them: by number, or by name and how often it came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.arm(0, lambda: None)
        for module in (change, chosen, issue, steps, vaulting, work):
            monkeypatch.setattr(module, "reach", self.reach)

    def reach(self, name: str) -> None:
        self.names.append(name)
        if self.at in (len(self.names), f"{name}#{self.names.count(name)}"):
            self.do()

    def arm(self, at: int | str, do: Callable[[], Any]) -> None:
        self.names: list[str] = []
        self.at, self.do = at, do


def places(names: Sequence[str]) -> list[str]:
    """Where to stop later runs, so that each point of this one is met; the numbers move with how often a step had to wait."""
    return [f"{name}#{names[:at].count(name) + 1}" for at, name in enumerate(names)]


def may_be_missed(place: str) -> bool:
    """True for one more beginning of a step: one that waits begins as often as it must, and on another day not so often."""
    name, _, count = place.rpartition("#")
    return name.endswith(": begin") and int(count) > 1
