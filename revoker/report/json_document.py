"""The JSON documents that others script against. Keys are only ever added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from revoker import __version__, catalog
from revoker.model import CANDIDATES, Identity, Location, Status
from revoker.report.collect import Member, ReportData, RunStory
from revoker.report.text import iso
from revoker.sdk import Kind

if TYPE_CHECKING:
    from revoker.store.canaries import Override
    from revoker.store.credentials import CredentialRow, VerdictRow
    from revoker.store.homes import Home
    from revoker.store.orphans import Orphan
    from revoker.store.owned import OwnedRow
    from revoker.store.runs import JournalRow, RunRow

TIMES = (
    "detected_at",
    "ingested_at",
    "live_at",
    "contained_at",
    "acked_at",
    "refused_at",
    "dead_at",
    "next_check_at",
    "residual_until",
)


def schema(command: str) -> str:
    """The name of a command's document."""
    return f"revoker/{command}/1"


def counts(found: Mapping[Status, int] | Mapping[str, int]) -> dict[str, int]:
    """A number for each status, zero included."""
    plain = {str(status): number for status, number in found.items()}
    return {status.value: plain.get(status.value, 0) for status in Status}


def candidates(row: CredentialRow) -> list[str]:
    """The other kinds that an ambiguous value may be of, best first."""
    return [kind for kind in row.parts.get(CANDIDATES, "").split(", ") if kind]


def credential(row: CredentialRow, locations: Iterable[Location]) -> dict[str, Any]:
    """One credential as it stands in `status` and `verify`."""
    return {
        "fingerprint": row.fingerprint,
        "kind": row.kind,
        "candidates": candidates(row),
        "provider": row.provider,
        "status": row.status.value,
        "validity": row.validity.value if row.validity else None,
        "reason": row.reason,
        "checked_at": iso(row.checked_at),
        "identity": identity(row.identity),
        "findings": row.findings,
        "locations": [location(spot) for spot in locations],
        "incident": row.incident,
    }


def identity(found: Identity | None) -> dict[str, Any]:
    """Who a credential is at its provider; all of it null where nobody knows."""
    who = found or Identity()
    return {
        "account": who.account,
        "principal": who.principal,
        "scopes": list(who.scopes),
        "expires_at": iso(who.expires_at),
        "last_used_at": iso(who.last_used_at),
    }


def location(spot: Location) -> dict[str, Any]:
    """One place of a finding."""
    return {
        "source": spot.source,
        "file": spot.file,
        "line": spot.line,
        "commit": spot.commit,
        "image": spot.image,
        "layer": spot.layer,
        "repository": spot.repository,
    }


def listing(command: str, rows: Sequence[CredentialRow], places: Mapping[str, Sequence[Location]]) -> dict[str, Any]:
    """`status` and `verify`: the credentials with their counts."""
    numbers: dict[Status, int] = {}
    for row in rows:
        numbers[row.status] = numbers.get(row.status, 0) + 1
    return {
        "schema": schema(command),
        "credentials": [credential(row, places.get(row.fingerprint, ())) for row in rows],
        "counts": counts(numbers),
    }


def member(found: Member) -> dict[str, Any]:
    """One credential with all that is known of it, as in `report` and `show`."""
    row, kind = found.row, catalog.kinds().get(found.row.kind)
    return {
        **credential(row, found.locations),
        "kind_title": kind.title if kind else row.kind,
        "parts": {name: part for name, part in row.parts.items() if name != CANDIDATES},
        "value_state": str(row.value_state),
        "refusals": row.refusals,
        "accepted": {"by": row.accepted_by, "why": row.accepted_why or ""} if row.accepted_by else None,
        "times": {name: iso(getattr(row, name)) for name in TIMES},
        "verdicts": [verdict(one) for one in found.verdicts],
        "runs": [run_story(one) for one in found.runs],
        "vault": [home(one) for one in found.homes],
        "owned": shown_owned(found.owned),
        "canary_overrides": [override(one) for one in found.overrides],
        "residual": _residual(row, kind),
        "manual": _manual(kind),
        "docs": kind.docs if kind else None,
    }


def verdict(row: VerdictRow) -> dict[str, Any]:
    """One answer of the past."""
    seen = row.evidence
    return {
        "at": iso(row.at),
        "validity": row.validity.value,
        "reason": row.reason,
        "host": seen.host if seen else None,
        "status": seen.status if seen else None,
        "code": seen.code if seen else None,
    }


def run(row: RunRow) -> dict[str, Any]:
    """One run of a playbook."""
    return {
        "id": row.id,
        "plan": row.plan_digest,
        "fingerprint": row.fingerprint,
        "playbook": row.playbook,
        "state": row.state,
        "step": row.step,
        "message": row.message,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "ended_at": iso(row.ended_at),
        "priority": row.priority,
        "worker": row.worker,
        "due_at": iso(row.due_at),
        "since": iso(row.since),
    }


def run_story(story: RunStory) -> dict[str, Any]:
    """A run with its journal and the receipts in it."""
    return {
        **run(story.run),
        "journal": [{"at": iso(row.at), "step": row.step, "phase": row.phase, "data": dict(row.data)} for row in story.journal],
        "receipts": [made for row in story.journal if (made := _receipt(row)) is not None],
    }


def home(found: Home) -> dict[str, Any]:
    """One place in Vault that holds a part of a credential."""
    return {
        "fingerprint": found.fingerprint,
        "path": found.path,
        "field": found.field,
        "part": found.part,
        "engine": found.engine,
        "versions": list(found.versions),
        "newest": found.newest,
        "how": found.how,
        "at": iso(found.at),
    }


def shown_owned(row: OwnedRow | None) -> dict[str, Any] | None:
    """What our own authority said of whose a credential is."""
    return {"how": row.owned.how, "account": row.owned.account, "at": iso(row.at)} if row else None


def override(one: Override) -> dict[str, Any]:
    """Who let a canary be asked and changed."""
    return {
        "who": one.who,
        "why": one.why,
        "signed_by": one.signed_by,
        "at": iso(one.at),
        "until": iso(one.until),
        "ended_at": iso(one.ended_at),
    }


def orphan(row: Orphan) -> dict[str, Any]:
    """A created credential that is neither stored nor revoked."""
    return {
        "id": row.id,
        "provider": row.provider,
        "target": row.target,
        "fingerprint": row.fingerprint,
        "run": row.run_id,
        "why": row.why,
        "created_at": iso(row.at),
        "resolved_at": iso(row.resolved_at),
    }


def report(data: ReportData) -> dict[str, Any]:
    """The whole report: the credentials with runs, receipts and times, and the metrics."""
    return {
        "schema": schema("report"),
        "revoker": __version__,
        "generated_at": iso(data.now),
        "stopped": data.stopped,
        "incidents": [
            {"id": one.id, "title": one.title, "created_at": iso(one.created_at), "closed_at": iso(one.closed_at)}
            for one in data.incidents
        ],
        "credentials": [member(found) for found in data.members],
        "counts": counts(data.metrics.counts),
        "metrics": asdict(data.metrics),
        "orphans": [orphan(row) for row in data.orphans],
    }


def _receipt(row: JournalRow) -> dict[str, Any] | None:
    """The receipt in a journal row, if it holds one."""
    data = row.data
    if row.phase == "intent" or "effect" not in data or "target" not in data:
        return None
    seen = data.get("evidence") or {}
    return {
        "at": iso(row.at),
        "action": data.get("action", row.step),
        "effect": data["effect"],
        "target": data["target"],
        "already": bool(data.get("already")),
        "detail": data.get("detail", ""),
        "host": seen.get("host"),
        "status": seen.get("status"),
    }


def _residual(row: CredentialRow, kind: Kind | None) -> list[dict[str, Any]]:
    """What outlives the credential; it can end only after the last change or refusal."""
    start = row.acked_at or row.refused_at
    return [
        {
            "what": one.what,
            "lasts_s": None if one.lasts is None else int(one.lasts.total_seconds()),
            "ends_at": iso(start + one.lasts) if start and one.lasts is not None else None,
            "ended_by": one.ended_by,
        }
        for one in (kind.residual if kind else ())
    ]


def _manual(kind: Kind | None) -> dict[str, Any] | None:
    if kind is None:
        return None
    return {"url": kind.manual.url, "steps": list(kind.manual.steps), "notify": kind.manual.notify, "proves": kind.manual.proves}
