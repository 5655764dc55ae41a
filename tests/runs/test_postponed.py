"""A provider that cannot be asked now ends no run: nothing is sent in the dark, and a pause is no refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from revoker.errors import ActionFailed, Postponed
from revoker.lab.servers import OpenBao
from revoker.model import Effect
from revoker.sdk import Reply, receipt
from revoker.store import orphans
from tests.runs.conftest import Site, utc_now
from tests.runs.test_steps import go, leak, sound, start, vault_value, vaulted

__all__ = ["vaulted"]  # the fixture
pytestmark = pytest.mark.slow
Answer = Callable[..., tuple[int, Any]]


def ill(site: Site, call: str, status: int, *, after: str = "") -> None:
    """One call is answered with a status; `after` says which change must have been made before it is."""
    plain: Answer = site.fakery.answer

    def answer(method: str, path: str, bearer: str, body: dict[str, Any]) -> tuple[int, Any]:
        if f"{method} {path}" == call and (not after or after in site.fakery.changes):
            return status, {"error": {"code": "slow_down"}}
        return plain(method, path, bearer, body)

    site.fakery.answer = answer


def well(site: Site) -> None:
    del site.fakery.answer


@pytest.mark.parametrize("call", ["POST /v1/keys", "POST /v1/keys/key-1/suspend", "DELETE /v1/keys/key-1"])
@pytest.mark.row("F10")
def test_too_many_on_a_change_parks_the_run_and_it_goes_on_later(vaulted: Site, bao: OpenBao, call: str) -> None:
    leak(vaulted, bao)
    ill(vaulted, call, 429)
    run_id = start(vaulted)
    row = go(vaulted, run_id)
    assert (row.state, "slow_down" in row.message) == ("parked", True)
    well(vaulted)
    assert go(vaulted, run_id).state == "done"
    assert vaulted.fakery.changes == ["issue key-2", "suspend key-1", "revoke key-1"]
    sound(vaulted)


def test_a_refusal_still_ends_the_run(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    ill(vaulted, "POST /v1/keys/key-1/suspend", 403)
    assert go(vaulted, start(vaulted)).state == "failed"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.row("F10")
def test_no_new_one_is_made_where_the_list_stays_silent(vaulted: Site, bao: OpenBao, status: int) -> None:
    """Without the list from before, a lost answer could never be told from somebody else's new key."""
    leak(vaulted, bao)
    run_id = start(vaulted)
    ill(vaulted, "GET /v1/keys", status)
    row = go(vaulted, run_id)
    assert (row.state, "nothing was sent" in row.message) == ("parked", True)
    assert vaulted.fakery.changes == []
    well(vaulted)
    assert go(vaulted, run_id).state == "done"


@pytest.mark.row("F2", "W-1")
def test_another_run_s_new_key_is_not_perhaps_ours(vaulted: Site, bao: OpenBao) -> None:
    """Two runs make new ones at one place at one time; the answer of one is lost, and its key was renamed or never there."""
    leak(vaulted, bao)
    vaulted.fakery.refuse["POST /v1/keys"] = 503
    run_id = start(vaulted)
    assert go(vaulted, run_id).state == "parked"
    vaulted.fakery.add(name="revoker-run_" + "0" * 32)
    vaulted.fakery.refuse.clear()
    assert go(vaulted, run_id).state == "done"
    assert vaulted.fakery.changes == ["issue key-3", "suspend key-1", "revoke key-1"]
    assert orphans.list_orphans(vaulted.store) == []
    assert vault_value(bao)["data"]["ID"] == "key-3"


@pytest.mark.row("F2")
def test_what_was_listed_on_suspicion_leaves_the_list_when_it_is_known(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    vaulted.fakery.drop.append("POST /v1/keys")
    run_id = start(vaulted)
    assert go(vaulted, run_id).state == "parked"
    ill(vaulted, "GET /v1/keys", 503)
    assert go(vaulted, run_id).state == "parked"
    assert [one.target for one in orphans.list_orphans(vaulted.store)] == ["unknown"]
    well(vaulted)
    assert go(vaulted, run_id).state == "done"
    assert orphans.list_orphans(vaulted.store) == []


@pytest.mark.row("F12")
def test_a_silent_provider_is_not_taken_for_one_without_the_target(vaulted: Site, bao: OpenBao) -> None:
    """The binding right before the suspension gets no answer: that says nothing about the target."""
    leak(vaulted, bao)
    run_id = start(vaulted)
    plain: Answer = vaulted.fakery.answer

    def answer(method: str, path: str, bearer: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path.startswith("/v1/by-hash/") and "issue key-2" in vaulted.fakery.changes:
            return 502, {"error": {"code": "down"}}
        return plain(method, path, bearer, body)

    vaulted.fakery.answer = answer
    row = go(vaulted, run_id)
    assert (row.state, row.step) == ("parked", "freeze")
    well(vaulted)
    assert go(vaulted, run_id).state == "done"


@pytest.mark.parametrize(
    ("reply", "later"),
    [
        (Reply("h", 429), True),
        (Reply("h", 400, code="Throttling"), True),
        (Reply("h", None, trouble="not_sent", code="connect"), True),
        (Reply("h", None, trouble="not_sent", code="rate_limited"), True),
        (Reply("h", None, trouble="not_sent", code="refused_by_policy"), False),
        (Reply("h", None, trouble="not_sent", code="tls"), False),
        (Reply("h", 403), False),
        (Reply("h", 400, code="ValidationError"), False),
    ],
)
def test_a_pause_is_told_from_a_refusal(reply: Reply, later: bool) -> None:
    from tests.providers.test_sdk import bound

    with pytest.raises(ActionFailed) as raised:
        receipt("revoke", Effect.REVOKE, bound(), reply, utc_now(), done=[200])
    assert isinstance(raised.value, Postponed) is later
    assert raised.value.safe
