"""The target of a credential that we suspended ourselves: it can prove nothing any more, but its suspension can.

While it was live the target was bound, and an approved run suspended that very id. The id is bound again when the
authority sees that it is suspended now. Anything less, and a person has to look.
"""

from __future__ import annotations

from dataclasses import replace

from revoker.errors import RevokerError
from revoker.model import Bound, Credential, Effect, Status, Unbound
from revoker.runs.facts import Bindings
from revoker.sdk.asking import Reader
from revoker.sdk.shapes import Action, Kind
from revoker.store.credentials import CredentialRow
from revoker.store.database import Store
from revoker.suspended import Suspension, suspensions

NEXT = (Effect.REVOKE, Effect.RESTORE, Effect.END_SESSIONS)


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
