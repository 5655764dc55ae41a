"""How a credential's status moves: pure rules over verdicts and changes.

The proof of death: after a change, or after the first refusal of a credential that was live, it is `dying`.
It becomes `dead` when `refusals` definitive refusals in a row span the provider's propagation window.
One acceptance sets the count back to zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from revoker.model import SUSPENDED_BY_US, Effect, Status, Validity, Verdict
from revoker.sdk.shapes import Propagation

DEAD_CHECKS = (timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=30), timedelta(days=90))
MONTH = timedelta(days=30)
DAY = timedelta(days=1)
FIRST_RETRY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Life:
    """All that the rules need to know of a credential."""

    status: Status = Status.NEW
    validity: Validity | None = None
    reason: str = ""
    live_at: datetime | None = None  # first live confirmation
    contained_at: datetime | None = None
    acked_at: datetime | None = None  # last change that a provider acknowledged
    refused_at: datetime | None = None  # first refusal of the current streak
    last_refused_at: datetime | None = None  # last refusal that counted
    refusals: int = 0
    dead_at: datetime | None = None
    checked_at: datetime | None = None
    next_check_at: datetime | None = None
    unknowns: int = 0  # answers in a row that decided nothing


def after_verdict(life: Life, verdict: Verdict, propagation: Propagation, now: datetime) -> Life:
    """The life after one verdict."""
    seen = replace(life, validity=verdict.validity, reason=verdict.reason, checked_at=now)
    if verdict.validity is Validity.LIVE:
        after = _accepted(seen, now)
        if verdict.reason == SUSPENDED_BY_US and is_held(life.status, life.contained_at):
            after = replace(after, status=Status.CONTAINED)
    elif verdict.validity is Validity.DEAD:
        after = _refused(seen, propagation, now, offline=verdict.evidence is None)
    elif verdict.validity is Validity.SKIPPED:
        after = replace(seen, status=Status.SKIPPED if life.status in (Status.NEW, Status.UNKNOWN) else life.status)
    else:
        after = _undecided(seen)
    return replace(after, next_check_at=next_check(after, verdict, propagation, now))


def after_change(life: Life, effect: Effect, now: datetime, *, acked: bool = True) -> Life:
    """The life after a change that the provider acknowledged, or (not `acked`) that a person says to have made there by hand."""
    if effect is Effect.REVOKE:
        at = now if acked else life.acked_at
        return replace(_fresh_streak(life), status=Status.DYING, acked_at=at, dead_at=None, next_check_at=now)
    if effect is Effect.SUSPEND:
        return replace(_fresh_streak(life), status=Status.CONTAINED, acked_at=now, contained_at=now, next_check_at=now)
    if effect is Effect.RESTORE:
        return replace(_fresh_streak(life), status=Status.LIVE, acked_at=now, contained_at=None, next_check_at=now)
    return life


def is_held(status: Status, contained_at: datetime | None) -> bool:
    """True for one that we suspended, and neither restored nor revoked since: `contained`, or taken for live again by its answers."""
    return contained_at is not None and status in (Status.CONTAINED, Status.LIVE)


def spacing(propagation: Propagation) -> timedelta:
    """The least time between two refusals that both count."""
    return propagation.window / max(1, propagation.refusals - 1)


def next_check(life: Life, verdict: Verdict, propagation: Propagation, now: datetime) -> datetime | None:
    """When a credential is due again; None for what is never asked again by itself."""
    if life.status in (Status.ACCEPTED, Status.SKIPPED):
        return None
    if verdict.validity is Validity.SKIPPED:
        return now + DAY  # a watched one that may not be asked now is shown each day, until a person does something
    if verdict.validity is Validity.UNKNOWN:
        backoff = min(FIRST_RETRY * (1 << min(max(life.unknowns, 1) - 1, 12)), DAY)
        return now + max(backoff, verdict.retry_after or timedelta())
    if life.status is Status.DYING:
        counted = life.last_refused_at
        return max(now, counted + spacing(propagation)) if counted else now + spacing(propagation)
    if life.status is Status.DEAD and life.dead_at is not None:
        return next((life.dead_at + after for after in DEAD_CHECKS if life.dead_at + after > now), now + MONTH)
    return now + DAY


def _fresh_streak(life: Life) -> Life:
    return replace(life, refused_at=None, last_refused_at=None, refusals=0, unknowns=0)


def _accepted(life: Life, now: datetime) -> Life:
    """Accepted again: a streak of refusals is broken, and a dead one is live again (a resurrection)."""
    after = replace(_fresh_streak(life), live_at=life.live_at or now, dead_at=None)
    if life.status in (Status.DYING, Status.ACCEPTED):
        return after
    return replace(after, status=Status.LIVE, contained_at=None if life.status is Status.DEAD else life.contained_at)


def _refused(life: Life, propagation: Propagation, now: datetime, *, offline: bool) -> Life:
    counted = replace(life, unknowns=0)
    if life.last_refused_at is None or now - life.last_refused_at >= spacing(propagation):
        counted = replace(counted, refusals=life.refusals + 1, refused_at=life.refused_at or now, last_refused_at=now)
    if life.status in (Status.DEAD, Status.ACCEPTED, Status.CONTAINED):
        return counted
    if life.live_at is None or offline or _proven(counted, propagation, now):
        return replace(counted, status=Status.DEAD, dead_at=life.dead_at or now)
    return replace(counted, status=Status.DYING)


def _proven(life: Life, propagation: Propagation, now: datetime) -> bool:
    if life.refused_at is None or life.refusals < max(2, propagation.refusals):
        return False
    return now - life.refused_at >= propagation.window


def _undecided(life: Life) -> Life:
    """An answer that decides nothing neither counts as a refusal nor breaks the streak."""
    status = Status.UNKNOWN if life.status in (Status.NEW, Status.SKIPPED) else life.status
    return replace(life, status=status, unknowns=life.unknowns + 1)
