"""A person cancels a run whose call is in the air: what it made is on the orphan list, and reconciling finds it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from revoker.lab.servers import OpenBao
from revoker.runs import change, issue, steps, vaulting, work
from revoker.runs.cancel import cancel
from revoker.store import orphans, runs
from tests.runs.conftest import Site, utc_now
from tests.runs.test_points import Stopped
from tests.runs.test_points import stop as stopped
from tests.runs.test_steps import go, leak, start, vaulted

__all__ = ["vaulted"]  # the fixture
pytestmark = pytest.mark.slow


def at(monkeypatch: pytest.MonkeyPatch, point: str, do: Callable[[], Any]) -> None:
    def reach(name: str) -> None:
        if name == point:
            do()

    for module in (change, issue, steps, vaulting, work):
        monkeypatch.setattr(module, "reach", reach)


@pytest.mark.parametrize(
    ("point", "left"),
    [
        ("replace: before call", "unknown"),  # nobody can tell from here whether it went out
        ("replace: after call", "unknown"),
        ("replace: made", "key-2"),
        ("replace: after outcome", ""),
        ("freeze: after call", ""),
    ],
)
@pytest.mark.row("F3")
def test_what_a_cancelled_run_made_is_listed(
    vaulted: Site, bao: OpenBao, monkeypatch: pytest.MonkeyPatch, point: str, left: str
) -> None:
    leak(vaulted, bao)
    run_id = start(vaulted)

    at(monkeypatch, point, stopped)
    with pytest.raises(Stopped):
        go(vaulted, run_id)
    assert cancel(vaulted.store, run_id, utc_now()) == left
    assert [one.target for one in orphans.list_orphans(vaulted.store)] == ([left] if left else [])


@pytest.mark.parametrize(
    ("point", "listed"),
    [
        ("replace: after intent", []),
        ("replace: before call", ["unknown"]),  # the call is written down, and cancelling cannot see that it will not go out
        ("replace: before sending", ["unknown"]),
        ("freeze: after intent", []),
        ("freeze: before sending", []),
    ],
)
@pytest.mark.row("F3")
def test_no_change_leaves_after_the_run_was_cancelled(
    vaulted: Site, bao: OpenBao, monkeypatch: pytest.MonkeyPatch, point: str, listed: list[str]
) -> None:
    """Its worker is in the middle of a step, and hears of it before the bytes of a change leave."""
    leak(vaulted, bao)
    run_id, sent = start(vaulted), list[str]()

    def stop() -> None:
        if runs.get_run(vaulted.store, run_id).state != "cancelled":
            cancel(vaulted.store, run_id, utc_now())
            sent.extend(vaulted.fakery.changes)

    at(monkeypatch, point, stop)
    assert go(vaulted, run_id).state == "cancelled"
    assert vaulted.fakery.changes == sent
    assert ("issue key-2" in sent) is point.startswith("freeze")
    step = point.partition(":")[0]
    called = any(row.step == step and "call" in row.data for row in runs.journal(vaulted.store, run_id))
    assert called is not point.endswith("after intent"), "a call that was cancelled in time is not even written down"
    assert [one.target for one in orphans.list_orphans(vaulted.store)] == listed


@pytest.mark.row("F3")
def test_a_call_that_is_written_down_while_the_run_is_cancelled_is_seen(
    vaulted: Site, bao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the journal and the cancelling a worker may send: the look is made on both sides of it."""
    _, fingerprint = leak(vaulted, bao)
    run_id, set_run = start(vaulted), runs.set_run
    fence = runs.claim(vaulted.store, fingerprint, run_id, "a worker", utc_now(), timedelta(minutes=1))

    def late(*args: Any, **more: Any) -> None:
        if args[2] == "cancelled":
            runs.append_journal(vaulted.store, run_id, "replace", "intent", fence, {"siblings": []}, utc_now())
            runs.append_journal(vaulted.store, run_id, "replace", "intent", fence, {"call": True}, utc_now())
        set_run(*args, **more)

    monkeypatch.setattr(runs, "set_run", late)
    assert cancel(vaulted.store, run_id, utc_now()) == "unknown"
    assert [one.target for one in orphans.list_orphans(vaulted.store)] == ["unknown"]


@pytest.mark.row("F3")
def test_the_orphan_is_listed_before_the_run_is_cancelled(vaulted: Site, bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies in between leaves a run that can be cancelled once more, and no unlisted orphan."""
    leak(vaulted, bao)
    run_id = start(vaulted)
    at(monkeypatch, "replace: made", stopped)
    with pytest.raises(Stopped):
        go(vaulted, run_id)
    with monkeypatch.context() as dying:
        dying.setattr(runs, "set_run", lambda *_args, **_more: stopped())
        with pytest.raises(Stopped):
            cancel(vaulted.store, run_id, utc_now())
    assert [one.target for one in orphans.list_orphans(vaulted.store)] == ["key-2"]
    assert cancel(vaulted.store, run_id, utc_now()) == "key-2"
    assert [one.target for one in orphans.list_orphans(vaulted.store)] == ["key-2"]
