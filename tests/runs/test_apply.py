"""What is compared once more before an approved plan becomes runs, and what is on record of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest

from revoker import audit
from revoker.errors import ApprovalRefused, Parked
from revoker.playbook import load_playbooks
from revoker.runs import digests
from revoker.runs.apply import AGAIN, apply
from revoker.runs.plan import Plan, make_plan
from revoker.store import canaries, runs, switches
from revoker.store import credentials as rows_of
from revoker.store.credentials import Selection
from tests.runs.conftest import Build, Site, utc_now

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def planned(site: Site, *marks: str, playbook: str = "revoke-now") -> Plan:
    chosen = Selection(fingerprint=marks)
    return make_plan(site.store, site.settings, chosen, playbook=playbook, requester="dave", now=utc_now())


def leaked(site: Site) -> str:
    return site.add(site.fakery.add().value)


def refusal(site: Site, plan: Plan, now: Any = None) -> ApprovalRefused:
    with pytest.raises(ApprovalRefused) as caught:
        apply(site.store, site.settings, plan.digest, now or utc_now())
    return caught.value


def test_what_was_started_is_on_record_with_its_urgency(build: Build) -> None:
    site = build("[approvals]\nrevoke = 2\n", own='public = ["file:leak.txt"]')
    marks = [leaked(site), leaked(site)]
    plan = planned(site, *marks)
    site.approved(plan.digest, "alice")
    assert refusal(site, plan).message == "The plan needs 2 approvals; 1 missing (given by alice)."
    site.approved(plan.digest, "bob")
    made = apply(site.store, site.settings, plan.digest, utc_now())
    assert [runs.get_run(site.store, id).fingerprint for id in made] == [entry["fingerprint"] for entry in plan.entries]
    (entry,) = [row.data for row in audit.rows(site.store) if row.event == "applied"]
    assert entry == {"plan": plan.digest, "approved_by": ["alice", "bob"], "credentials": 2}
    urgency = {entry["fingerprint"]: entry["priority"] for entry in plan.entries}
    assert set(urgency.values()) != {3}, "what the public can see goes first"
    assert {one.fingerprint: one.priority for one in runs.list_runs(site.store)} == urgency


def test_nobody_who_approved_is_named_where_nobody_did(site: Site) -> None:
    plan = planned(site, leaked(site))
    assert refusal(site, plan).message == "The plan needs 1 approvals; 1 missing."


def test_only_its_own_runs_and_its_own_credentials_count(site: Site) -> None:
    mine, other, third = leaked(site), leaked(site), leaked(site)
    first, second = planned(site, mine), planned(site, other)
    for plan in (first, second):
        site.approved(plan.digest)
    rows_of.accept(site.store, third, "carol", "a test system", utc_now())
    assert len(apply(site.store, site.settings, first.digest, utc_now())) == 1
    assert len(apply(site.store, site.settings, second.digest, utc_now())) == 1
    assert refusal(site, first).message == "This plan was started before."


def test_a_plan_ends_to_the_second(build: Build) -> None:
    site = build("[approvals]\nrevoke = 0\n")
    plan = planned(site, leaked(site))
    assert plan.approvals == 0
    end = digests.parse_instant(plan.document["expires_at"])
    assert refusal(site, plan, end).message == "The plan is expired."
    assert apply(site.store, site.settings, plan.digest, end - SECOND)


def test_another_text_of_its_playbook_asks_for_a_new_approval(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(site, leaked(site))
    site.approved(plan.digest)
    books = load_playbooks()
    changed = {**books, "revoke-now": replace(books["revoke-now"], digest="another")}
    monkeypatch.setattr(import_module("revoker.runs.apply"), "load_playbooks", lambda folders: {(): changed}[folders])
    found = refusal(site, plan)
    assert (found.message, found.next) == ("The playbook revoke-now has changed.", AGAIN)
    others = {**books, "contain": replace(books["contain"], digest="another")}
    monkeypatch.setattr(import_module("revoker.runs.apply"), "load_playbooks", lambda folders: {(): others}[folders])
    assert apply(site.store, site.settings, plan.digest, utc_now()), "a playbook that it does not use"


def test_what_is_not_in_the_store_any_more_is_not_started(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = sorted([leaked(site), leaked(site)])
    plan = planned(site, *marks)
    site.approved(plan.digest)
    select = rows_of.select
    monkeypatch.setattr(
        rows_of, "select", lambda store, chosen: [one for one in select(store, chosen) if one.fingerprint != marks[1]]
    )
    assert refusal(site, plan).message == f"{marks[1]} must not be touched any more."


@pytest.mark.row("N-12")
def test_a_canary_is_started_only_while_its_override_lasts(site: Site) -> None:
    bait, plain = leaked(site), leaked(site)
    site.settings = replace(site.settings, canaries=(bait,))
    canaries.allow(site.store, bait, "alice", "a drill", utc_now() + 2 * HOUR, utc_now(), signature=None)
    plan = planned(site, bait, plain)
    site.approved(plan.digest, *("alice", "bob")[: plan.approvals])
    found = refusal(site, plan, utc_now() + 3 * HOUR)
    assert (found.message, found.fingerprint) == ("The override for this canary has ended.", bait)
    assert found.next == f"revoker canary allow {bait}, then {AGAIN}"
    assert len(apply(site.store, site.settings, plan.digest, utc_now())) == 2


def test_the_kill_switch_says_how_to_go_on(site: Site) -> None:
    plan = planned(site, leaked(site))
    site.approved(plan.digest)
    switches.set_stopped(site.store, True, "carol", utc_now())
    with pytest.raises(Parked) as caught:
        apply(site.store, site.settings, plan.digest, utc_now())
    assert caught.value.message.startswith("The kill switch is on (by carol since 20")
    assert (caught.value.safe, caught.value.next) == ("nothing was started", "revoker start")
