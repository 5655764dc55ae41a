"""How fast a provider is asked: a smooth token bucket, a cap on what is under way, and pauses that the provider asks for.

Waiting here is never a part of a request's own time limit.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from revoker.egress.line import NotSent
from revoker.sdk import Budget

LONGEST_WAIT = 120.0  # seconds of a pause that we wait for; what would wait longer is given back unsent
SLOWEST = 0.2  # requests a second; a provider that refuses more is asked no slower than this
RECOVERY = 1.05  # each accepted answer lets the rate grow by this factor, up to the budget

Monotonic = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


class Held(NotSent):
    """The provider asked for a pause of hours: nothing was sent, and nothing waits for it here."""

    def __init__(self, seconds: float) -> None:
        super().__init__("rate_limited")
        self.seconds = seconds


@dataclass
class Pause:
    """A provider's own request to wait, shared by all its kinds. Times are monotonic seconds."""

    until: float = 0.0


@dataclass
class Bucket:
    """The budget of one provider and kind. Those who came first, or were refused before, go first."""

    budget: Budget
    pause: Pause = field(default_factory=Pause)
    monotonic: Monotonic = time.monotonic
    sleep: Sleep = asyncio.sleep

    def __post_init__(self) -> None:
        self.rate = self.budget.per_second  # 0: unlimited
        self._slots = max(1, self.budget.in_flight)
        self._under_way = 0
        self._next = 0.0  # when the next request may start
        self._tickets = itertools.count()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._accepted = 0  # answers since the last refusal
        self._since = self.monotonic()

    def ticket(self) -> int:
        """A place in the queue. A request that is tried again keeps its ticket."""
        return next(self._tickets)

    @asynccontextmanager
    async def turn(self, ticket: int) -> AsyncIterator[None]:
        """Wait for a slot, for the rate and for pauses; the body is one request. Raises Held in a long pause."""
        await self._slot(ticket)
        try:
            await self._pace()
            yield
        finally:
            self._under_way -= 1
            self._wake()

    async def _slot(self, ticket: int) -> None:
        if self._under_way < self._slots and not self._waiting:
            self._under_way += 1
            return
        place = (ticket, asyncio.get_running_loop().create_future())
        heapq.heappush(self._waiting, place)
        try:
            await place[1]
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
                heapq.heapify(self._waiting)
            elif place[1].done() and not place[1].cancelled():
                self._under_way -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting and self._under_way < self._slots:
            _, waiter = heapq.heappop(self._waiting)
            if not waiter.done():
                self._under_way += 1
                waiter.set_result(None)

    async def _pace(self) -> None:
        while True:
            now = self.monotonic()
            if self.pause.until - now > LONGEST_WAIT:
                raise Held(self.pause.until - now)
            start = max(now, self._next, self.pause.until)
            if start <= now:
                break
            if self.rate and self._next >= self.pause.until:
                self._next = start + 1 / self.rate  # our place in the row is taken while we sleep
                await self.sleep(start - now)
                if self.pause.until <= self.monotonic():
                    return
                continue
            await self.sleep(start - now)
        if self.rate:
            self._next = now + 1 / self.rate

    def accepted(self) -> None:
        """The provider answered with something else than "too many": go a little faster again."""
        self._accepted += 1
        if self.rate != self.budget.per_second:
            grown = self.rate * RECOVERY
            limit = self.budget.per_second
            self.rate = grown if not limit else min(grown, limit)

    def refused(self, wait: float) -> None:
        """The provider asked for a pause of `wait` seconds: all its kinds pause, and this one goes on at the rate it bore."""
        now = self.monotonic()
        if now < self.pause.until and now + wait <= self.pause.until + 1:
            self.pause.until = max(self.pause.until, now + wait)
            return  # one of many refused at the same time: already counted
        self.pause.until = max(self.pause.until, now + wait)
        bore = self._accepted / max(now - self._since, wait, 0.001)
        slower = bore or 1 / max(wait, 1.0)  # nothing was accepted: one request for each pause
        self.rate = max(SLOWEST, min(self.rate, slower) if self.rate else slower)
        self._accepted, self._since = 0, now


class Budgets:
    """All buckets of one pool."""

    def __init__(self, monotonic: Monotonic = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._monotonic, self._sleep = monotonic, sleep
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._pauses: dict[str, Pause] = {}

    def bucket(self, provider: str, kind: str, budget: Budget) -> Bucket:
        """The bucket of a provider and kind, made when it is first asked for."""
        key = (provider, kind)
        if key not in self._buckets:
            pause = self._pauses.setdefault(provider, Pause())
            self._buckets[key] = Bucket(budget, pause, self._monotonic, self._sleep)
        return self._buckets[key]
