"""A fake provider's books: its keys, and how they come to live and to die."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic

from revoker.model import NOTHING


@dataclass(frozen=True, slots=True)
class FakeKey:
    """A key as its provider knows it. `state` is live, disabled or deleted."""

    id: str
    secret: str = field(repr=False)
    kind: str = ""
    account: str = "acme"
    name: str = ""
    state: str = "live"
    restricted: bool = False  # works, but may not make the call that checks it
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    changed_at: float | None = None  # monotonic seconds of the last change of state


@dataclass(slots=True)
class Book:
    """All keys of one provider. `lag` is how many seconds a stopped key is still accepted."""

    lag: float = 0.0
    keys: dict[str, FakeKey] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Several steps as one."""
        with self.lock:
            yield

    def add(self, key: FakeKey) -> FakeKey:
        with self.lock:
            self.keys[key.id] = key
        return key

    def find(self, secret: str) -> FakeKey | None:
        """The key with this value, whatever its state."""
        with self.lock:
            return next((key for key in self.keys.values() if secrets.compare_digest(key.secret.encode(), secret.encode())), None)

    def listed(self) -> list[FakeKey]:
        """The keys that the console and the lists still show."""
        with self.lock:
            return [key for key in self.keys.values() if key.state != "deleted"]

    def change(self, id: str, state: str, *, again: bool = False) -> FakeKey | None:
        """Give a key another state; None when there is no such key, or it is deleted and may not live `again`."""
        with self.lock:
            key = self.keys.get(id)
            if key is None or (key.state == "deleted" and not again):
                return None
            self.keys[id] = changed = replace(key, state=state, changed_at=monotonic())
            return changed

    def note(self, id: str, **extra: str) -> FakeKey | None:
        """Write something into a key's extra fields; None when there is no such key."""
        with self.lock:
            key = self.keys.get(id)
            if key is None:
                return None
            self.keys[id] = noted = replace(key, extra={**key.extra, **extra})
            return noted

    def works(self, key: FakeKey | None) -> bool:
        """Whether the provider accepts the key now: live, or stopped so shortly ago that it was not felt yet."""
        if key is None:
            return False
        if key.state == "live":
            return True
        return key.changed_at is not None and monotonic() - key.changed_at < self.lag


def hint(secret: str, head: int, tail: int, gap: str = "...") -> str:
    """A value as a console shows it: its first and last characters."""
    return f"{secret[:head]}{gap}{secret[-tail:]}"
