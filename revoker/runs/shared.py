"""A change waits for its turn among the changes of all workers, so that together they keep the provider's budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from revoker.errors import Parked
from revoker.store import budgets

if TYPE_CHECKING:
    from revoker.runs.work import Turn

LOOK = 0.2  # seconds between two looks for a free place
LONGEST = timedelta(seconds=60)  # that a step waits for its turn; after that the run is parked


@asynccontextmanager
async def place(turn: Turn) -> AsyncIterator[Callable[[timedelta], None]]:
    """Wait for a place, and hold it while the change is under way. Yields what tells all workers of a pause.

    Raises Parked when the budget is used up for longer than a step may wait.
    """
    taken = await _taken(turn)
    provider, kind = turn.provider.id, turn.kind.id
    try:
        if taken.wait > LONGEST.total_seconds():
            raise _full(turn, taken.wait)
        await asyncio.sleep(max(0.0, taken.wait))
        yield lambda wait: budgets.pause(turn.work.store, provider, kind, wait)
    finally:
        budgets.give_back(turn.work.store, taken)


async def _taken(turn: Turn) -> budgets.Place:
    lasts = 3 * turn.work.settings.verify.timeout  # a lease is at least as long
    waited = 0.0
    while True:
        found = budgets.reserve(turn.work.store, turn.provider.id, turn.kind.id, turn.kind.budget, lasts)
        if found is not None:
            return found
        if waited > LONGEST.total_seconds():
            raise _full(turn, waited)
        await asyncio.sleep(LOOK)
        waited += LOOK


def _full(turn: Turn, seconds: float) -> Parked:
    return Parked(
        f"All workers together keep {turn.provider.title} busy for the next {seconds:.0f} s.",
        fingerprint=turn.run.fingerprint,
        safe="nothing was sent",
        next="revoker resume; a worker goes on by itself",
    )
