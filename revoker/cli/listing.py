"""Tables of credentials, runs and plans, the same in every command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from revoker.model import NOTHING, Location, Status
from revoker.report.story import URGENT
from revoker.report.terminal import Table
from revoker.report.text import clean, moment, place, span

if TYPE_CHECKING:
    from revoker.store.credentials import CredentialRow
    from revoker.store.database import Store
    from revoker.store.runs import RunRow

MOST = 100  # lines of a table, unless all are asked for
SHORT = 15  # characters of a fingerprint in tables: unique among millions


def urgent_first(rows: Iterable[CredentialRow]) -> list[CredentialRow]:
    """What needs a person first comes first."""
    return sorted(rows, key=lambda row: (URGENT[row.status.value], row.provider, row.fingerprint))


def credentials(rows: Sequence[CredentialRow], places: Mapping[str, Sequence[Location]], now: datetime, hidden: int = 0) -> Table:
    """One line a credential."""
    return Table(
        columns=("credential", "kind", "status", "why", "account", "findings", "first place", "checked"),
        rows=[
            (
                row.fingerprint[:SHORT],
                kind_of(row),
                row.status.value,
                row.reason.replace("_", " ") or "not asked yet",
                (row.identity and (row.identity.account or row.identity.principal)) or "-",
                row.findings,
                _first(places.get(row.fingerprint, ())),
                f"{span(now - row.checked_at)} ago" if row.checked_at else "never",
            )
            for row in rows
        ],
        state="status",
        right=("findings",),
        fold=("why", "first place", "account"),
        drop=("checked", "account", "findings", "first place"),
        note=f"and {hidden} more; `revoker status --all` shows them" if hidden else "",
    )


def kind_of(row: CredentialRow) -> str:
    """The kind, and how many others it may be of: `revoker show` lists them."""
    from revoker.report.json_document import candidates

    found = candidates(row)
    return f"{row.kind} (or {found[0]}{f' +{len(found) - 1}' if found[1:] else ''})" if found else row.kind


def places(store: Store, rows: Iterable[CredentialRow]) -> Mapping[str, Sequence[Location]]:
    """Where each of the credentials was found."""
    from revoker.store.credentials import locations_of

    return locations_of(store, [row.fingerprint for row in rows])


def tally(rows: Iterable[CredentialRow]) -> Mapping[Status, int]:
    """How many there are of each status."""
    return Counter(row.status for row in rows)


def counts(numbers: Mapping[Status, int]) -> str:
    """All counts in one line, the urgent first."""
    parts = [f"{numbers[status]} {status.value}" for status in sorted(numbers, key=lambda s: URGENT[s.value]) if numbers[status]]
    return ", ".join(parts) or "nothing"


def runs(rows: Sequence[RunRow], waits: Mapping[str, str] = NOTHING) -> Table:
    """One line a run, with its worker and for whom it waits."""
    return Table(
        columns=("run", "credential", "playbook", "state", "step", "worker", "waits for", "since (UTC)", "message", "priority"),
        rows=[
            (
                row.id,
                row.fingerprint[:SHORT],
                row.playbook,
                row.state,
                row.step or "-",
                row.worker or "-",
                waits.get(row.id, "-"),
                moment(row.since or row.updated_at),
                row.message or "-",
                row.priority,
            )
            for row in rows
        ],
        state="state",
        right=("priority",),
        fold=("message", "waits for"),
        drop=("priority", "worker", "since (UTC)", "step"),
    )


def plan(document: Mapping[str, Any]) -> Table:
    """One line a step of a plan: what acts, on which target, why that target."""
    lines = []
    for entry in document["credentials"]:
        for step in entry["steps"]:
            effect = step.get("effect") or step.get("instead_of") or "-"
            lines.append(
                (
                    entry["fingerprint"][:SHORT],
                    entry["kind"],
                    entry["playbook"],
                    step["id"],
                    effect,
                    step.get("who", "revoker"),
                    step.get("target") or step.get("why") or step.get("note") or "-",
                    step.get("approvals", "-"),
                )
            )
    return Table(
        columns=("credential", "kind", "playbook", "step", "effect", "who", "target or reason", "approvals"),
        rows=lines,
        right=("approvals",),
        fold=("target or reason", "kind"),
        drop=("kind", "playbook"),
    )


def _first(spots: Sequence[Location]) -> str:
    return clean(place(spots[0].source, spots[0].file, spots[0].line, spots[0].image), 60) if spots else "-"
