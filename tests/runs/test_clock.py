"""The clock jumps: what is due is a stored time, what was sent is not sent again, and only the provider says what is dead."""

from __future__ import annotations

from datetime import timedelta

import pytest

from revoker import audit
from revoker.lab.servers import OpenBao
from revoker.model import Status
from revoker.playbook import parse
from revoker.runs import steps
from revoker.store import runs
from tests.runs.conftest import Site, utc_now
from tests.runs.test_steps import go, leak, start, vaulted

__all__ = ["vaulted"]  # the fixture
pytestmark = [pytest.mark.slow, pytest.mark.row("F8")]

BACK, AHEAD = -timedelta(hours=1), timedelta(days=400)
SOAK = parse(
    "soak",
    {
        "title": "Rotate, with an hour between",
        "effects": ["issue", "suspend", "revoke"],
        "step": [
            {"id": "replace", "do": "issue", "into": "destination"},
            {"id": "works", "do": "verify", "of": "new", "expect": "live"},
            {"id": "freeze", "do": "suspend"},
            {"id": "soak", "do": "wait", "for": "1h"},
            {"id": "remove", "do": "revoke"},
            {"do": "prove"},
        ],
    },
)


def test_a_jump_back_delays_a_wait_and_repeats_nothing(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    run_id = start(vaulted, SOAK)
    assert go(vaulted, run_id).state == "waiting"
    before = list(vaulted.fakery.changes)
    assert not steps.is_due(vaulted.store, run_id, utc_now() + BACK)
    assert go(vaulted, run_id, later=BACK).state == "waiting"
    assert vaulted.fakery.changes == before == ["issue key-2", "suspend key-1"]
    assert go(vaulted, run_id, later=timedelta(hours=1, seconds=1)).state == "done"
    assert go(vaulted, run_id, later=BACK).state == "done"
    assert vaulted.fakery.changes == [*before, "revoke key-1"]
    assert audit.check(vaulted.store).ok


def test_a_jump_ahead_ends_a_wait_once_and_its_end_does_not_come_again(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    run_id = start(vaulted, SOAK)
    assert go(vaulted, run_id).state == "waiting"
    assert go(vaulted, run_id, later=AHEAD).state == "done"
    assert go(vaulted, run_id).state == "done"  # the clock is right again
    assert vaulted.fakery.changes == ["issue key-2", "suspend key-1", "revoke key-1"]
    assert audit.check(vaulted.store).ok


def test_no_time_that_passes_makes_a_key_dead_that_its_provider_takes(vaulted: Site, bao: OpenBao) -> None:
    key, fingerprint = leak(vaulted, bao)
    run_id = start(vaulted, SOAK)
    go(vaulted, run_id)
    usable = vaulted.fakery.usable

    vaulted.fakery.usable = lambda: [*usable(), key]  # revoked in the books, and still let in
    row = go(vaulted, run_id, later=timedelta(hours=2), inline=timedelta())
    assert row.state == "waiting"
    assert go(vaulted, run_id, later=AHEAD, inline=timedelta()).state == "waiting"
    assert vaulted.row(fingerprint).status is not Status.DEAD
    assert [one.data for one in runs.journal(vaulted.store, run_id) if one.step == "prove" and one.phase == "outcome"] == []
