"""From an approved plan to runs: everything that was approved is compared again, and the approvals are used up.

Nothing is sent here. Each step binds its target once more right before its own call.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from revoker import audit, catalog
from revoker.config import Settings
from revoker.errors import ApprovalRefused, Parked
from revoker.model import Status
from revoker.playbook import load_playbooks
from revoker.runs import digests
from revoker.runs.approve import missing
from revoker.store import canaries, plans, switches
from revoker.store import credentials as rows_of
from revoker.store import runs as run_rows
from revoker.store.credentials import Selection

if TYPE_CHECKING:
    from revoker.store.database import Store

AGAIN = "revoker plan, and approve the new one"


def apply(store: Store, settings: Settings, digest: str, now: datetime) -> list[str]:
    """Use up the plan's approvals and create its runs, in one transaction; give the run ids, for Engine.start().

    Raises ApprovalRefused when anything differs from what was approved, when an approval is missing, expired or used,
    and Parked while the kill switch is on. A plan is applied once.
    """
    plan = plans.load_plan(store, digest)
    full, document = plan.digest, plan.document
    if stop := switches.told(store):
        raise Parked(f"The kill switch is on ({stop}).", safe="nothing was started", next="revoker start")
    if run_rows.list_runs(store, plan=(full,)):
        raise ApprovalRefused(
            "This plan was started before.", safe="nothing was started again", next="`revoker resume`, or a new plan"
        )
    _unchanged(full, document, settings, now)
    _still_planned(store, document)
    _bait_still_allowed(store, document, now)
    people = _enough_approvals(store, settings, full, document, now)
    audit.append(store, "applied", {"plan": full, "approved_by": list(people), "credentials": len(document["credentials"])}, now)
    members = [(entry["fingerprint"], entry["playbook"]) for entry in document["credentials"]]
    urgent = {entry["fingerprint"]: int(entry.get("priority", 3)) for entry in document["credentials"]}
    made = run_rows.create_runs(store, full, members, now, needed=int(document["approvals"]), priorities=urgent)
    return [run.id for run in made]


def status(store: Store, settings: Settings, digest: str, now: datetime) -> tuple[int, tuple[str, ...]]:
    """How many approvals a plan still misses, and who has given one."""
    plan = plans.load_plan(store, digest)
    return missing(plans.approvals(store, plan.digest), plan.digest, plan.document, settings, now)


def _unchanged(digest: str, document: Mapping[str, Any], settings: Settings, now: datetime) -> None:
    if digests.digest(document) != digest:
        raise ApprovalRefused("The stored plan does not fit its digest.", safe="nothing was started", next=AGAIN)
    if now >= digests.parse_instant(document["expires_at"]):
        raise ApprovalRefused("The plan is expired.", safe="nothing was started", next=AGAIN)
    if digests.policy(settings) != document["policy"]:
        raise ApprovalRefused(
            "The configuration has changed since the plan was made: approvals, approvers, limits, ownership, canaries, "
            "authorities, Vault, destinations, consumers or endpoints.",
            safe="nothing was started",
            next=AGAIN,
        )
    books = load_playbooks(settings.playbooks)
    for entry in document["credentials"]:
        if entry["provider"] not in catalog.providers() or digests.definition(entry["provider"]) != entry["definition"]:
            raise ApprovalRefused(f"The definition of {entry['provider']} has changed.", safe="nothing was started", next=AGAIN)
        book = books.get(entry["playbook"])
        if book is not None and book.digest != entry["playbook_digest"]:
            raise ApprovalRefused(f"The playbook {entry['playbook']} has changed.", safe="nothing was started", next=AGAIN)


def _still_planned(store: Store, document: Mapping[str, Any]) -> None:
    """A credential that was accepted, or taken out, since the plan was made is not touched."""
    wanted = {entry["fingerprint"]: entry for entry in document["credentials"]}
    if not wanted:
        raise ApprovalRefused("The plan holds nothing to do.", next="revoker status shows what there is")
    rows = rows_of.select(store, Selection(fingerprint=tuple(wanted)))
    gone = set(wanted) - {row.fingerprint for row in rows}
    gone |= {row.fingerprint for row in rows if row.status in (Status.ACCEPTED, Status.SKIPPED)}
    if gone:
        raise ApprovalRefused(f"{min(gone)} must not be touched any more.", safe="nothing was started", next=AGAIN)


def _bait_still_allowed(store: Store, document: Mapping[str, Any], now: datetime) -> None:
    """A canary whose override has ended, or was taken back, is left alone again."""
    bait = [entry["fingerprint"] for entry in document["credentials"] if "canary" in entry]
    allowed = canaries.allowed(store, bait, now)
    gone = [fingerprint for fingerprint in bait if fingerprint not in allowed]
    if gone:
        raise ApprovalRefused(
            "The override for this canary has ended.",
            fingerprint=gone[0],
            safe="nothing was started",
            next=f"revoker canary allow {gone[0]}, then {AGAIN}",
        )


def _enough_approvals(
    store: Store, settings: Settings, digest: str, document: Mapping[str, Any], now: datetime
) -> tuple[str, ...]:
    """The names of those who approved. Raises ApprovalRefused while one is missing."""
    left, given = missing(plans.approvals(store, digest), digest, document, settings, now)
    if left:
        by = f" (given by {', '.join(given)})" if given else ""
        raise ApprovalRefused(
            f"The plan needs {document['approvals']} approvals; {left} missing{by}.",
            safe="nothing was started",
            next=f"revoker approve {digest[:12]}",
        )
    return given
