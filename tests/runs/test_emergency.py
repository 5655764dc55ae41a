"""Who may approve what, and one person's yes in an emergency: enough alone, short, with a reason, and loud."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from revoker import audit
from revoker.errors import ApprovalRefused, UsageError
from revoker.runs.apply import apply, status
from revoker.runs.approve import Statement, approve, read_statement, statement
from revoker.runs.plan import Plan, make_plan
from revoker.store import events, plans, runs
from revoker.store.credentials import Selection
from tests.runs.conftest import Build, Site, utc_now

TWO = "[approvals]\nrevoke = 2\n"


def planned(site: Site) -> Plan:
    site.add(site.fakery.add().value)
    return make_plan(site.store, site.settings, Selection(), playbook="revoke-now", requester="dave", now=utc_now())


def with_person(site: Site, name: str, **more: Any) -> Site:
    """The site with one approver's scope changed."""
    people = tuple(replace(one, **more) if one.name == name else one for one in site.settings.approvers)
    return replace(site, settings=replace(site.settings, approvers=people))


def alone(site: Site, plan: Plan, name: str = "alice", why: str = "production is being emptied") -> None:
    approve(site.store, site.settings, plan.digest, name, now=utc_now(), key=site.keys[name], emergency=why)


@pytest.mark.row("W-6")
def test_one_person_alone_is_enough_in_an_emergency_and_everybody_hears_of_it(build: Build) -> None:
    site = with_person(build(TWO), "alice", emergency=True)
    plan = planned(site)
    alone(site, plan)
    assert status(site.store, site.settings, plan.digest, utc_now()) == (0, ("alice",))
    told = events.of_kind(site.store, "approval.emergency")
    why, (given,) = "production is being emptied", plans.approvals(site.store, plan.digest)
    assert [event.payload for event in told] == [{"plan": plan.digest, "approver": "alice", "why": why}]
    approved = [row.data for row in audit.rows(site.store) if row.event == "approved"]
    assert approved == [{"plan": plan.digest, "approver": "alice", "nonce": given.nonce, "emergency": why}]
    assert len(apply(site.store, site.settings, plan.digest, utc_now())) == 1
    with pytest.raises(ApprovalRefused):
        apply(site.store, site.settings, plan.digest, utc_now())


@pytest.mark.row("W-6")
def test_only_who_is_named_for_it_may_do_that(build: Build) -> None:
    site = build(TWO)
    plan = planned(site)
    with pytest.raises(ApprovalRefused, match="may not approve alone"):
        alone(site, plan)
    assert events.of_kind(site.store, "approval.emergency") == []
    assert plans.approvals(site.store, plan.digest) == []


@pytest.mark.row("W-6")
def test_who_loses_the_right_before_the_start_loses_the_yes(build: Build) -> None:
    site = with_person(build(TWO), "alice", emergency=True)
    plan = planned(site)
    alone(site, plan)
    after = with_person(site, "alice", emergency=False)
    assert status(after.store, after.settings, plan.digest, utc_now()) == (2, ())
    with pytest.raises(ApprovalRefused):
        apply(after.store, after.settings, plan.digest, utc_now())
    assert runs.list_runs(site.store) == []


@pytest.mark.row("W-6")
def test_an_emergency_lasts_an_hour(build: Build) -> None:
    site = with_person(build(TWO), "alice", emergency=True)
    plan = planned(site)
    alone(site, plan)
    late = utc_now() + timedelta(minutes=61)
    assert status(site.store, site.settings, plan.digest, late)[0] == 2
    start = utc_now().replace(microsecond=0)
    longer = Statement(plan.digest, "alice", "n" * 32, start, start + timedelta(hours=2), "longer")
    given = sign_of(site, longer)
    with pytest.raises(ApprovalRefused, match="at most 1 hours"):
        approve(site.store, site.settings, plan.digest, "alice", now=utc_now(), said=longer, signature=given)


def sign_of(site: Site, said: Statement) -> str:
    from revoker import sshsig

    return sshsig.sign(site.keys["alice"], said.text())


def test_an_ordinary_yes_is_not_made_an_emergency_afterwards(build: Build) -> None:
    site = with_person(build(TWO), "alice", emergency=True)
    plan = planned(site)
    said = statement(plan.digest, "alice", utc_now())
    forged = replace(said, expires_at=said.signed_at + timedelta(minutes=30), emergency="now")
    with pytest.raises(ApprovalRefused, match="does not fit"):
        approve(site.store, site.settings, plan.digest, "alice", now=utc_now(), said=forged, signature=sign_of(site, said))


def test_the_reason_is_part_of_what_is_signed_and_one_line() -> None:
    said = statement("d" * 64, "alice", utc_now(), "the house burns")
    assert said.text().decode().endswith("emergency: the house burns\n")
    assert read_statement(said.text()) == said
    with pytest.raises(UsageError):
        statement("d" * 64, "alice", utc_now(), "two\nlines")


@pytest.mark.parametrize(("providers", "effects"), list(product([(), ("fakery",), ("aws",)], [(), ("revoke",), ("suspend",)])))
@pytest.mark.row("W-7")
def test_a_yes_counts_within_the_person_s_scope_only(build: Build, providers: tuple[str, ...], effects: tuple[str, ...]) -> None:
    site = with_person(build(), "alice", providers=providers, effects=effects)
    plan = planned(site)
    used = {step["effect"] for entry in plan.document["credentials"] for step in entry["steps"] if step.get("effect")}
    allowed = (not providers or "fakery" in providers) and (not effects or used <= set(effects))
    if allowed:
        site.approved(plan.digest)
        assert len(apply(site.store, site.settings, plan.digest, utc_now())) == 1
        return
    with pytest.raises(ApprovalRefused, match="alice may not approve"):
        site.approved(plan.digest)
    with pytest.raises(ApprovalRefused):
        apply(site.store, site.settings, plan.digest, utc_now())
    assert runs.list_runs(site.store) == []


@pytest.mark.row("W-7")
def test_a_narrowed_scope_takes_back_a_yes_that_was_given(build: Build) -> None:
    site = build()
    plan = planned(site)
    site.approved(plan.digest)
    narrowed = with_person(site, "alice", providers=("aws",))
    assert status(narrowed.store, narrowed.settings, plan.digest, utc_now()) == (1, ())
    with pytest.raises(ApprovalRefused):
        apply(narrowed.store, narrowed.settings, plan.digest, utc_now())


def test_a_yes_from_a_key_file_with_a_password_and_half_of_one(site: Site, tmp_path: Path) -> None:
    plan = planned(site)
    word, path = b"correct " + b"horse", tmp_path / "alice.pem"
    path.write_bytes(site.keys["alice"].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(word)))
    path.chmod(0o600)
    said = statement(plan.digest, "alice", utc_now())
    for half in ({"said": said}, {"signature": sign_of(site, said)}):
        with pytest.raises(UsageError, match="a statement and its signature"):
            approve(site.store, site.settings, plan.digest, "alice", now=utc_now(), **half)
    approve(site.store, site.settings, plan.digest, "alice", now=utc_now(), key=path, password=lambda: word)
    assert status(site.store, site.settings, plan.digest, utc_now()) == (0, ("alice",))
