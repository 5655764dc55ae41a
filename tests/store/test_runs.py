from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from revoker.errors import ApprovalRefused, Parked, UsageError
from revoker.store import Store, incidents, orphans, picking, plans, runs, switches
from revoker.store import credentials as creds
from revoker.store.database import writing
from revoker.store.plans import Approval
from tests.store.conftest import NOW, Reported

HOUR = timedelta(hours=1)
LEASE = timedelta(minutes=5)
PLAN = "d1" * 32


@pytest.fixture
def fingerprint(store: Store, report: Callable[..., Reported]) -> str:
    incident = incidents.open_incident(store, "a leak", NOW).id
    creds.add_findings(store, [report("a")], incident, NOW)
    plans.save_plan(store, PLAN, {"steps": ["revoke"], "n": 1}, NOW)
    return creds.select(store)[0].fingerprint


def approve(store: Store, who: str, nonce: str, expires: timedelta = HOUR) -> None:
    plans.add_approval(store, Approval(PLAN, who, "signature", nonce, NOW, NOW + expires))


def consume(store: Store, digest: str, group: str, now: datetime) -> bool:
    with writing(store) as connection:
        return plans.use_up(connection, digest, group, now, 1)


def test_plans_are_found_by_a_unique_beginning(store: Store) -> None:
    for digest in (PLAN, "d2" * 32):
        plans.save_plan(store, digest, {"a": [1]}, NOW)
        plans.save_plan(store, digest, {"a": "other"}, NOW)
    assert plans.load_plan(store, "d1").document == {"a": [1]}
    assert len(plans.list_plans(store)) == 2
    for wrong in ("d", "", "x", "%"):
        with pytest.raises(UsageError):
            plans.load_plan(store, wrong)


def test_approvals_count_persons_and_are_used_once(store: Store, fingerprint: str) -> None:
    approve(store, "alice", "n1")
    approve(store, "alice", "n2")
    with pytest.raises(ApprovalRefused):
        approve(store, "bob", "n1")
    members = [(fingerprint, "revoke-now")]
    with pytest.raises(ApprovalRefused, match="2 person"):
        runs.create_runs(store, PLAN, members, NOW, needed=2)
    assert runs.list_runs(store) == []
    approve(store, "bob", "n3")
    (run,) = runs.create_runs(store, PLAN, members, NOW, needed=2, run_group="g")
    assert {(one.consumed_at, one.run_group) for one in plans.approvals(store, PLAN)} == {(NOW, "g")}
    assert runs.get_run(store, run.id[:12]) == run
    with pytest.raises(ApprovalRefused, match="started before"):
        runs.create_runs(store, PLAN, members, NOW, needed=0)


def test_an_expired_approval_is_none(store: Store, fingerprint: str) -> None:
    approve(store, "alice", "n1", expires=HOUR)
    assert not consume(store, PLAN, "g", NOW + HOUR)
    assert not consume(store, PLAN, "g", NOW - HOUR)
    assert consume(store, PLAN, "g", NOW)
    assert not consume(store, PLAN, "g", NOW)


def test_many_at_once_start_a_plan_once(store: Store, fingerprint: str) -> None:
    approve(store, "alice", "n1")

    def start(n: int) -> int:
        try:
            return len(runs.create_runs(store, PLAN, [(fingerprint, "revoke-now")], NOW, needed=1, run_group=str(n)))
        except ApprovalRefused:
            return 0

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(start, range(8))) == 1
    assert len(runs.list_runs(store)) == 1


@pytest.mark.row("W-5")
def test_many_at_once_use_approvals_once(store: Store, fingerprint: str) -> None:
    approve(store, "alice", "n1")
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda n: consume(store, PLAN, str(n), NOW), range(8))) == 1


def test_a_run_goes_on_until_it_ends(store: Store, fingerprint: str) -> None:
    (run,) = runs.create_runs(store, PLAN, [(fingerprint, "revoke-now")], NOW)
    assert runs.set_run(store, run.id, "failed", "revoke", "refused", NOW)
    assert runs.get_run(store, run.id).ended_at == NOW
    assert runs.set_run(store, run.id, "running", "revoke", "", NOW + HOUR)
    assert runs.get_run(store, run.id).ended_at is None
    assert runs.set_run(store, run.id, "cancelled", "revoke", "", NOW)
    assert not runs.set_run(store, run.id, "running", "revoke", "", NOW)
    incident = creds.select(store)[0].incident
    assert [one.state for one in runs.list_runs(store, incident=[incident], fingerprint=[fingerprint])] == ["cancelled"]
    assert runs.list_runs(store, state=["ready"]) == []
    with pytest.raises(UsageError):
        runs.set_run(store, run.id, "odd", "", "", NOW)


@pytest.mark.row("F7")
def test_a_late_write_of_a_dead_worker_leaves_no_run_behind(store: Store, fingerprint: str) -> None:
    """Found by a campaign: freed as ready, then written as running by its old worker, it was picked by nobody ever after."""
    (run,) = runs.create_runs(store, PLAN, [(fingerprint, "revoke-now")], NOW, needed=0)
    assert picking.pick(store, "one", NOW, 5, LEASE) == [run.id]
    fence = runs.claim(store, fingerprint, run.id, "one", NOW, LEASE)
    assert picking.free(store, ["one"], NOW) == [run.id]
    runs.set_run(store, run.id, "running", "remove", "", NOW, owner="one", fence=fence)
    assert picking.pick(store, "two", NOW, 5, LEASE) == [run.id]
    assert picking.pick(store, "three", NOW, 5, LEASE) == []
    assert not runs.set_run(store, run.id, "running", "remove", "", NOW, owner="one", fence=fence)


@pytest.mark.row("F7")
def test_a_claim_is_held_by_one_and_its_fence_grows(store: Store) -> None:
    assert runs.claim(store, "fp", "r1", "w1", NOW, LEASE) == 1
    assert runs.claim(store, "fp", "r1", "w2", NOW, LEASE) is None
    assert runs.claim(store, "fp", "r2", "w1", NOW, LEASE) is None
    assert runs.claim(store, "fp", "r1", "w1", NOW, LEASE) == 2
    assert not runs.renew(store, "fp", 1, NOW, LEASE)
    assert runs.renew(store, "fp", 2, NOW + LEASE / 2, LEASE)
    assert runs.claim(store, "fp", "r2", "w2", NOW + LEASE, LEASE) is None
    assert runs.claim(store, "fp", "r2", "w2", NOW + LEASE * 1.5, LEASE) == 3
    assert not runs.release(store, "fp", 2)
    assert runs.release(store, "fp", 3)
    assert not runs.renew(store, "fp", 3, NOW, LEASE)
    assert runs.claim(store, "fp", "r1", "w1", NOW, LEASE) == 4


def test_many_at_once_claim_once(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        fences = list(pool.map(lambda n: runs.claim(store, "fp", f"r{n}", f"w{n}", NOW, LEASE), range(8)))
    assert sorted(fence for fence in fences if fence is not None) == [1]


def test_an_intent_needs_the_fence_and_an_outcome_is_always_kept(store: Store, fingerprint: str) -> None:
    (run,) = runs.create_runs(store, PLAN, [(fingerprint, "revoke-now")], NOW)
    fence = runs.claim(store, fingerprint, run.id, "w1", NOW, LEASE)
    runs.append_journal(store, run.id, "revoke", "intent", fence, {"target": "key_1"}, NOW)
    newer = runs.claim(store, fingerprint, run.id, "w2", NOW + LEASE, LEASE)
    for wrong in (fence, None, 99):
        with pytest.raises(Parked) as caught:
            runs.append_journal(store, run.id, "again", "intent", wrong, {}, NOW + LEASE)
        assert caught.value.fingerprint == fingerprint
    with pytest.raises(Parked):
        runs.append_journal(store, run.id, "again", "intent", newer, {}, NOW + 2 * LEASE)
    runs.append_journal(store, run.id, "revoke", "outcome", fence, {"done": True}, NOW + LEASE)
    assert [(row.step, row.phase, dict(row.data)) for row in runs.journal(store, run.id)] == [
        ("revoke", "intent", {"target": "key_1"}),
        ("revoke", "outcome", {"done": True}),
    ]


def test_orphans(store: Store) -> None:
    for _ in range(2):
        orphans.add_orphan(store, "openai", "key_1", "fp", "run", NOW, "the store was sealed")
    (orphan,) = orphans.list_orphans(store)
    assert (orphan.target, orphan.at) == ("key_1", NOW)
    assert orphans.resolve_orphan(store, "openai", "key_1", NOW, "revoked by hand")
    assert not orphans.resolve_orphan(store, "openai", "key_1", NOW, "again")
    assert orphans.list_orphans(store) == []
    assert [one.resolved_why for one in orphans.list_orphans(store, resolved=True)] == ["revoked by hand"]


def test_the_kill_switch(store: Store) -> None:
    assert not switches.is_stopped(store)
    switches.set_stopped(store, True, "alice", NOW)
    assert switches.is_stopped(store)
    switches.set_stopped(store, False, "bob", NOW + HOUR)
    assert switches.stop_state(store) == switches.Stop(False, "bob", NOW + HOUR)


@pytest.mark.row("W-10")
def test_the_counter_of_changes_holds_its_limit_under_concurrency(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: switches.count_mutation(store, "aws", NOW, limit=5), range(12)))
    assert sum(taken) == 5
    assert switches.mutations_since(store, "aws", NOW - HOUR) == 5
    assert switches.mutations_since(store, "openai", NOW - HOUR) == 0
    assert switches.count_mutation(store, "aws", NOW + HOUR, limit=5)
