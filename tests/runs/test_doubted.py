"""A refusal that kills nothing in a sweep kills nothing in a run either."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from revoker import catalog
from revoker.model import Effect, Status, Validity
from revoker.runs import people
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store import credentials as rows_of
from revoker.store.credentials import Selection
from revoker.verify import verify
from tests.runs.conftest import Site, utc_now
from tests.runs.test_steps import go, leak

pytestmark = pytest.mark.slow
HOUR = timedelta(hours=1)


@pytest.fixture
def doubtful(site: Site) -> Iterator[Site]:
    """A site at which a refusal of the kind may be about something else, until one was accepted."""
    kind = catalog.kinds()["fakery_key"]
    before = kind.local_refusals
    object.__setattr__(kind, "local_refusals", ("refused",))
    yield site
    object.__setattr__(kind, "local_refusals", before)


def test_what_was_never_accepted_does_not_die_of_it_whatever_a_person_says(doubtful: Site) -> None:
    key = doubtful.fakery.add()
    del doubtful.fakery.keys[key.id]
    fingerprint = doubtful.add(key.value)
    assert (doubtful.row(fingerprint).status, doubtful.row(fingerprint).reason) == (Status.UNKNOWN, "refused")
    plan = make_plan(doubtful.store, doubtful.settings, Selection(), playbook="guided", requester="dave", now=utc_now())
    (run_id,) = apply(doubtful.store, doubtful.settings, plan.digest, utc_now())
    people.confirm(doubtful.store, run_id, go(doubtful, run_id).step, who="erin", now=utc_now())
    for hours in (1, 2, 3):
        assert go(doubtful, run_id, later=hours * HOUR, inline=timedelta()).state == "waiting"
    row = doubtful.row(fingerprint)
    assert (row.status is not Status.DEAD, row.validity, row.refusals) == (True, Validity.UNKNOWN, 0)


@pytest.mark.parametrize(("acked", "validity"), [(True, Validity.DEAD), (False, Validity.UNKNOWN)])
def test_a_change_that_the_provider_acknowledged_ties_it_too_and_one_by_hand_does_not(
    doubtful: Site, acked: bool, validity: Validity
) -> None:
    key = doubtful.fakery.add()
    del doubtful.fakery.keys[key.id]
    fingerprint = doubtful.add(key.value)
    rows_of.record_change(doubtful.store, fingerprint, Effect.REVOKE, utc_now(), acked=acked)
    verify(doubtful.store, [doubtful.row(fingerprint)], settings=doubtful.settings, clock=utc_now, force=True)
    assert doubtful.row(fingerprint).validity is validity


def test_what_was_accepted_does(doubtful: Site) -> None:
    key, fingerprint = leak(doubtful)
    plan = make_plan(doubtful.store, doubtful.settings, Selection(), playbook="guided", requester="dave", now=utc_now())
    (run_id,) = apply(doubtful.store, doubtful.settings, plan.digest, utc_now())
    go(doubtful, run_id)
    del doubtful.fakery.keys[key.id]
    people.confirm(doubtful.store, run_id, "guide", who="erin", now=utc_now())
    for hours in (1, 2):
        state = go(doubtful, run_id, later=hours * HOUR, inline=timedelta()).state
    assert (state, doubtful.row(fingerprint).status) == ("done", Status.DEAD)
