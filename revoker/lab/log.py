"""What a lab server saw: every request, with the key that it touched. The drill's ground truth."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from time import monotonic


@dataclass(frozen=True, slots=True)
class Seen:
    """One request. `key` is the server's id of the key that was read or changed, `caller` who asked."""

    provider: str
    method: str
    what: str  # the path, or the AWS action
    status: int
    key: str = ""
    caller: str = ""
    change: bool = False  # the request asked for a change
    at: float = field(default_factory=monotonic)


@dataclass(frozen=True, slots=True)
class Log:
    """A list of requests that several threads write."""

    entries: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seen: Seen) -> None:
        with self.lock:
            self.entries.append(seen)

    def all(self) -> list[Seen]:
        """What was seen until now."""
        with self.lock:
            return list(self.entries)

    def changes(self) -> list[Seen]:
        """The changes that were asked for and granted."""
        return [seen for seen in self.all() if seen.change and seen.status < 400]
