"""Taking back the suspension of a canary: only while an override lets anybody touch it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from revoker.errors import Parked
from revoker.runs.apply import apply
from revoker.runs.undo import undo
from revoker.store import canaries
from tests.runs.conftest import Site, utc_now
from tests.runs.test_by_hand import FREEZE, HOUR
from tests.runs.test_steps import go, leak, start

pytestmark = pytest.mark.slow


@pytest.mark.row("N-12")
def test_a_canary_whose_override_has_ended_is_restored_after_a_new_one(site: Site) -> None:
    key, mark = leak(site)
    watched = replace(site, settings=replace(site.settings, canaries=(mark,)))

    def let(hours: int) -> None:
        end = utc_now() + hours * HOUR
        canaries.allow(site.store, mark, "alice", "a drill", end, utc_now(), signature=None)

    let(1)
    run_id = start(watched, FREEZE)
    assert go(watched, run_id).state == "done"
    assert canaries.forbid(site.store, mark, "alice", utc_now())
    with pytest.raises(Parked, match="not restored either") as refused:
        undo(site.store, watched.settings, run_id, who="alice", why="an alarm", now=utc_now())
    assert refused.value.next == f"revoker canary allow {mark}, then revoker undo once more"
    let(1)
    plan = undo(site.store, watched.settings, run_id, who="alice", why="an alarm", now=utc_now())
    watched.approved(plan.digest, "bob", "carol")
    (back,) = apply(site.store, watched.settings, plan.digest, utc_now())
    assert go(watched, back).state == "done"
    assert site.fakery.changes == [f"suspend {key.id}", f"restore {key.id}"]
