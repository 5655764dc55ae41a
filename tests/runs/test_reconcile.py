"""Orphans against the provider's list: one proven candidate is retired after approval, two go to a person."""

from __future__ import annotations

from typing import Any

import pytest

from revoker import audit
from revoker.lab.servers import OpenBao, bao_call
from revoker.runs import reconcile, work
from revoker.runs.apply import apply
from revoker.runs.plan import Plan
from revoker.store import orphans, runs
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.test_steps import during, go, leak, start, vault_config

pytestmark = pytest.mark.slow


@pytest.fixture
def vaulted(build: Build, bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("FAKERY_VAULT", bao.token)
    return build(vault_config(bao))


@pytest.fixture
def lost(vaulted: Site, bao: OpenBao) -> tuple[Site, str]:
    """A run whose call made key-2 and lost the answer; somebody renamed it, and made key-3 in the same minute."""
    leak(vaulted, bao)
    vaulted.fakery.drop.append("POST /v1/keys")
    run_id = start(vaulted)
    go(vaulted, run_id)
    vaulted.fakery.keys["key-2"].name = "renamed by somebody"
    vaulted.fakery.add(name="somebody else's")
    assert go(vaulted, run_id).state == "parked"
    assert {one.target for one in orphans.list_orphans(vaulted.store)} == {"key-2", "key-3"}
    return vaulted, run_id


def seen(site: Site) -> dict[str, Any]:
    at_work = work.Work(site.store, site.settings, utc_now, "alice")
    return {one.target: reconcile.examine(at_work, one) for one in orphans.list_orphans(site.store)}


def planned(site: Site) -> Plan | None:
    found = list(seen(site).values())
    at_work = work.Work(site.store, site.settings, utc_now, "dave")
    for one in found:
        reconcile.settle(at_work, one, "dave")
    return reconcile.plan(at_work, found, "dave")


def test_two_candidates_go_to_a_person(lost: tuple[Site, str]) -> None:
    site, _ = lost
    found = seen(site)
    assert {one.state for one in found.values()} == {"several"}
    assert found["key-2"].targets == ("key-2", "key-3")
    assert planned(site) is None
    assert len(orphans.list_orphans(site.store)) == 2
    assert not any(change.startswith("revoke") for change in site.fakery.changes)


def test_one_proven_candidate_is_retired_when_it_was_approved(lost: tuple[Site, str]) -> None:
    site, run_id = lost
    del site.fakery.keys["key-3"]  # its owner took it away
    plan = planned(site)
    assert plan is not None
    assert [one.target for one in orphans.list_orphans(site.store)] == ["key-2"]
    (step,) = plan.entries[0]["steps"]
    assert (step["target"], step["effect"], plan.approvals) == ("key-2", "revoke", 1)
    assert site.fakery.changes == ["issue key-2"]
    site.approved(plan.digest)
    (retiring,) = apply(site.store, site.settings, plan.digest, utc_now())
    assert go(site, retiring).state == "done"
    assert site.fakery.changes == ["issue key-2", "revoke key-2"]
    assert orphans.list_orphans(site.store) == []
    assert go(site, run_id).state == "done"
    assert audit.check(site.store).ok


def test_what_is_not_proven_any_more_is_not_touched(lost: tuple[Site, str]) -> None:
    """Between approval and call another candidate appears: nothing is sent."""
    site, _ = lost
    kept = site.fakery.keys.pop("key-3")
    plan = planned(site)
    assert plan is not None
    site.approved(plan.digest)
    (retiring,) = apply(site.store, site.settings, plan.digest, utc_now())
    site.fakery.keys["key-3"] = kept
    row = go(site, retiring)
    assert row.state == "failed"
    assert "not proven" in row.message
    assert site.fakery.changes == ["issue key-2"]


def test_one_that_a_person_removed_goes_off_the_list(lost: tuple[Site, str]) -> None:
    site, _ = lost
    del site.fakery.keys["key-3"], site.fakery.keys["key-2"]
    assert planned(site) is None
    assert orphans.list_orphans(site.store) == []
    events = [row.event for row in audit.rows(site.store)]
    assert events.count("orphan_resolved") == 2


def test_one_that_the_answer_named_is_proven_among_others(vaulted: Site, bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    leak(vaulted, bao)
    vaulted.fakery.refuse["DELETE /v1/keys/key-2"] = 403
    during(vaulted, monkeypatch, lambda: bao_call(bao, "POST", "secret/data/fakery", {"data": {"KEY": "theirs"}}))
    run_id = start(vaulted)
    assert go(vaulted, run_id).state == "parked"
    vaulted.fakery.add(name="somebody else's")
    assert seen(vaulted)["key-2"].state == "one"
    runs.set_run(vaulted.store, run_id, "cancelled", "", "", utc_now())
    vaulted.fakery.refuse.clear()
    plan = planned(vaulted)
    assert plan is not None
    vaulted.approved(plan.digest)
    assert go(vaulted, apply(vaulted.store, vaulted.settings, plan.digest, utc_now())[0]).state == "done"
    assert vaulted.fakery.changes == ["issue key-2", "revoke key-2"]
