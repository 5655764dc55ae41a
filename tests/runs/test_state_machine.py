"""The run engine under any order of events: a Hypothesis state machine, and the campaign's model after every example.

Rules are what people and the world do: leak, approve, let a run go on, let it die at a point, cancel it, turn the kill switch,
seal Vault, make the provider ill. After each rule nothing may be doubled, hit by mistake or ended too early; in the end, when all is
well again, every run comes to its end and provider, Vault and store agree.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from revoker import audit
from revoker.lab.servers import OpenBao, bao_call
from revoker.runs import apply as applying
from revoker.runs import cancel as cancelling
from revoker.runs import change, chosen, issue, prove, steps, vaulting, work
from revoker.runs.plan import make_plan
from revoker.store import runs, switches
from revoker.store.credentials import Selection
from tests.runs.campaign import book as weather
from tests.runs.campaign.book import Book
from tests.runs.campaign.model import Case, Counts, _doubles, _wrong_ones, compare
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.test_points import Stopped
from tests.runs.test_steps import ROTATE, go

pytestmark = [pytest.mark.slow, pytest.mark.row("F1", "F2", "F5", "F12")]

CONFIG = """
[verify]
timeout = "1s"
[limits]
mutations_per_run = 1000
per_provider_per_hour = 100000
per_hour = 100000
[vault]
addr = "{url}"
token = "env:FAKERY_VAULT"
[[destination]]
kind = "fakery_key"
path = "secret/machine-{number}/{{principal}}"
fields = {{ key_id = "ID", secret = "KEY" }}
"""
ENDED = ("done", "failed", "cancelled")
WEATHER = st.sampled_from([weather.FINE, weather.DEAD, weather.BUSY, weather.DEAF])


class Machine(RuleBasedStateMachine):
    """One site, with whatever happens to it."""

    build: Build
    module: ModuleType
    bao: OpenBao
    folder: Path
    number = 0
    patch: pytest.MonkeyPatch
    seen: list[str]

    @initialize()
    def begin(self) -> None:
        type(self).number += 1
        self.served = self.module.serve()
        self.fakery: Any = self.served.__enter__()
        config = CONFIG.format(url=self.bao.url, number=self.number)
        self.site: Site = self.build(config, folder=self.folder / f"site-{self.number}", fakery=self.fakery)
        self.book = Book(self.fakery, random.Random(self.number))  # noqa: S311 - which call is hit
        self.book.open()
        self.cases: list[Case] = []
        self.left = 0
        for module in (change, chosen, issue, steps, vaulting, work):
            self.patch.setattr(module, "reach", self.reach)

    def reach(self, name: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise Stopped(name)

    def under_way(self) -> list[str]:
        return sorted(run.id for run in runs.list_runs(self.site.store) if run.state not in ENDED)

    @precondition(lambda self: len(self.cases) < 4)
    @rule()
    def leak_and_approve(self) -> None:
        """One more leaked key that stands in Vault; its rotation is approved and started."""
        self.book.weather = weather.FINE
        self.unseal()
        self.kill_switch(on=False)
        key = self.fakery.add()
        self.fakery.add(name="somebody else's")
        path = f"machine-{self.number}/{key.id}"
        assert bao_call(self.bao, "POST", f"secret/data/{path}", {"data": {"ID": key.id, "KEY": key.value}})[0] == 200
        fingerprint = self.site.add(key.value)
        only = Selection(fingerprint=(fingerprint,))
        plan = make_plan(
            self.site.store,
            self.site.settings,
            only,
            playbook="rotate",
            requester="dave",
            now=utc_now(),
            books={"rotate": ROTATE},
        )
        self.site.approved(plan.digest)
        applying.apply(self.site.store, self.site.settings, plan.digest, utc_now())
        self.cases.append(Case(key.id, fingerprint, path))

    @precondition(lambda self: self.cases and self.under_way())
    @rule(which=st.integers(0, 9), dies=st.one_of(st.just(0), st.integers(1, 40)), later=st.sampled_from([0, 2, 30]))
    def go_on(self, which: int, dies: int, later: int) -> None:
        """A worker takes a run, and perhaps dies at a point on the way."""
        ids = self.under_way()
        self.left = dies
        with suppress(Stopped):
            go(self.site, ids[which % len(ids)], later=timedelta(minutes=later), inline=timedelta(seconds=1))
        self.left = 0

    @rule(how=WEATHER)
    def provider_is(self, how: str) -> None:
        self.book.weather = how

    @rule()
    def seal(self) -> None:
        bao_call(self.bao, "PUT", "sys/seal")

    @rule()
    def unseal(self) -> None:
        bao_call(self.bao, "PUT", "sys/unseal", {"key": self.bao.unseal_key})

    @rule(on=st.booleans())
    def kill_switch(self, on: bool) -> None:
        switches.set_stopped(self.site.store, on, "alice", utc_now())

    @precondition(lambda self: self.cases and self.under_way())
    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        ids = self.under_way()
        cancelling.cancel(self.site.store, ids[which % len(ids)], utc_now())

    @invariant()
    def nothing_is_doubled_or_hit_by_mistake(self) -> None:
        counts = Counts()
        _wrong_ones(counts, self.site, self.book, self.cases)
        _doubles(counts, self.book)
        assert not counts.why, counts.why
        assert audit.check(self.site.store).ok

    def teardown(self) -> None:
        if not hasattr(self, "site"):
            return
        try:
            self.morning()
        finally:
            self.served.__exit__(None, None, None)
            self.site.store.engine.dispose()

    def morning(self) -> None:
        """All is well again: every run comes to its end, and the three agree."""
        self.book.weather = weather.FINE
        self.unseal()
        switches.set_stopped(self.site.store, False, "alice", utc_now())
        for hours in range(1, 7):
            for run_id in self.under_way():
                go(self.site, run_id, later=timedelta(hours=hours), inline=timedelta(seconds=1))
        assert self.under_way() == []
        counts = compare(self.site, self.book, self.bao, self.cases)
        assert counts.clean, counts.why
        self.seen.append("; ".join(f"{number} {state}" for state, number in sorted(counts.states.items())))


def test_any_order_of_events(
    build: Build,
    fakery_module: ModuleType,
    openbao: OpenBao,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Any,
) -> None:
    monkeypatch.setenv("FAKERY_VAULT", openbao.token)
    monkeypatch.setattr(vaulting, "PAUSE", 0.01)
    monkeypatch.setattr(prove, "PATIENCE", timedelta(seconds=0.3))
    began = time.monotonic()

    class Here(Machine):
        pass

    Here.build, Here.module, Here.bao, Here.folder, Here.patch, Here.seen = (
        staticmethod(build),
        fakery_module,
        openbao,
        tmp_path,
        monkeypatch,
        [],
    )
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=6,
            stateful_step_count=20,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert any("done" in line for line in Here.seen)
    record_property(
        "campaign", f"state machine: {len(Here.seen)} orders of events in {time.monotonic() - began:.0f} s, all clean"
    )
