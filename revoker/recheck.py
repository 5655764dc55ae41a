"""Scheduled re-verification: what is due by status and age is asked again.

Live ones daily; dead ones after 1 hour, 1, 7, 30 and 90 days, then monthly; unknown ones with back-off
(the times are set by lifecycle.next_check when a verdict is recorded). After a long downtime everything is due at
once: `limit` and the providers' budgets spread it over the following ticks, the most urgent first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from revoker.config import Settings
from revoker.model import Status
from revoker.store import credentials as rows_of
from revoker.verify import Progress, VerifySummary, verify

if TYPE_CHECKING:
    from revoker.store.credentials import Transition
    from revoker.store.database import Store

TICK_LIMIT = 5_000


@dataclass(frozen=True, slots=True)
class RecheckSummary:
    """What one round of re-verification found."""

    due: int
    verified: VerifySummary
    resurrected: tuple[Transition, ...]  # dead ones that live again
    proven: tuple[Transition, ...]  # dying ones that are dead now


def recheck(
    store: Store,
    *,
    settings: Settings,
    clock: Callable[[], datetime],
    limit: int = TICK_LIMIT,
    progress: Progress | None = None,
) -> RecheckSummary:
    """Verify what is due, at the most `limit` credentials."""
    rows = rows_of.due(store, clock(), limit)
    summary = verify(store, rows, settings=settings, clock=clock, force=True, progress=progress)
    return RecheckSummary(
        due=len(rows),
        verified=summary,
        resurrected=tuple(t for t in summary.transitions if t.before is Status.DEAD and t.after is Status.LIVE),
        proven=tuple(t for t in summary.transitions if t.before is not Status.DEAD and t.after is Status.DEAD),
    )
