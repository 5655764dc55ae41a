"""The target of a credential that we suspended ourselves: it can prove nothing any more, but its suspension can.

While it was live the target was bound, and an approved run suspended that very id. The id is bound again when the
authority sees that it is suspended now. Anything less, and a person has to look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from revoker.errors import RevokerError
from revoker.model import Bound, Credential, Effect, Proof, Status, Unbound
from revoker.runs.facts import Bindings
from revoker.sdk.asking import Reader
from revoker.sdk.shapes import Action, Kind
from revoker.store import plans
from revoker.store import runs as run_rows
from revoker.store.credentials import CredentialRow
from revoker.store.database import Store

NEXT = (Effect.REVOKE, Effect.RESTORE, Effect.END_SESSIONS)


@dataclass(frozen=True, slots=True)
class Suspension:
    """One suspension that the provider acknowledged."""

    run_id: str
    action: Action
    target: Bound


async def with_remembered(
    found: Bindings, store: Store, row: CredentialRow, *, kind: Kind, cred: Credential, reader: Reader
) -> Bindings:
    """The same bindings, with the suspended target where a contained credential cannot be bound by itself any more."""
    lost = [a for a in kind.actions if a.effect in NEXT and a.by == "authority" and _cannot_say(found.get(a.id))]
    if row.status is not Status.CONTAINED or not lost:
        return found
    last = next(suspensions(store, row.fingerprint, kind, cred), None)
    lost = [action for action in lost if last is not None and is_alike(action, last)]
    target = await _still_suspended(last, reader) if last is not None and lost else None
    return found if target is None else {**found, **dict.fromkeys((action.id for action in lost), target)}


def is_alike(action: Action, last: Suspension) -> bool:
    """True for an action that binds as the suspension did. The target of any other is another thing: a user's name, not a key's id."""
    return action.bind is last.action.bind


def _cannot_say(target: Bound | Unbound | None) -> bool:
    return isinstance(target, Unbound) and target.reason in ("no_match", "refused")


async def _still_suspended(last: Suspension, reader: Reader) -> Bound | None:
    """The target of the last suspension, if the authority sees it suspended now."""
    if last.action.observe is None:
        return None
    try:
        seen = await last.action.observe(last.target, reader)
    except RevokerError:
        return None
    return replace(last.target, how=f"bound when {last.run_id} suspended it, and seen suspended now") if seen else None


def suspensions(store: Store, fingerprint: str, kind: Kind, cred: Credential) -> Iterator[Suspension]:
    """What approved runs suspended, as it was planned, to look at it; the newest first."""
    offered = {action.id: action for action in kind.actions if action.effect is Effect.SUSPEND}
    for run in reversed(run_rows.list_runs(store, fingerprint=[fingerprint])):
        document = plans.load_plan(store, run.plan_digest).document
        steps: list[Mapping[str, Any]] = next(
            (e["steps"] for e in document["credentials"] if e["fingerprint"] == fingerprint), []
        )
        done = {row.step for row in run_rows.journal(store, run.id) if _acknowledged(row)}
        for step in (step for step in reversed(steps) if step["id"] in done):
            if step["action"] not in offered:
                return  # what is not offered any more cannot be looked at, and an older one is not what stands now
            target = Bound(cred, step["target"], Proof(step["proof"]), step["how"], step["account"], dict(step["extra"]))
            yield Suspension(run.id, offered[step["action"]], target)


def _acknowledged(row: run_rows.JournalRow) -> bool:
    said = (row.phase, row.data.get("result"), row.data.get("effect"))
    return said == ("outcome", "done", Effect.SUSPEND.value)
