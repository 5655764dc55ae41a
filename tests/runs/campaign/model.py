"""What must be true after any campaign: the provider's book, Vault and our store tell the same story. Seven counts say so."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from revoker import audit
from revoker.lab.servers import OpenBao, bao_call
from revoker.store import orphans, runs
from tests.runs.campaign.book import Book, Entry
from tests.runs.conftest import Site

PEPPER = b"campaign"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a Vault path. `value` is an HMAC; empty when it was destroyed."""

    at: float
    id: str
    value: str


@dataclass
class Counts:
    """All but the last ones must be 0. `why` has a line for each that is not."""

    lost: int = 0  # a place or a done run without a working secret
    double: int = 0  # a state changed twice, or a second usable new key of one run
    wrong: int = 0  # a change of something that no approved run was for, or by another than the responder
    early: int = 0  # the old one went before the new one was stored
    unlisted: int = 0  # a new key that is neither stored nor revoked nor on the orphan list
    disagree: int = 0  # the store says another thing than the provider does
    broken: int = 0  # the audit log does not verify
    states: Counter[str] = field(default_factory=Counter)
    changes: int = 0
    repeated: int = 0  # calls that came twice and changed nothing
    why: list[str] = field(default_factory=list)

    def bad(self, name: str, why: str) -> None:
        setattr(self, name, getattr(self, name) + 1)
        self.why.append(f"{name}: {why}")

    def line(self) -> str:
        """For people, at the end of the suite."""
        ended = ", ".join(f"{number} {state}" for state, number in sorted(self.states.items()))
        return (
            f"{sum(self.states.values())} runs ({ended}), {self.changes} changes, {self.repeated} repeated without effect: "
            f"lost secrets {self.lost}, double actions {self.double}, wrong targets {self.wrong}, "
            f"old revoked before new stored {self.early}, unlisted orphans {self.unlisted}, "
            f"store and provider disagree {self.disagree}, broken audit logs {self.broken}"
        )

    @property
    def clean(self) -> bool:
        return not self.why


@dataclass(frozen=True, slots=True)
class Case:
    """One leaked key: its fingerprint, and its path in Vault when it is to be rotated."""

    id: str
    fingerprint: str
    path: str = ""


def hashed(value: str) -> str:
    return hmac.new(PEPPER, value.encode(), hashlib.sha256).hexdigest()


def versions(bao: OpenBao, path: str) -> list[Version]:
    """All versions of a path, the oldest first."""
    status, body = bao_call(bao, "GET", f"secret/metadata/{path}")
    found: list[Version] = []
    for number, one in sorted((body["data"]["versions"] if status == 200 else {}).items(), key=lambda item: int(item[0])):
        status, read = bao_call(bao, "GET", f"secret/data/{path}?version={number}")
        data = read["data"]["data"] if status == 200 else {}
        made = datetime.fromisoformat(one["created_time"]).timestamp()
        found.append(Version(made, data.get("ID", ""), hashed(data["KEY"]) if "KEY" in data else ""))
    return found


def compare(site: Site, book: Book, bao: OpenBao, cases: list[Case]) -> Counts:
    """Look at all three, and count what does not fit."""
    counts = Counts()
    stored = {case.id: versions(bao, case.path) for case in cases if case.path}
    rows = {run.fingerprint: run for run in runs.list_runs(site.store)}
    counts.states.update(run.state for run in rows.values())
    counts.changes = sum(entry.changed for entry in book.entries)
    counts.repeated = len(book.entries) - counts.changes
    _wrong_ones(counts, site, book, cases)
    _doubles(counts, book)
    listed = {orphan.target for orphan in orphans.list_orphans(site.store)}
    unknown = [orphan.run_id for orphan in orphans.list_orphans(site.store) if orphan.target == "unknown"]
    for key in book.fakery.keys.values():
        newest = {one[-1].value for one in stored.values() if one}
        known = key.id in listed or any(run_id in key.name for run_id in unknown)
        if key.name.startswith("revoker-") and hashed(key.value) not in newest and not known:
            counts.bad("unlisted", f"{key.id} of {key.name}")
    for case in cases:
        _case(counts, site, book, case, rows[case.fingerprint], stored.get(case.id, []))
    for problem in audit.check(site.store).problems:
        counts.bad("broken", str(problem))
    return counts


def _wrong_ones(counts: Counts, site: Site, book: Book, cases: list[Case]) -> None:
    ours = {case.id for case in cases} | {entry.target for entry in book.entries if entry.what == "issue"}
    intended = _intended(site)
    for entry in book.entries:
        if entry.by != book.fakery.admin:
            counts.bad("wrong", f"{entry.what} {entry.target} by another credential")
        if entry.target not in ours:
            counts.bad("wrong", f"{entry.what} {entry.target}")
        if entry.what == "issue" and not entry.name.startswith("revoker-run_"):
            counts.bad("wrong", f"issue {entry.target} without our mark")
        if entry.what != "issue" and entry.target not in intended:
            counts.bad("disagree", f"{entry.what} {entry.target} without an intent in the journal")


def _intended(site: Site) -> set[str]:
    """All targets that an intent names."""
    found: set[str] = set()
    for run in runs.list_runs(site.store):
        for row in runs.journal(site.store, run.id):
            if row.phase == "intent":
                found.update(str(row.data[name]) for name in ("target", "retire") if name in row.data)
    return found


def _doubles(counts: Counts, book: Book) -> None:
    happened = Counter((entry.what, entry.target) for entry in book.entries if entry.changed)
    for (what, target), number in happened.items():
        if number > 1:
            counts.bad("double", f"{what} {target} x {number}")
    marks = Counter(key.name for key in book.fakery.usable() if key.name.startswith("revoker-"))
    for name, number in marks.items():
        if number > 1:
            counts.bad("double", f"{number} usable keys of {name}")


def _case(counts: Counts, site: Site, book: Book, case: Case, run: Any, stored: list[Version]) -> None:
    ends = [entry for entry in book.entries if entry.target == case.id and entry.what in ("suspend", "revoke")]
    usable = {hashed(key.value) for key in book.fakery.usable()}
    if case.path:
        _rotated(counts, case, ends, stored, usable)
    gone = case.id not in book.fakery.keys
    if run.state == "done" and not gone:
        counts.bad("disagree", f"{run.id} is {run.state}, and {case.id} is there")
    status = site.row(case.fingerprint).status.value
    if run.state == "done" and status != "dead":
        counts.bad("disagree", f"{case.id} of a done run is {status}")
    if run.state == "done" and any(one.id == case.id for one in stored):
        counts.bad("disagree", f"a version of {case.path} still holds the leaked value")


def _rotated(counts: Counts, case: Case, ends: list[Entry], stored: list[Version], usable: set[str]) -> None:
    if not stored or (stored[-1].value not in usable):
        counts.bad("lost", f"{case.path} holds no working secret")
    if not ends:
        return
    if not any(new.at <= ends[0].at and new.id not in ("", case.id) for new in stored):
        counts.bad("early", f"{case.id} was ended before {case.path} held another")
