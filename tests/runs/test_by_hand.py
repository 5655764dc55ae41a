"""A suspended credential whose revocation has to be done by hand: its provider's record counts, and nobody's word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from revoker.model import Status
from revoker.playbook import parse
from revoker.runs import by_hand, people, prove
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store import runs
from revoker.store.credentials import Selection
from tests.runs.conftest import Site, utc_now
from tests.runs.test_steps import go, leak, start

pytestmark = pytest.mark.slow

FREEZE = parse("freeze-only", {"title": "Suspend", "effects": ["suspend"], "step": [{"do": "suspend"}]})
HOUR = timedelta(hours=1)


@pytest.fixture(params=["revoke-now", "guided"])
def waiting(request: pytest.FixtureRequest, site: Site) -> tuple[Site, Any, str, str]:
    """A suspended key whose revocation waits for a person, since nobody may make it by the API; who may look may do so again."""
    key, fingerprint = leak(site)
    assert go(site, start(site, FREEZE)).state == "done"
    admin, site.fakery.admin = site.fakery.admin, "another"
    plan = make_plan(site.store, site.settings, Selection(), playbook=request.param, requester="dave", now=utc_now())
    assert plan.entries[0]["steps"][0]["do"] == "guide"
    (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
    row = go(site, run_id)
    assert (row.state, row.step) == ("waiting", plan.entries[0]["steps"][0]["id"])
    site.fakery.admin = admin
    return site, key, fingerprint, run_id


def confirmed(site: Site, run_id: str, step: str) -> None:
    people.confirm(site.store, run_id, step, who="erin", now=utc_now())


def test_the_provider_s_record_and_then_refusals_over_the_window_prove_its_death(waiting: tuple[Site, Any, str, str]) -> None:
    site, key, fingerprint, run_id = waiting
    acked = site.row(fingerprint).acked_at
    row = go(site, run_id, later=HOUR)
    assert row.state == "waiting"
    confirmed(site, run_id, row.step)
    assert "erin says" in go(site, run_id, later=2 * HOUR).message, "it is suspended, and nothing more, whatever erin says"
    assert site.row(fingerprint).status is Status.CONTAINED
    del site.fakery.keys[key.id]
    go(site, run_id, later=3 * HOUR, inline=timedelta())
    after = site.row(fingerprint)
    assert (after.status, after.refusals, after.acked_at) == (Status.DYING, 1, acked), "no provider acknowledged a thing"
    assert go(site, run_id, later=4 * HOUR).state == "done"
    assert (site.row(fingerprint).status, site.row(fingerprint).refusals >= 2) == (Status.DEAD, True)


def test_only_the_revoking_action_s_own_look_is_noted(waiting: tuple[Site, Any, str, str]) -> None:
    """That of any other may turn from no to yes as well, and says nothing about a revocation."""
    site, _, _, run_id = waiting
    go(site, run_id, later=HOUR)
    looks = [row.data[by_hand.SEEN] for row in runs.journal(site.store, run_id) if row.data.get(by_hand.SEEN)]
    assert looks
    assert all(set(look) == {"revoke"} for look in looks), looks


def test_nobody_s_word_is_needed_where_the_record_shows_it(waiting: tuple[Site, Any, str, str]) -> None:
    site, key, fingerprint, run_id = waiting
    go(site, run_id, later=HOUR)
    del site.fakery.keys[key.id]
    assert go(site, run_id, later=3 * HOUR).state == "done"
    assert site.row(fingerprint).status is Status.DEAD


def test_what_was_gone_at_the_first_look_is_not_told_from_a_look_that_cannot_tell(waiting: tuple[Site, Any, str, str]) -> None:
    site, key, fingerprint, run_id = waiting
    del site.fakery.keys[key.id]
    row = go(site, run_id, later=HOUR)
    confirmed(site, run_id, row.step)
    assert "erin says" in go(site, run_id, later=2 * HOUR).message
    assert site.row(fingerprint).status is Status.CONTAINED


def test_one_that_was_restored_is_live_and_not_dead(waiting: tuple[Site, Any, str, str]) -> None:
    site, key, fingerprint, run_id = waiting
    row = go(site, run_id, later=HOUR)
    confirmed(site, run_id, row.step)
    key.status = "active"
    assert go(site, run_id, later=2 * HOUR, inline=timedelta()).state == "waiting"
    assert site.row(fingerprint).status is not Status.DEAD


def test_a_record_that_says_so_counts_for_nothing_while_it_is_accepted(
    waiting: tuple[Site, Any, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, key, fingerprint, run_id = waiting
    go(site, run_id, later=HOUR)
    del site.fakery.keys[key.id]
    monkeypatch.setattr(prove, "is_refused", lambda _turn: False)
    assert go(site, run_id, later=3 * HOUR, inline=timedelta()).state == "waiting"
    assert site.row(fingerprint).status is Status.CONTAINED
