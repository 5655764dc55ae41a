"""Plans by their digest, and approvals that count once: what is kept is what was given, in the order in which it came."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from revoker.errors import ApprovalRefused, UsageError
from revoker.store import Store, plans
from revoker.store.database import writing
from revoker.store.plans import Approval
from tests.store.conftest import NOW

ONE, TWO, THREE = "a" * 64, "ab" * 32, "c" * 64
MINUTE = timedelta(minutes=1)


@pytest.fixture
def kept(store: Store) -> Store:
    """Three plans, the second one made last."""
    for digest, at in ((THREE, NOW), (TWO, NOW + MINUTE), (ONE, NOW)):
        plans.save_plan(store, digest, {"digest": digest}, at)
    return store


def given(who: str = "alice", nonce: str = "n1", **more: object) -> Approval:
    made = Approval(ONE, who, f"signature of {who}", nonce, NOW, NOW + 10 * MINUTE)
    return replace(made, **more)  # type: ignore[arg-type]


def test_a_plan_is_found_by_its_digest_or_a_beginning_that_only_it_has(kept: Store) -> None:
    found = plans.load_plan(kept, TWO)
    assert (found.digest, found.document, found.created_at) == (TWO, {"digest": TWO}, NOW + MINUTE)
    assert plans.load_plan(kept, "ab").digest == TWO
    assert plans.load_plan(kept, "c").digest == THREE
    for beginning, said in (("a", "Several plans begin with 'a'."), ("b", "There is no plan that begins with 'b'.")):
        with pytest.raises(UsageError) as caught:
            plans.load_plan(kept, beginning)
        assert caught.value.message == said


@pytest.mark.parametrize("beginning", ["", "%", "_", "c%", "c_", "_c"])
@pytest.mark.row("W-4")
def test_a_beginning_is_text_and_no_pattern(kept: Store, beginning: str) -> None:
    """An approval for `%` would be one for whatever plan there is."""
    with pytest.raises(UsageError):
        plans.load_plan(kept, beginning)


def test_the_same_plan_again_changes_nothing(kept: Store) -> None:
    plans.save_plan(kept, ONE, {"digest": "another"}, NOW + MINUTE)
    found = plans.load_plan(kept, ONE)
    assert (found.document, found.created_at) == ({"digest": ONE}, NOW)


@pytest.mark.row("W-4", "W-5")
def test_an_approval_is_kept_as_it_was_given_and_its_nonce_counts_once(kept: Store) -> None:
    first, second = given(emergency="production is down"), given("bob", "n2")
    for one in (first, second):
        plans.add_approval(kept, one)
    assert plans.approvals(kept, ONE) == [first, second]
    assert plans.approvals(kept, TWO) == []
    for again in (first, given("bob", "n1"), given("carol", "n2", plan_digest=TWO)):
        with pytest.raises(ApprovalRefused):
            plans.add_approval(kept, again)
    with pytest.raises(UsageError):
        plans.add_approval(kept, given(nonce="n3", plan_digest="d" * 64))
    assert plans.approvals(kept, ONE) == [first, second]


def used(store: Store, at_minute: int, needed: int) -> bool:
    with writing(store) as connection:
        return plans.use_up(connection, ONE, "group-1", NOW + at_minute * MINUTE, needed)


@pytest.mark.parametrize(
    ("given_by", "at_minute", "needed", "wanted"),
    [
        ([given("alice", "n1"), given("bob", "n2")], 1, 2, True),
        ([given("alice", "n1"), given("alice", "n2")], 1, 2, False),  # one person is one
        ([given("alice", "n1")], 1, 2, False),
        ([given("alice", "n1", emergency="down")], 1, 2, True),
        ([given("alice", "n1")], 0, 1, True),
        ([given("alice", "n1")], -1, 1, False),  # not signed yet
        ([given("alice", "n1")], 10, 1, False),  # over, to the second
        ([given("alice", "n1", plan_digest=TWO)], 1, 1, False),
        ([], 1, 0, True),
    ],
)
@pytest.mark.row("W-4")
def test_who_counts(kept: Store, given_by: list[Approval], at_minute: int, needed: int, wanted: bool) -> None:
    for one in given_by:
        plans.add_approval(kept, one)
    assert used(kept, at_minute, needed) is wanted
    told = [(one.consumed_at, one.run_group) for one in plans.approvals(kept, ONE)]
    mine = [one for one in given_by if one.plan_digest == ONE]
    at = NOW + at_minute * MINUTE
    assert told == [(at, "group-1") if wanted else (None, None)] * len(mine)


@pytest.mark.row("W-4")
def test_what_was_used_counts_no_more(kept: Store) -> None:
    plans.add_approval(kept, given())
    assert used(kept, 1, 1)
    assert not used(kept, 2, 1)
    assert [one.consumed_at for one in plans.approvals(kept, ONE)] == [NOW + MINUTE]


def test_the_newest_plans_come_first_and_no_more_than_asked_for(kept: Store) -> None:
    found = plans.list_plans(kept)
    assert [(one.digest, one.created_at) for one in found] == [(TWO, NOW + MINUTE), (ONE, NOW), (THREE, NOW)]
    assert [one.document for one in found] == [{"digest": one.digest} for one in found]
    assert [one.digest for one in plans.list_plans(kept, 2)] == [TWO, ONE]
