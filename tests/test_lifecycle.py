"""The proof of death, and what is due when: rules over verdicts and changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revoker.lifecycle import DAY, DEAD_CHECKS, Life, after_change, after_verdict, is_held, spacing
from revoker.model import SUSPENDED_BY_US, Effect, Evidence, Status, Validity, Verdict
from revoker.sdk import Propagation

START = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
WINDOW = Propagation(timedelta(minutes=10), refusals=3)  # so two refusals count when 5 minutes lie between them


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def said(validity: Validity, reason: str = "r") -> Verdict:
    return Verdict(validity, reason, Evidence("api.example.test", 200, None, START))


LIVE, DEAD, UNKNOWN, SKIPPED = (said(v) for v in (Validity.LIVE, Validity.DEAD, Validity.UNKNOWN, Validity.SKIPPED))


def run(life: Life, *events: tuple[float, Verdict | Effect]) -> Life:
    for minutes, event in events:
        life = (
            after_change(life, event, at(minutes))
            if isinstance(event, Effect)
            else after_verdict(life, event, WINDOW, at(minutes))
        )
    return life


def test_a_key_that_never_lived_here_is_dead_by_one_declared_refusal() -> None:
    life = run(Life(), (0, DEAD))
    assert life.status is Status.DEAD
    assert life.dead_at == START


def test_a_revoked_key_is_dead_only_when_its_refusals_span_the_window() -> None:
    life = run(Life(), (0, LIVE), (1, Effect.REVOKE), (1, DEAD))
    assert life.status is Status.DYING
    life = run(life, (6, DEAD))
    assert (life.status, life.refusals) == (Status.DYING, 2)
    life = run(life, (11, DEAD))
    assert (life.status, life.refusals, life.dead_at) == (Status.DEAD, 3, at(11))


def test_refusals_that_come_too_fast_count_once() -> None:
    life = run(Life(), (0, LIVE), (1, Effect.REVOKE), *((1 + i / 10, DEAD) for i in range(20)))
    assert (life.status, life.refusals) == (Status.DYING, 1)


@pytest.mark.row("F13")
def test_one_acceptance_starts_the_count_again() -> None:
    life = run(Life(), (0, LIVE), (1, Effect.REVOKE), (1, DEAD), (6, DEAD), (7, LIVE), (11, DEAD))
    assert (life.status, life.refusals, life.refused_at) == (Status.DYING, 1, at(11))


def test_a_live_key_refused_without_a_change_of_ours_is_dying_first() -> None:
    assert run(Life(), (0, LIVE), (5, DEAD)).status is Status.DYING


def test_unknown_neither_counts_nor_breaks_the_streak() -> None:
    life = run(Life(), (0, LIVE), (1, Effect.REVOKE), (1, DEAD), (3, UNKNOWN), (6, DEAD), (11, DEAD))
    assert life.status is Status.DEAD


def test_a_dead_key_that_is_accepted_again_is_live() -> None:
    life = run(Life(), (0, DEAD), (60, LIVE))
    assert (life.status, life.dead_at) == (Status.LIVE, None)


HELD = said(Validity.LIVE, SUSPENDED_BY_US)


def test_one_that_the_record_shows_as_suspended_by_us_stays_contained_whatever_its_check_says() -> None:
    life = run(Life(), (0, LIVE), (1, Effect.SUSPEND), (2, DEAD), (3, HELD))
    assert (life.status, life.contained_at, life.validity, life.reason) == (
        Status.CONTAINED,
        at(1),
        Validity.LIVE,
        SUSPENDED_BY_US,
    )
    assert (life.refusals, life.refused_at) == (0, None), "it was accepted: no streak goes on"
    assert life.next_check_at == at(3) + DAY


def test_one_that_was_taken_for_accepted_is_contained_again_when_the_record_shows_it() -> None:
    life = run(Life(), (0, LIVE), (1, Effect.SUSPEND), (2, LIVE))
    assert life.status is Status.LIVE
    again = run(life, (3, HELD))
    assert (again.status, again.contained_at) == (Status.CONTAINED, at(1))


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([(0, LIVE)], Status.LIVE),
        ([(0, LIVE), (1, Effect.SUSPEND), (2, Effect.RESTORE)], Status.LIVE),
        ([(0, LIVE), (1, Effect.SUSPEND), (2, Effect.REVOKE)], Status.DYING),
        ([(0, DEAD)], Status.LIVE),
    ],
    ids=["never suspended", "restored", "revoked", "dead"],
)
def test_no_record_makes_contained_what_we_do_not_hold_suspended(
    events: list[tuple[float, Verdict | Effect]], status: Status
) -> None:
    assert run(run(Life(), *events), (9, HELD)).status is status


def test_what_we_hold_suspended() -> None:
    assert [status for status in Status if is_held(status, START)] == [Status.LIVE, Status.CONTAINED]
    assert not any(is_held(status, None) for status in Status)


def test_the_word_of_a_record_alone_makes_no_other_answer_good_news() -> None:
    suspended = run(Life(), (0, LIVE), (1, Effect.SUSPEND))
    assert run(suspended, (2, said(Validity.DEAD, SUSPENDED_BY_US))).refusals == 1
    assert run(suspended, (2, said(Validity.UNKNOWN, SUSPENDED_BY_US))).unknowns == 1


def test_a_suspended_key_is_contained_not_dead() -> None:
    life = run(Life(), (0, LIVE), (1, Effect.SUSPEND), (2, DEAD), (30, DEAD))
    assert (life.status, life.validity, life.contained_at) == (Status.CONTAINED, Validity.DEAD, at(1))


def test_a_restored_key_is_live_and_its_streak_is_gone() -> None:
    life = run(Life(), (0, LIVE), (1, Effect.SUSPEND), (2, DEAD), (3, Effect.RESTORE))
    assert (life.status, life.refusals, life.contained_at) == (Status.LIVE, 0, None)


def test_dead_ones_are_asked_again_on_the_declared_days() -> None:
    life, asked = run(Life(), (0, DEAD)), []
    for _ in range(7):
        assert life.next_check_at is not None
        asked.append(life.next_check_at - START)
        life = after_verdict(life, DEAD, WINDOW, life.next_check_at)
    assert asked[:5] == list(DEAD_CHECKS)
    assert asked[5:] == [timedelta(days=120), timedelta(days=150)]


def test_unknown_backs_off_and_obeys_retry_after() -> None:
    once = run(Life(), (0, UNKNOWN))
    assert once.next_check_at == at(5)
    assert run(once, (5, UNKNOWN)).next_check_at == at(15)
    slow = Verdict(Validity.UNKNOWN, "rate_limited", retry_after=timedelta(hours=2))
    assert after_verdict(Life(), slow, WINDOW, START).next_check_at == at(120)


def test_accepted_stays_accepted_until_a_person_says_otherwise() -> None:
    life = run(Life(status=Status.ACCEPTED), (0, LIVE), (1, DEAD), (2, UNKNOWN))
    assert life.status is Status.ACCEPTED


def test_each_verdict_is_kept_with_its_reason_and_its_time() -> None:
    life = run(Life(), (3, said(Validity.LIVE, "authenticated")))
    assert (life.validity, life.reason, life.checked_at, life.live_at) == (Validity.LIVE, "authenticated", at(3), at(3))
    assert life.next_check_at == at(3) + timedelta(days=1)
    again = run(life, (9, said(Validity.LIVE, "again")))
    assert (again.reason, again.checked_at, again.live_at) == ("again", at(9), at(3))


def test_a_credential_that_is_over_by_its_own_end_needs_no_second_refusal() -> None:
    life = run(Life(), (0, LIVE), (5, Verdict(Validity.DEAD, "expired_offline")))
    assert (life.status, life.dead_at) == (Status.DEAD, at(5))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Status.NEW, Status.SKIPPED),
        (Status.UNKNOWN, Status.SKIPPED),
        (Status.LIVE, Status.LIVE),
        (Status.DYING, Status.DYING),
        (Status.CONTAINED, Status.CONTAINED),
        (Status.DEAD, Status.DEAD),
    ],
)
def test_what_was_not_asked_keeps_what_was_known(before: Status, after: Status) -> None:
    life = run(Life(status=before, dead_at=START), (1, SKIPPED))
    assert life.status is after
    assert life.next_check_at == (None if after is Status.SKIPPED else at(1) + timedelta(days=1))


@pytest.mark.parametrize(
    ("before", "after"),
    [(Status.NEW, Status.UNKNOWN), (Status.SKIPPED, Status.UNKNOWN), (Status.LIVE, Status.LIVE), (Status.DYING, Status.DYING)],
)
def test_an_answer_that_decides_nothing_leaves_the_status_of_what_is_known(before: Status, after: Status) -> None:
    life = run(Life(status=before), (1, UNKNOWN))
    assert (life.status, life.unknowns) == (after, 1)


STREAK = Life(
    Status.LIVE,
    refused_at=START,
    last_refused_at=START,
    refusals=2,
    unknowns=4,
    dead_at=START,
    contained_at=at(-1),
    live_at=START,
)


@pytest.mark.parametrize(
    ("effect", "status", "contained_at", "dead_at"),
    [
        (Effect.REVOKE, Status.DYING, at(-1), None),
        (Effect.SUSPEND, Status.CONTAINED, at(2), START),
        (Effect.RESTORE, Status.LIVE, None, START),
    ],
)
def test_a_change_is_checked_at_once_and_starts_the_count_again(
    effect: Effect, status: Status, contained_at: datetime | None, dead_at: datetime | None
) -> None:
    life = run(STREAK, (2, effect))
    assert (life.status, life.contained_at, life.dead_at) == (status, contained_at, dead_at)
    assert (life.acked_at, life.next_check_at) == (at(2), at(2))
    assert (life.refused_at, life.last_refused_at, life.refusals, life.unknowns) == (None, None, 0, 0)


def test_an_effect_that_touches_no_old_credential_changes_nothing() -> None:
    assert run(STREAK, (2, Effect.ISSUE)) is STREAK


@pytest.mark.parametrize(("refusals", "minutes"), [(1, 10.0), (2, 10.0), (3, 5.0), (5, 2.5)])
def test_the_refusals_that_count_are_spread_over_the_window(refusals: int, minutes: float) -> None:
    assert spacing(Propagation(timedelta(minutes=10), refusals=refusals)) == timedelta(minutes=minutes)


def test_two_refusals_are_enough_where_the_provider_asks_for_two() -> None:
    two = Propagation(timedelta(minutes=10), refusals=2)
    life = after_verdict(run(Life(), (0, LIVE), (1, Effect.REVOKE)), DEAD, two, at(1))
    assert after_verdict(life, DEAD, two, at(10.9)).status is Status.DYING
    assert after_verdict(life, DEAD, two, at(11)).status is Status.DEAD


def test_a_dying_one_is_asked_again_when_the_next_refusal_can_count() -> None:
    life = run(Life(), (0, LIVE), (1, Effect.REVOKE), (1, DEAD))
    assert life.next_check_at == at(6)
    assert run(life, (2, DEAD)).next_check_at == at(6)
    assert run(Life(), (0, LIVE), (1, Effect.REVOKE), (1, LIVE)).next_check_at == at(6)


def test_a_refusal_ends_the_back_off() -> None:
    assert run(Life(), (0, UNKNOWN), (5, UNKNOWN), (20, DEAD)).unknowns == 0
    assert run(Life(), (0, UNKNOWN), (5, UNKNOWN), (20, LIVE)).unknowns == 0


def test_only_a_dead_one_is_asked_on_the_days_of_the_dead() -> None:
    life = run(Life(Status.CONTAINED, live_at=START, dead_at=START), (60, DEAD))
    assert (life.status, life.next_check_at) == (Status.CONTAINED, at(60) + timedelta(days=1))


def test_a_suspended_key_that_is_accepted_is_live_and_still_known_as_suspended_once() -> None:
    life = run(Life(), (0, LIVE), (1, Effect.SUSPEND), (2, LIVE))
    assert (life.status, life.contained_at) == (Status.LIVE, at(1))
    dead = run(Life(), (0, LIVE), (1, Effect.SUSPEND), (2, Effect.REVOKE), (2, DEAD), (7, DEAD), (12, DEAD))
    assert (dead.status, dead.contained_at) == (Status.DEAD, at(1))
    risen = run(dead, (60, LIVE))
    assert (risen.status, risen.contained_at) == (Status.LIVE, None)


@given(st.lists(st.tuples(st.sampled_from([LIVE, UNKNOWN, SKIPPED]), st.floats(0.1, 1e4)), max_size=30))
def test_nothing_but_refusals_ever_makes_dead(events: list[tuple[Verdict, float]]) -> None:
    life, now = Life(), START
    for verdict, minutes in events:
        now += timedelta(minutes=minutes)
        life = after_verdict(life, verdict, WINDOW, now)
        assert life.status is not Status.DEAD


@given(st.lists(st.tuples(st.sampled_from([LIVE, DEAD, UNKNOWN]), st.floats(0.1, 20)), min_size=1, max_size=40))
@pytest.mark.row("F13")
def test_dead_after_a_change_rests_on_refusals_over_the_whole_window(events: list[tuple[Verdict, float]]) -> None:
    life, now = run(Life(), (0, LIVE), (0, Effect.REVOKE)), START
    streak: list[datetime] = []
    for verdict, minutes in events:
        now += timedelta(minutes=minutes)
        life = after_verdict(life, verdict, WINDOW, now)
        streak = [*streak, now] if verdict is DEAD else ([] if verdict is LIVE else streak)
        if life.status is Status.DEAD:
            assert streak[-1] - streak[0] >= WINDOW.window
            assert len(streak) >= WINDOW.refusals
            return


def test_a_revocation_by_hand_is_no_acknowledgement_of_the_provider() -> None:
    """It begins a streak of its own, and what the provider acknowledged before stays as it was."""
    held = run(Life(), (0, said(Validity.LIVE)), (1, Effect.SUSPEND))
    by_hand = after_change(held, Effect.REVOKE, at(9), acked=False)
    assert (by_hand.status, by_hand.acked_at, by_hand.next_check_at) == (Status.DYING, at(1), at(9))
    assert after_change(held, Effect.REVOKE, at(9)).acked_at == at(9)
