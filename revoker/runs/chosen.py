"""`issue` where we choose the value (a database password): it stands in Vault before it is set.

So it cannot be lost. If the provider refuses it, Vault gets back what stood there before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revoker import secrets
from revoker.errors import ActionFailed, NotBound, OutcomeUnknown, Parked
from revoker.model import Bound, Credential, Issued, Unbound, Validity
from revoker.runs import change, prove, vaulting
from revoker.runs import work as w
from revoker.runs.crashpoints import reach
from revoker.runs.destination import Place, fingerprint_at, may_write, secret_at
from revoker.runs.work import Done, Turn
from revoker.sdk.shapes import Action


def set_chosen(turn: Turn, action: Action, place: Place) -> Done:
    """Store a chosen value, set it, and settle; or go on where an interrupted try stopped."""
    past = turn.past()
    plan = next((row.data for row in reversed(past) if "chosen" in row.data), None)
    if plan is not None and fingerprint_at(turn, place.before, place.fields) == plan["fingerprint"]:
        issued = _from_vault(place, plan)
        if w.was_called(past) and _works(turn, issued, plan):
            return vaulting.stored(turn, action, place, _made(plan), place.version)
        target = _target(turn, action)
        return _set(turn, action, place, target=target, issued=issued, plan=plan)
    may_write(turn, place)
    target = _target(turn, action)
    turn.intend(action, target.target, version=place.version)
    issued, plan = _choose(turn, action, target)
    vaulting.write(turn, place, issued, plan["fingerprint"])
    return _set(turn, action, place, target=target, issued=issued, plan=plan)


def _set(turn: Turn, action: Action, place: Place, *, target: Bound, issued: Issued, plan: Mapping[str, Any]) -> Done:
    try:
        turn.ask(lambda pool: change.call(turn, pool, action, target, issued))
    except ActionFailed as error:
        _give_back(turn, place, plan, error)
        raise
    except OutcomeUnknown:
        if not _works(turn, issued, plan):
            if turn.tries() < change.MOST_TRIES:
                return Done("running", "the answer to the change was lost; it is not in effect", sleep=1.0)
            raise
    found = place.vault.read(place.path)
    if fingerprint_at(turn, found, place.fields) != plan["fingerprint"] or found is None:
        raise Parked(f"{place.path} was written by somebody else while the value was set.", next="store the new value there")
    return vaulting.stored(turn, action, place, _made(plan), found.version)


def _choose(turn: Turn, action: Action, target: Bound) -> tuple[Issued, Mapping[str, Any]]:
    if action.choose is None:
        raise ActionFailed(f"{action.id} chooses no value.")
    issued = action.choose(target)
    fingerprint = secrets.fingerprint(turn.work.store.keys, turn.kind.id, issued.secret)
    plan = {"chosen": issued.target, "fingerprint": fingerprint, "parts": dict(issued.parts)}
    turn.write("observed", plan)
    reach(f"{turn.step['id']}: chosen")
    return issued, plan


def _target(turn: Turn, action: Action) -> Bound:
    target = turn.ask(lambda pool: w.rebound(turn, action, turn.reader(pool)))
    if isinstance(target, Unbound):
        raise NotBound(f"{action.id} has no proven target any more: {target.reason}.", safe="nothing was sent")
    return target


def _works(turn: Turn, issued: Issued, plan: Mapping[str, Any]) -> bool:
    """True when the new value is accepted, False when the old one still is. Raises Parked when neither is sure."""
    new = Credential(turn.kind.id, plan["fingerprint"], issued.secret, {**turn.credential.parts, **issued.parts}, {})
    if prove.check(turn, new).validity is Validity.LIVE:
        return True
    if prove.check(turn, turn.credential).validity is Validity.LIVE:
        return False
    raise Parked(
        "Whether the new value is in effect cannot be told now.",
        fingerprint=turn.run.fingerprint,
        safe="the new value stands in Vault",
        next="revoker resume looks again",
    )


def _from_vault(place: Place, plan: Mapping[str, Any]) -> Issued:
    return Issued(plan["chosen"], secret_at(place), dict(plan["parts"]))


def _made(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"made": plan["chosen"], "fingerprint": plan["fingerprint"], "parts": plan["parts"]}


def _give_back(turn: Turn, place: Place, plan: Mapping[str, Any], error: ActionFailed) -> None:
    """The provider refused the value: Vault gets back what stood there, when we still know what that was."""
    found = place.vault.read(place.path)
    ours = fingerprint_at(turn, found, place.fields) == plan["fingerprint"]
    if place.before is not None and fingerprint_at(turn, place.before, place.fields) == plan["fingerprint"]:
        raise Parked(
            f"The provider refused the value that stands at {place.path}: {error.message}",
            safe="the old value is still in effect",
            next="put the old value back there, then revoker cancel",
        )
    if ours and found is not None:
        if place.before is not None:
            place.vault.write(place.path, place.before.tree, found.version)
            if found.engine == 1:
                place.vault.destroy(place.path, [])  # the copy
        elif found.engine == 1:
            place.vault.remove(place.path)
        else:
            place.vault.destroy(place.path, [found.version])
    turn.settle({"result": "refused", "target": plan["chosen"], "why": error.message})
