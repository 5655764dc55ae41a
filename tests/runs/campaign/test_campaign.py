"""Hundreds of rotations by four workers on a bad night: killed, stopped, the database crashed, Vault sealed, the provider ill.

CAMPAIGN_RUNS and CAMPAIGN_SEED choose how many and which; the counts stand at the end of the suite's output.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from revoker import secrets
from revoker.lab.servers import OpenBao, bao_call, run_sql
from revoker.model import Credential, Finding, Location, Secret
from revoker.playbook import parse
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store import credentials as rows_of
from revoker.store import incidents, runs
from revoker.store.credentials import Selection
from revoker.verify import verify
from tests.runs.campaign import book as weather
from tests.runs.campaign.book import Book
from tests.runs.campaign.crowd import Crowd
from tests.runs.campaign.model import Case, compare
from tests.runs.conftest import Build, Site, utc_now
from tests.runs.crew import END
from tests.runs.test_steps import go
from tests.servers.restarting import Restarting, restarting

pytestmark = pytest.mark.slow

RUNS = int(os.environ.get("CAMPAIGN_RUNS", "30"))
SEED = int(os.environ.get("CAMPAIGN_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
WORKERS, LEASE = 4, 6.0
ENDED = ("done", "failed", "cancelled")
CONFIG = """
[verify]
timeout = "1s"
[limits]
mutations_per_run = 2000
per_provider_per_hour = 100000
per_hour = 100000
[worker]
lease = "6s"
retry = "2s"
[vault]
addr = "{url}"
token = "env:FAKERY_VAULT"
[[destination]]
kind = "fakery_key"
path = "secret/campaign/{{principal}}"
fields = {{ key_id = "ID", secret = "KEY" }}
"""
ROTATE = parse(
    "rotate-many",
    {
        "title": "Rotate",
        "effects": ["issue", "suspend", "revoke"],
        "limit": 2000,
        "step": [
            {"id": "replace", "do": "issue", "into": "destination"},
            {"id": "works", "do": "verify", "of": "new", "expect": "live"},
            {"id": "freeze", "do": "suspend"},
            {"id": "remove", "do": "revoke"},
            {"do": "prove"},
            {"id": "old-versions", "do": "destroy_old_versions"},
        ],
    },
)


@pytest.fixture
def database() -> Iterator[Restarting]:
    with restarting() as server:
        yield server


@pytest.fixture
def site(build: Build, database: Restarting, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    run_sql(database.server, "CREATE DATABASE campaign")
    url = replace(database.server, database="campaign").dsn.replace("postgresql://", "postgresql+psycopg://")
    monkeypatch.setenv("STORE_URL", url)
    monkeypatch.setenv("FAKERY_VAULT", openbao.token)
    made = build(CONFIG.format(url=openbao.url), url="env:STORE_URL")
    yield made
    made.store.engine.dispose()


def leaked(site: Site, bao: OpenBao, count: int) -> list[Case]:
    """So many leaked keys. Nine of ten stand in Vault and are to be rotated; bystanders stand between them."""
    incident, cases, found = incidents.open_incident(site.store, "leak", utc_now()), [], []
    for number in range(count):
        key = site.fakery.add()
        if number % 10 == 0:
            site.fakery.add(name="somebody else's")
        secret = Secret(key.value)
        print_of = secrets.fingerprint(site.store.keys, "fakery_key", secret)
        found.append(
            (Finding("rule", Location("list", "leak.txt", number + 1), secret), Credential("fakery_key", print_of, secret))
        )
        path = "" if number % 10 == 9 else f"campaign/{key.id}"
        if path:
            assert bao_call(bao, "POST", f"secret/data/{path}", {"data": {"ID": key.id, "KEY": key.value}})[0] == 200
        cases.append(Case(key.id, print_of, path))
    rows_of.add_findings(site.store, found, incident.id, utc_now())
    verify(site.store, rows_of.select(site.store, Selection()), settings=site.settings, clock=utc_now)
    return cases


def started(site: Site, cases: list[Case]) -> list[str]:
    """Approved and applied: rotations, and some that are only ended."""
    ids: list[str] = []
    for made, some in ((ROTATE, [one for one in cases if one.path]), (END, [one for one in cases if not one.path])):
        only = Selection(fingerprint=tuple(one.fingerprint for one in some))
        books: Any = {made.id: made}
        plan = make_plan(site.store, site.settings, only, playbook=made.id, requester="dave", now=utc_now(), books=books)
        site.approved(plan.digest, "alice", "bob")
        ids += apply(site.store, site.settings, plan.digest, utc_now())
    return ids


@dataclass
class Night:
    """What happens to whom, as the share of ended runs grows: each evil once, for a while."""

    book: Book
    bao: OpenBao
    database: Restarting
    done: Counter[str] = field(default_factory=Counter)
    until: float = 0.0
    undo: Callable[[], Any] = lambda: None

    def __post_init__(self) -> None:
        ill = [
            (share, name, 4.0)
            for share, name in ((0.05, weather.SLOW), (0.3, weather.DEAD), (0.65, weather.BUSY), (0.8, weather.DEAF))
        ]
        self.plan: list[tuple[float, str, float]] = sorted([*ill, (0.15, "sealed", 3.0), (0.5, "crash of PostgreSQL", 1.5)])

    def look(self, share: float) -> None:
        """Begin what is due, and end what lasted long enough."""
        if self.until and time.monotonic() > self.until:
            self.until = 0.0
            self.undo()
        if not self.until and self.plan and share >= self.plan[0][0]:
            _, name, lasts = self.plan.pop(0)
            self.done[name] += 1
            self.until = time.monotonic() + lasts
            self._begin(name)

    def _begin(self, name: str) -> None:
        if name == "sealed":
            bao_call(self.bao, "PUT", "sys/seal")
            self.undo = lambda: bao_call(self.bao, "PUT", "sys/unseal", {"key": self.bao.unseal_key})
        elif name == "crash of PostgreSQL":
            self.database.crash()
            self.undo = self.database.start
        else:
            self.book.weather = name
            self.undo = lambda: setattr(self.book, "weather", weather.FINE)


def ended(site: Site) -> Counter[str]:
    """How many runs are in which state."""
    return Counter(run.state for run in runs.list_runs(site.store))


def through(site: Site, crowd: Crowd, night: Night, chance: random.Random) -> None:
    """The night, and then the morning until all have ended."""
    limit, harmed, share = time.monotonic() + 180 + RUNS * 4, time.monotonic(), 0.0
    while time.monotonic() < limit:
        crowd.keep()
        night.look(share)
        if night.plan and time.monotonic() - harmed > chance.uniform(2.0, 7.0):
            harmed = time.monotonic()
            crowd.harm(LEASE * 1.5)
        if not (night.until and night.undo == night.database.start):
            states = ended(site)
            share = (sum(states[one] for one in ENDED) + states["waiting"]) / RUNS
            if share == 1 and not night.plan and not night.until:
                return
        time.sleep(0.2)


def later(site: Site) -> None:
    """Those whose last look at the dead key met an ill provider wait for an hour: it passes."""
    for run in runs.list_runs(site.store):
        if run.state == "waiting" and run.step == "prove":
            go(site, run.id, later=timedelta(hours=2))


@pytest.mark.row("F1", "F2", "F5", "F7", "F10", "F12", "F26")
def test_a_campaign(site: Site, openbao: OpenBao, database: Restarting, record_property: Callable[[str, object], None]) -> None:
    sys.stdout.write(f"CAMPAIGN_RUNS={RUNS} CAMPAIGN_SEED={SEED}\n")
    chance, began = random.Random(SEED), time.monotonic()  # noqa: S311 - what breaks when
    cases = leaked(site, openbao, RUNS)
    started(site, cases)
    book = Book(site.fakery, chance)
    book.open()
    night = Night(book, openbao, database)
    crowd = Crowd(site.config, WORKERS, chance)
    try:
        through(site, crowd, night, chance)
    finally:
        if night.until:
            night.undo()
        crowd.end()
    later(site)
    counts = compare(site, book, openbao, cases)
    harm = ", ".join(f"{name} {number}" for name, number in sorted((crowd.done + night.done).items()))
    ill = ", ".join(f"{name} {number}" for name, number in sorted(book.done.items()))
    record_property("campaign", f"seed {SEED}, {time.monotonic() - began:.0f} s; {harm}; calls hit: {ill}")
    record_property("campaign", counts.line())
    left = [f"{run.state} at {run.step}: {run.message}" for run in runs.list_runs(site.store) if run.state != "done"]
    assert counts.clean, "\n".join([*counts.why, *left])
    assert not left, "\n".join(left)
