"""A person cancels a run whose call is in the air: what it made is on the orphan list, and reconciling finds it."""

from __future__ import annotations

import pytest

from revoker.lab.servers import OpenBao
from revoker.runs import change, issue, steps, vaulting, work
from revoker.runs.cancel import cancel
from revoker.store import orphans
from tests.runs.conftest import Site, utc_now
from tests.runs.test_points import Stopped
from tests.runs.test_steps import go, leak, start, vaulted

__all__ = ["vaulted"]  # the fixture
pytestmark = pytest.mark.slow


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

    def reach(name: str) -> None:
        if name == point:
            raise Stopped(name)

    for module in (change, issue, steps, vaulting, work):
        monkeypatch.setattr(module, "reach", reach)
    with pytest.raises(Stopped):
        go(vaulted, run_id)
    assert cancel(vaulted.store, run_id, utc_now()) == left
    assert [one.target for one in orphans.list_orphans(vaulted.store)] == ([left] if left else [])
