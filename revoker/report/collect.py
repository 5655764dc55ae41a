"""One picture of the chosen credentials, read once; every format is made from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from revoker.model import Location
from revoker.report.metrics import Metrics, measure

if TYPE_CHECKING:
    from revoker.store.canaries import Override
    from revoker.store.credentials import CredentialRow, Selection, VerdictRow
    from revoker.store.database import Store
    from revoker.store.homes import Home
    from revoker.store.incidents import Incident
    from revoker.store.orphans import Orphan
    from revoker.store.owned import OwnedRow
    from revoker.store.runs import JournalRow, RunRow


RESURRECTED = "credential.resurrected"  # the event that the store writes when a dead one is accepted again


@dataclass(frozen=True, slots=True)
class RunStory:
    """A run with its journal."""

    run: RunRow
    journal: tuple[JournalRow, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A credential with all that is known of it."""

    row: CredentialRow
    locations: tuple[Location, ...]
    verdicts: tuple[VerdictRow, ...]
    runs: tuple[RunStory, ...]
    homes: tuple[Home, ...] = ()
    overrides: tuple[Override, ...] = ()  # who let this canary be asked
    owned: OwnedRow | None = None  # what our own authority said of whose it is


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that a report tells."""

    now: datetime
    incidents: tuple[Incident, ...]
    members: tuple[Member, ...]
    orphans: tuple[Orphan, ...]
    metrics: Metrics
    stopped: bool  # the kill switch


def collect(store: Store, selection: Selection, now: datetime) -> ReportData:
    """The picture of all chosen credentials."""
    from revoker.store import credentials, incidents, switches

    rows = credentials.select(store, selection)
    named = {row.incident for row in rows} | set(selection.incident)
    return ReportData(
        now=now,
        incidents=tuple(one for one in incidents.list_incidents(store) if one.id in named),
        members=tuple(members(store, rows)),
        orphans=tuple(_orphans(store, rows, selection)),
        metrics=metrics_of(store, rows, selection, now),
        stopped=switches.is_stopped(store),
    )


def metrics(store: Store, selection: Selection, now: datetime) -> Metrics:
    """The numbers alone, without reading places, answers and runs."""
    from revoker.store import credentials

    return metrics_of(store, credentials.select(store, selection), selection, now)


def metrics_of(store: Store, rows: Sequence[CredentialRow], selection: Selection, now: datetime) -> Metrics:
    """The numbers over rows that were read already."""
    from revoker.store import events

    back = events.of_kind(store, RESURRECTED)
    fingerprints = {row.fingerprint for row in rows}
    resurrections = sum(1 for event in back if event.payload.get("fingerprint") in fingerprints)
    return measure(rows, orphans=len(_orphans(store, rows, selection)), resurrections=resurrections, now=now)


def members(store: Store, rows: Sequence[CredentialRow]) -> Iterator[Member]:
    """Each credential with its places, answers and runs."""
    from revoker.store import canaries, credentials, homes, owned, runs

    fingerprints = [row.fingerprint for row in rows]
    spots, answers = credentials.locations_of(store, fingerprints), credentials.history_of(store, fingerprints)
    stand, bait = homes.homes_of(store, fingerprints), canaries.overrides_of(store, fingerprints) if rows else {}
    ours = owned.owned_among(store, fingerprints) if rows else {}
    told: dict[str, list[RunStory]] = {}
    for run in runs.list_runs(store, fingerprint=fingerprints) if rows else ():
        told.setdefault(run.fingerprint, []).append(RunStory(run, tuple(runs.journal(store, run.id))))
    for row in rows:
        fp = row.fingerprint
        yield Member(
            row,
            tuple(spots.get(fp, ())),
            tuple(answers.get(fp, ())),
            tuple(told.get(fp, ())),
            tuple(stand.get(fp, ())),
            tuple(bait.get(fp, ())),
            ours.get(fp),
        )


def _orphans(store: Store, rows: Sequence[CredentialRow], selection: Selection) -> list[Orphan]:
    """The open orphans; only those made in place of the chosen credentials when not all are chosen."""
    from revoker.store import orphans
    from revoker.store.credentials import Selection

    found = orphans.list_orphans(store)
    if selection == Selection():
        return list(found)
    fingerprints = {row.fingerprint for row in rows}
    return [one for one in found if one.fingerprint in fingerprints]
