"""The provider's own book: every change that it really made, when, and with whose credential. And its weather."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

FINE, SLOW, DEAD, BUSY, DEAF = "fine", "slow", "dead", "429", "commit then close"


@dataclass(frozen=True, slots=True)
class Entry:
    """One changing call that was carried out. `changed` is false when the state was so already."""

    at: float  # seconds since 1970
    what: str  # issue, suspend, restore, revoke
    target: str
    by: str  # the bearer
    name: str  # the name that the caller gave a new key
    changed: bool


@dataclass
class Book:
    """Stands in front of a `Fakery`: writes down what it does, and lets it fail as the weather says."""

    fakery: Any
    chance: random.Random
    weather: str = FINE
    entries: list[Entry] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> None:
        """From now on every call goes by the book."""
        self.plain = self.fakery.answer
        self.fakery.lock = nullcontext()  # a slow call must not hold up the others
        self.fakery.answer = self.answer

    def answer(self, method: str, path: str, bearer: str, body: dict[str, Any]) -> tuple[int, Any]:
        weather = self.weather if self.chance.random() < 0.7 else FINE
        if weather == SLOW:
            time.sleep(self.chance.uniform(0.1, 1.5))  # the client waits for one second
        if weather == DEAD:
            return self._closed(weather, method, path)
        if weather == BUSY:
            self.done[weather] += 1
            return 429, {"error": {"code": "slow_down"}}
        with self.lock:
            answer = self._written(method, path, bearer, body)
        if weather == DEAF and method != "GET":
            self._closed(weather, method, path)
        self.done[weather] += weather == SLOW
        return answer

    def _closed(self, weather: str, method: str, path: str) -> tuple[int, Any]:
        """The connection ends without an answer."""
        self.done[weather] += 1
        self.fakery.drop.append(f"{method} {path}")
        return 503, None

    def _written(self, method: str, path: str, bearer: str, body: dict[str, Any]) -> tuple[int, Any]:
        before = {key.id: key.status for key in self.fakery.keys.values()} if method != "GET" else {}
        count = len(self.fakery.changes)
        answer: tuple[int, Any] = self.plain(method, path, bearer, body)
        for change in self.fakery.changes[count:]:
            what, target = change.split()
            after = self.fakery.keys[target].status if target in self.fakery.keys else "gone"
            self.entries.append(Entry(time.time(), what, target, bearer, str(body.get("name", "")), before.get(target) != after))
        return answer
