"""The numbers revoker lives by, over unique credentials.

Nothing can improve the score by not being looked at: what is unknown, unsupported or skipped stays in the
denominator of D24. Only what was dead before anybody here looked is left out: nobody had to kill it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from revoker.model import Status

if TYPE_CHECKING:
    from revoker.store.credentials import CredentialRow

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Times are whole seconds; shares are 0..1; None means that there is nothing to measure yet."""

    credentials: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)  # by status
    d24: float | None = None  # share of credentials to kill that were proven dead within 24 h of ingest
    d24_dead: int = 0  # its numerator: confirmed live, then proven dead in time
    d24_of: int = 0  # its denominator
    d24_open: int = 0  # not dead yet and younger than 24 h: these can still make it
    time_to_dead_p50_s: int | None = None  # ingest to proven dead, of those confirmed live
    time_to_dead_p90_s: int | None = None
    time_to_contain_p50_s: int | None = None  # ingest to the first acknowledged suspension or revocation
    time_to_contain_p90_s: int | None = None
    unknown: int = 0
    unknown_rate: float | None = None
    unknown_oldest_s: int | None = None
    exposure_hours: float = 0.0  # hours accepted after ingest, summed over the credentials confirmed live
    resurrections: int = 0  # a dead one that was accepted again
    orphans: int = 0  # created at a provider, neither stored nor revoked


def measure(rows: Sequence[CredentialRow], *, orphans: int, resurrections: int, now: datetime) -> Metrics:
    """All numbers over these credentials."""
    counts = Counter(row.status.value for row in rows)
    to_kill = [row for row in rows if not was_dead_before(row)]
    in_time = [row for row in to_kill if _dead_in_time(row)]
    dead_after = sorted(t for row in to_kill if (t := time_to_dead(row)) is not None)
    contained_after = sorted(t for row in to_kill if (t := time_to_contain(row)) is not None)
    unknown = [row for row in rows if row.status is Status.UNKNOWN]
    return Metrics(
        credentials=len(rows),
        counts=dict(counts),
        d24=len(in_time) / len(to_kill) if to_kill else None,
        d24_dead=len(in_time),
        d24_of=len(to_kill),
        d24_open=sum(1 for row in to_kill if row.status is not Status.DEAD and now - row.ingested_at < DAY),
        time_to_dead_p50_s=percentile(dead_after, 0.5),
        time_to_dead_p90_s=percentile(dead_after, 0.9),
        time_to_contain_p50_s=percentile(contained_after, 0.5),
        time_to_contain_p90_s=percentile(contained_after, 0.9),
        unknown=len(unknown),
        unknown_rate=len(unknown) / len(rows) if rows else None,
        unknown_oldest_s=max((_seconds(now - row.ingested_at) for row in unknown), default=None),
        exposure_hours=round(sum(exposure(row, now).total_seconds() for row in rows) / 3_600, 2),
        resurrections=resurrections,
        orphans=orphans,
    )


def was_dead_before(row: CredentialRow) -> bool:
    """True when it was refused at the first look, and nobody here changed it."""
    return row.status is Status.DEAD and row.live_at is None and row.acked_at is None


def time_to_dead(row: CredentialRow) -> int | None:
    """Seconds from ingest to proven dead, for what was confirmed live and is dead now."""
    if row.status is not Status.DEAD or row.live_at is None or row.dead_at is None:
        return None
    return _seconds(row.dead_at - row.ingested_at)


def time_to_contain(row: CredentialRow) -> int | None:
    """Seconds from ingest to the first change that a provider acknowledged, for what was confirmed live."""
    if row.live_at is None:
        return None
    first = min((when for when in (row.contained_at, row.acked_at) if when is not None), default=None)
    return None if first is None else _seconds(first - row.ingested_at)


def exposure(row: CredentialRow, now: datetime) -> timedelta:
    """How long it was accepted after ingest: until the first refusal of the streak that still stands, or until now."""
    if row.live_at is None:
        return timedelta()
    return max((row.refused_at or row.dead_at or now) - row.ingested_at, timedelta())


def percentile(ordered: Sequence[int], share: float) -> int | None:
    """The nearest-rank percentile of ordered numbers."""
    return ordered[max(ceil(share * len(ordered)), 1) - 1] if ordered else None


def _dead_in_time(row: CredentialRow) -> bool:
    took = time_to_dead(row)
    return took is not None and took <= DAY.total_seconds()


def _seconds(length: timedelta) -> int:
    return max(0, round(length.total_seconds()))
