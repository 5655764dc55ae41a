"""The numbers, with exact expectations. Nothing can improve D24 by not being looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from revoker.model import Status, ValueState
from revoker.report.metrics import Metrics, exposure, measure, percentile
from revoker.report.prometheus import prometheus
from revoker.store.credentials import CredentialRow

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
EMPTY = CredentialRow(
    fingerprint="fp_" + "0" * 32,
    kind="groq_api_key",
    provider="groq",
    status=Status.NEW,
    validity=None,
    reason="",
    parts={},
    identity=None,
    incident="INC-20261124-1",
    value_state=ValueState.RAW,
    findings=1,
    ingested_at=START,
    detected_at=None,
    live_at=None,
    contained_at=None,
    acked_at=None,
    refused_at=None,
    last_refused_at=None,
    refusals=0,
    dead_at=None,
    checked_at=None,
    next_check_at=None,
    residual_until=None,
    accepted_by=None,
    accepted_why=None,
    excluded=False,
)


def killed(after: timedelta) -> CredentialRow:
    """Live at once, changed half-way, proven dead after this time."""
    half = START + after / 2
    return replace(EMPTY, status=Status.DEAD, live_at=START, acked_at=half, refused_at=half, dead_at=START + after)


def of(*rows: CredentialRow, now: datetime = START + 48 * HOUR, resurrections: int = 0, orphans: int = 0) -> Metrics:
    return measure(rows, orphans=orphans, resurrections=resurrections, now=now)


def test_nothing_gives_no_numbers() -> None:
    made = of()
    assert made.d24 is None
    assert made.time_to_dead_p50_s is None
    assert made.unknown_rate is None
    assert made.exposure_hours == 0


def test_d24_counts_what_was_proven_dead_in_time() -> None:
    made = of(
        killed(HOUR),
        killed(24 * HOUR),
        killed(24 * HOUR + timedelta(seconds=1)),
        replace(EMPTY, status=Status.LIVE, live_at=START),
    )
    assert (made.d24_dead, made.d24_of, made.d24) == (2, 4, 0.5)


@pytest.mark.parametrize("status", [Status.NEW, Status.UNKNOWN, Status.SKIPPED, Status.ACCEPTED, Status.DYING, Status.CONTAINED])
def test_what_is_not_proven_dead_stays_in_the_denominator(status: Status) -> None:
    assert of(killed(HOUR), replace(EMPTY, status=status)).d24 == 0.5


def test_what_was_dead_before_we_came_does_not_count() -> None:
    before = replace(EMPTY, status=Status.DEAD, dead_at=START)
    made = of(killed(HOUR), before)
    assert (made.d24, made.d24_of, made.credentials) == (1.0, 1, 2)


def test_dead_without_ever_having_been_seen_alive_is_no_success() -> None:
    """Unknown, then revoked, then refused: the check never said live, so its death is not proven by the same check."""
    blind = replace(EMPTY, status=Status.DEAD, acked_at=START + HOUR, dead_at=START + 2 * HOUR)
    assert of(blind).d24 == 0.0


def test_one_that_came_back_to_life_is_not_dead() -> None:
    back = replace(killed(HOUR), status=Status.LIVE, dead_at=None, refused_at=None)
    made = of(back, resurrections=1)
    assert (made.d24, made.resurrections) == (0.0, 1)


def test_the_young_ones_can_still_make_it() -> None:
    live = replace(EMPTY, status=Status.LIVE, live_at=START)
    assert of(live, now=START + 23 * HOUR).d24_open == 1
    assert of(live, now=START + 24 * HOUR).d24_open == 0


def test_times_to_dead_and_to_containment() -> None:
    rows = [killed(timedelta(seconds=s)) for s in (100, 200, 300, 400, 1000)]
    made = of(*rows)
    assert (made.time_to_dead_p50_s, made.time_to_dead_p90_s) == (300, 1000)
    assert (made.time_to_contain_p50_s, made.time_to_contain_p90_s) == (150, 500)


def test_suspended_first_counts_as_contained_then() -> None:
    row = replace(killed(10 * HOUR), contained_at=START + timedelta(minutes=3))
    assert of(row).time_to_contain_p50_s == 180


def test_unknown_rate_and_its_oldest_age() -> None:
    old = replace(EMPTY, status=Status.UNKNOWN)
    young = replace(EMPTY, status=Status.UNKNOWN, ingested_at=START + 40 * HOUR)
    made = of(old, young, killed(HOUR), killed(HOUR))
    assert (made.unknown, made.unknown_rate, made.unknown_oldest_s) == (2, 0.5, 48 * 3600)


def test_exposure_ends_with_the_first_refusal_that_stands() -> None:
    live = replace(EMPTY, status=Status.LIVE, live_at=START)
    never = replace(EMPTY, status=Status.UNKNOWN)
    made = of(killed(2 * HOUR), live, never, now=START + 10 * HOUR)
    assert made.exposure_hours == 11.0
    assert exposure(never, START + HOUR) == timedelta()


@pytest.mark.parametrize(("share", "value"), [(0.5, 5), (0.9, 9), (0.0, 1), (1.0, 10)])
def test_percentiles_are_nearest_ranks(share: float, value: int) -> None:
    assert percentile(list(range(1, 11)), share) == value
    assert percentile([], share) is None


def test_prometheus_leaves_out_what_cannot_be_measured() -> None:
    text = prometheus(of(replace(EMPTY, status=Status.UNKNOWN), orphans=2))
    assert 'revoker_credentials{status="unknown"} 1' in text
    assert "revoker_orphans 2" in text
    assert "revoker_unknown_oldest_seconds 172800" in text
    assert "revoker_time_to_dead" not in text
    assert all(line.startswith("#") or len(line.rsplit(" ", 1)) == 2 for line in text.splitlines())
