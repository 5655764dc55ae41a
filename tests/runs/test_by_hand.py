"""A suspended credential whose revocation has to be done by hand: whose word counts for what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from revoker.model import Status
from revoker.playbook import parse
from revoker.runs import people
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store.credentials import Selection
from tests.runs.conftest import Site, utc_now
from tests.runs.test_steps import go, leak, start

pytestmark = pytest.mark.slow

FREEZE = parse("freeze-only", {"title": "Suspend", "effects": ["suspend"], "step": [{"do": "suspend"}]})


def test_a_suspended_one_that_a_person_revokes_dies_by_refusals_after_it(site: Site) -> None:
    """Its refusals so far were the suspension's: they show no revocation, and neither does the person's word alone."""
    key, fingerprint = leak(site)
    assert go(site, start(site, FREEZE)).state == "done"
    acked = site.row(fingerprint).acked_at
    admin, site.fakery.admin = site.fakery.admin, "another"  # nobody may revoke it by the API any more
    plan = make_plan(site.store, site.settings, Selection(), playbook="revoke-now", requester="dave", now=utc_now())
    assert plan.entries[0]["steps"][0]["instead_of"] == "revoke"
    (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
    row = go(site, run_id)
    assert (row.state, row.step) == ("waiting", plan.entries[0]["steps"][0]["id"])
    assert site.row(fingerprint).status is Status.CONTAINED
    people.confirm(site.store, run_id, row.step, who="erin", now=utc_now())
    assert "erin says" in go(site, run_id).message, "nothing but the word, and nobody who may look"
    site.fakery.admin = admin
    assert "erin says" in go(site, run_id, later=timedelta(hours=2)).message, "the provider still shows it suspended"
    assert site.row(fingerprint).status is Status.CONTAINED
    del site.fakery.keys[key.id]
    assert go(site, run_id, inline=timedelta()).state in ("waiting", "running", "done")
    after = site.row(fingerprint)
    assert (after.status in (Status.DYING, Status.DEAD), after.acked_at) == (True, acked)
    assert go(site, run_id, later=timedelta(hours=3)).state == "done"
    assert (site.row(fingerprint).status, site.row(fingerprint).refusals >= 2) == (Status.DEAD, True)


def test_a_suspended_one_that_nobody_revoked_comes_back_and_is_seen(site: Site) -> None:
    """The person was wrong, and somebody restores it: accepted again, it is no dead one."""
    key, fingerprint = leak(site)
    assert go(site, start(site, FREEZE)).state == "done"
    admin, site.fakery.admin = site.fakery.admin, "another"
    plan = make_plan(site.store, site.settings, Selection(), playbook="revoke-now", requester="dave", now=utc_now())
    (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
    step = go(site, run_id).step
    people.confirm(site.store, run_id, step, who="erin", now=utc_now())
    site.fakery.admin = admin
    key.status = "active"
    assert go(site, run_id, later=timedelta(hours=1), inline=timedelta()).state == "waiting"
    assert site.row(fingerprint).status is not Status.DEAD
