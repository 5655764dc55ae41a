"""Plans: the playbook that fits, with reasons; targets that are proven; limits that stop a bad report; nothing changed."""

import copy
import time
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from revoker import catalog, responder, secrets
from revoker.errors import UsageError
from revoker.model import Credential, Finding, Identity, Location, Secret, Status
from revoker.runs import digests, limits
from revoker.runs.plan import Plan, make_plan
from revoker.runs.priority import priority
from revoker.store import credentials as rows_of
from revoker.store import incidents, plans, schema
from revoker.store.credentials import Selection
from revoker.store.database import writing
from tests.runs.conftest import Build, Site, utc_now

VAULT = """
[vault]
addr = "http://127.0.0.1:1"
token = "env:FAKERY_ADMIN"
[[destination]]
kind = "fakery_key"
path = "secret/fakery"
fields = { key_id = "ID", secret = "KEY" }
consumers = ["billing"]
"""


def planned(site: Site, **more: Any) -> Plan:
    return make_plan(site.store, site.settings, Selection(), requester="dave", now=utc_now(), **more)


def test_one_in_use_without_a_place_for_a_new_one_is_suspended_first(site: Site) -> None:
    key = site.fakery.add()
    fingerprint = site.add(key.value)
    plan = planned(site)
    entry = plan.entries[0]
    assert (entry["playbook"], entry["fingerprint"], plan.approvals, plan.mutations) == ("contain", fingerprint, 0, 1)
    step = entry["steps"][0]
    assert (step["action"], step["target"], step["proof"], step["account"]) == ("suspend", key.id, "unique_hash", "ours")
    assert "when it was last used is not known" in entry["reasons"]
    assert entry["passed"]["rotate-into-vault"] == "no place in Vault is configured for it"
    assert site.fakery.changes == []


def test_with_a_place_for_it_the_new_one_comes_first(build: Build) -> None:
    site = build(VAULT)
    site.add(site.fakery.add().value)
    plan = planned(site)
    steps = plan.entries[0]["steps"]
    assert plan.entries[0]["playbook"] == "rotate-into-vault"
    assert [step["do"] for step in steps][:2] == ["issue", "verify"]
    wanted = {"path": "secret/fakery", "fields": {"key_id": "ID", "secret": "KEY"}, "found": False, "engine": 2}
    assert steps[0]["destination"] == wanted
    assert any("end_sessions" in why for why in plan.entries[0]["left_out"])
    assert (plan.approvals, plan.mutations) == (1, 3)


def test_what_no_api_can_end_is_guided(site: Site) -> None:
    site.add(site.fakery.add("fkrn").value, "fakery_note")
    entry = planned(site).entries[0]
    assert entry["playbook"] == "guided"
    assert entry["steps"][0]["manual"]["url"] == "https://fakery.invalid/notes"


def test_without_authority_a_step_falls_to_a_person(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.add(site.fakery.add().value)
    site.fakery.admin = "another"
    entry = planned(site, playbook="revoke-now").entries[0]
    assert entry["steps"][0]["do"] == "guide"
    assert entry["steps"][0]["instead_of"] == "revoke"
    assert "no_match" in entry["steps"][0]["why"]


@pytest.mark.row("W-3")
def test_a_stranger_is_told_and_not_touched(build: Build) -> None:
    site = build("[ownership.accounts]\nfakery = ['others']\n")
    site.add(site.fakery.add().value)
    plan = planned(site)
    assert plan.entries[0]["playbook"] == "notify-owner"
    assert plan.mutations == 0
    forced = planned(site, playbook="revoke-now")
    assert forced.mutations == 0


def test_dead_ones_are_counted_only(site: Site) -> None:
    key = site.fakery.add()
    del site.fakery.keys[key.id]
    site.add(key.value)
    plan = planned(site)
    assert (plan.entries, plan.document["counted"]) == ([], {"status dead": 1})


@pytest.mark.row("W-10")
def test_a_bad_report_stops_at_the_limit(build: Build) -> None:
    site = build("[limits]\nmutations_per_run = 3\n")
    for _ in range(4):
        site.add(site.fakery.add().value)
    with pytest.raises(UsageError, match="more than 3 changes"):
        planned(site)
    assert plans.list_plans(site.store) == []
    assert site.fakery.changes == []


def test_an_unknown_playbook_is_refused(site: Site) -> None:
    with pytest.raises(UsageError, match="no playbook"):
        planned(site, playbook="revoke-nwo")
    site.add(site.fakery.add().value)
    with pytest.raises(UsageError, match="is for aws_access_key"):
        planned(site, playbook="aws-access-key")


@pytest.mark.row("W-4")
def test_every_part_of_a_plan_is_in_its_digest(build: Build) -> None:
    site = build(VAULT)
    site.add(site.fakery.add().value)
    plan = planned(site)
    seen = {plan.digest}
    for changed in bent(plan.document):
        assert digests.digest(changed) not in seen
        seen.add(digests.digest(changed))
    assert len(seen) > 100


def bent(document: Any) -> list[Any]:
    """The document with one leaf changed, for each leaf."""

    def walk(node: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if isinstance(node, dict):
            return [found for name, part in node.items() for found in walk(part, (*path, name))]
        if isinstance(node, list) and node:
            return [found for at, part in enumerate(node) for found in walk(part, (*path, at))]
        return [path]

    made = []
    for path in walk(document, ()):
        other = copy.deepcopy(dict(document))
        place = other
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = f"{place[path[-1]]}x"
        made.append(other)
    return made


def test_the_policy_is_pinned(build: Build, site: Site) -> None:
    other = build("[limits]\nmutations_per_run = 24\n", folder=site.folder / "other")
    assert digests.policy(site.settings) != digests.policy(other.settings)


@pytest.mark.slow
def test_a_hundred_thousand_that_need_nothing_cost_little(site: Site) -> None:
    incident = incidents.open_incident(site.store, "many", utc_now())
    batch = []
    for number in range(100_000):
        secret = Secret(f"fkry{number:028d}")
        cred = Credential("fakery_key", secrets.fingerprint(site.store.keys, "fakery_key", secret), secret)
        batch.append((Finding("rule", Location("list", "f", number), secret), cred))
    for start in range(0, len(batch), 5000):
        rows_of.add_findings(site.store, batch[start : start + 5000], incident.id, utc_now())
    with writing(site.store) as connection:
        connection.execute(sa.update(schema.credentials).values(status="dead", validity="dead"))
    start_at = time.perf_counter()
    plan = planned(site)
    assert time.perf_counter() - start_at < 5
    assert plan.document["counted"] == {"status dead": 100_000}


@pytest.mark.row("W-6", "W-10")
def test_a_plan_beyond_a_limit_is_made_when_asked_for_and_needs_more_approvals(build: Build) -> None:
    site = build("[limits]\nmutations_per_run = 3\nper_hour = 2\n")
    for _ in range(4):
        site.add(site.fakery.add().value)
    with pytest.raises(UsageError, match="more than 3 changes") as refused:
        planned(site)
    assert "--large" in refused.value.next
    plan = planned(site, large=True)
    assert (plan.mutations, plan.approvals) == (4, 2)
    told = limits.sentences(plan.document)
    assert told[0] == "Limits: 4 of 3 changes in one plan, 0 of 2 used this hour."
    assert "more than 3 changes" in told[1]
    assert "all providers together: 4 changes, and 2 are left of this hour's 2" in told[2]


def test_what_is_public_and_powerful_goes_first(build: Build) -> None:
    site = build(own='public = ["image:acme/web*"]')
    quiet, loud = (site.add(site.fakery.add().value) for _ in range(2))
    incident = incidents.find(site.store, "leak")
    assert incident
    (cred,) = rows_of.unseal_many(site.store, [loud])
    found = Finding("r", Location("trivy", "app/.env", 1, image="acme/web:1.2"), cred.secret)
    rows_of.add_findings(site.store, [(found, cred)], incident.id, utc_now())
    plan = planned(site)
    assert [(e["fingerprint"], e["priority"]) for e in plan.entries] == [(loud, 1), (quiet, 3)]
    assert plan.entries[0]["urgency"] == "public (image:acme/web:1.2)"
    row = replace(site.row(quiet), identity=Identity("ours", "arn:aws:iam::1:root"))
    assert priority(row, (), site.settings) == (2, "powerful (root)")
    for scope, powerful in {"admin:org": True, "*": True, "repo": False, "read:organic": False, "iam:PassRole": True}.items():
        row = replace(site.row(quiet), identity=Identity("ours", "x", (scope,)))
        assert priority(row, (), site.settings)[0] == (2 if powerful else 3), scope
    assert priority(replace(row, status=Status.CONTAINED), (), site.settings)[0] == 4


@pytest.mark.row("F18")
def test_taking_the_last_active_one_needs_a_yes_and_is_named(build: Build) -> None:
    site = build()
    site.fakery.last = True
    site.add(site.fakery.add().value)
    plan = planned(site)
    step = plan.entries[0]["steps"][0]
    assert (step["effect"], plan.approvals) == ("suspend", 1)
    assert step["last_active"] == "the last active credential of billing"
    with_place = build(VAULT, folder=site.folder / "vaulted")
    with_place.add(site.fakery.add().value)
    steps = planned(with_place).entries[0]["steps"]
    assert [step.get("last_active") for step in steps if step.get("effect")] == ["", "", ""]  # a new one was made before


@pytest.mark.row("F27")
def test_an_authority_that_leaked_itself_does_not_act(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    site = build()
    leaked = site.fakery.add()
    fingerprint = site.add(leaked.value)
    assert planned(site).entries[0]["playbook"] == "contain"
    site.fakery.admin = leaked.value
    monkeypatch.setenv("FAKERY_ADMIN", leaked.value)
    entry = planned(site).entries[0]
    assert entry["playbook"] == "guided"
    assert "authority_leaked" in entry["passed"]["contain"]
    assert fingerprint in entry["passed"]["contain"]
    rows_of.accept(site.store, fingerprint, "alice", "a person takes the risk", utc_now())
    assert responder.leaked(site.store, site.settings, catalog.providers()["fakery"]) == {}
