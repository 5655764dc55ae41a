"""Create-and-store, as one step: made at the provider, written to Vault with check-and-set, read back.

The order depends on who makes the value. A provider's value exists before it can be stored, so a new credential that
cannot be stored is revoked again, or goes on the orphan list with its id. A value that we choose is stored first.
A step is done at least once: before anything is made, what an interrupted try left behind is looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revoker import secrets
from revoker.errors import ActionFailed, NotBound, OutcomeUnknown, Parked, RevokerError
from revoker.model import Bound, Issued, Unbound
from revoker.runs import change, chosen, lost, vaulting
from revoker.runs import work as w
from revoker.runs.crashpoints import reach
from revoker.runs.destination import Place, fingerprint_at, may_write, open_place
from revoker.runs.work import Done, Turn
from revoker.sdk.shapes import Action


def issue(turn: Turn) -> Done:
    """Make a new credential and store it, once."""
    action = w.planned_action(turn)
    place = open_place(turn)
    if action.choose is not None:
        return chosen.set_chosen(turn, action, place)
    past = turn.past()
    if w.was_called(past):
        made = next((row.data for row in reversed(past) if "made" in row.data), None)
        if made is None:
            return lost.look_for(turn, action)
        if fingerprint_at(turn, place.before, place.fields) == made["fingerprint"]:
            return vaulting.stored(turn, action, place, made, place.version)
        lost.retire(turn, made["made"], None)
        return _settled_lost(turn, made["made"])
    return _make(turn, action, place)


def _make(turn: Turn, action: Action, place: Place) -> Done:
    may_write(turn, place)
    target = bound_for_issue(turn, action)
    before = turn.ask(lambda pool: lost.listed_before(turn, action, target, turn.reader(pool)))
    turn.intend(action, target.target, siblings=None if before is None else [s.target for s in before], version=place.version)
    try:
        receipt = turn.ask(lambda pool: change.call(turn, pool, action, target))
    except ActionFailed as error:
        change.refused(turn, target.target, error)
        raise
    if receipt.issued is None:
        raise ActionFailed(f"{action.id} gave no new credential.", fingerprint=turn.run.fingerprint)
    made = note_made(turn, receipt.issued)
    try:
        version = vaulting.write(turn, place, receipt.issued, made["fingerprint"])
    except OutcomeUnknown:
        lost.list_orphan(turn, made["made"], "made, and perhaps stored: Vault's answer was lost")
        raise
    except RevokerError as error:
        lost.retire(turn, made["made"], receipt.issued)
        turn.settle({"result": "retired", "target": made["made"], "why": error.message})
        raise Parked(
            f"Vault did not take the new one: {error.message}",
            fingerprint=turn.run.fingerprint,
            safe="the new one was revoked again; the old one was not touched",
            next=error.next or "revoker resume makes another one",
        ) from None
    return vaulting.stored(turn, action, place, made, version)


def bound_for_issue(turn: Turn, action: Action) -> Bound:
    """The place where the new one is made, bound again. Raises NotBound."""
    target = turn.ask(lambda pool: w.rebound(turn, action, turn.reader(pool)))
    if isinstance(target, Unbound):
        raise NotBound(f"{action.id} has no proven target any more: {target.reason}.", safe="nothing was sent")
    return target


def note_made(turn: Turn, issued: Issued) -> Mapping[str, Any]:
    """Write down that a new credential exists: its id and fingerprint, never its value."""
    fingerprint = secrets.fingerprint(turn.work.store.keys, turn.kind.id, issued.secret)
    made = {"made": issued.target, "fingerprint": fingerprint, "parts": dict(issued.parts)}
    turn.write("observed", made)
    reach(f"{turn.step['id']}: made")
    return made


def _settled_lost(turn: Turn, target: str) -> Done:
    turn.settle({"result": "retired", "target": target, "why": "its value was lost before it was stored"})
    return Done("running", "an interrupted try was cleaned up", sleep=0)
