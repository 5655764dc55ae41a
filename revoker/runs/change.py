"""Steps that suspend, restore, revoke or end sessions: bind again, intent, one call, outcome.

A call whose answer was lost is looked at through a Reader before anything is sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revoker.errors import ActionFailed, NotBound, OutcomeUnknown, Parked, RevokerError
from revoker.model import Bound, Effect, Issued, Receipt, Unbound, Validity
from revoker.runs import prove, shared
from revoker.runs import work as w
from revoker.runs.crashpoints import reach
from revoker.runs.work import DONE, Done, Turn
from revoker.sdk.asking import Reader
from revoker.sdk.shapes import Action
from revoker.store import credentials as rows_of

if TYPE_CHECKING:
    from revoker.egress.http import Pool

MOST_TRIES = 3  # calls that go out for one step before a person looks at it
KILLS = (Effect.REVOKE, Effect.SUSPEND)


def change(turn: Turn) -> Done:
    """Do one change, exactly one time as far as anybody can tell."""
    return turn.ask(lambda pool: _change(turn, pool))


async def _change(turn: Turn, pool: Pool) -> Done:
    action = w.planned_action(turn)
    reader = turn.reader(pool)
    if w.was_called(turn.past()):
        seen = await in_effect(turn, action, pool)
        if seen is None:
            raise Parked(f"Whether {action.id} is in effect cannot be told now.", next="revoker resume looks again")
        if seen:
            return _record(turn, action, {"already": False, "detail": "seen in effect after its answer was lost"})
    target = await w.rebound(turn, action, reader)
    if isinstance(target, Unbound):
        return await _refused_already(turn, action, target, pool)
    turn.intend(action, target.target)
    try:
        receipt = await call(turn, pool, action, target)
    except OutcomeUnknown as error:
        return await _after_lost_answer(turn, action, pool, error)
    except ActionFailed as error:
        refused(turn, target.target, error)
        raise
    return _record(turn, action, receipt_data(receipt))


async def call(turn: Turn, pool: Pool, action: Action, target: Bound, chosen: Issued | None = None) -> Receipt:
    """The one changing call. Whatever is not our own error counts as a lost answer."""
    from revoker.egress.http import writer

    api = writer(
        pool,
        turn.provider,
        target,
        mark=turn.mark,
        chosen=chosen,
        allow=turn.allow,
        still=turn.still,
        turn=lambda: shared.place(turn),
    )
    try:
        receipt = await action.run(target, api)
    except RevokerError:
        raise
    except Exception as error:  # noqa: BLE001 - a provider file's bug after sending is a lost answer too
        raise OutcomeUnknown(f"{action.id} ended with {type(error).__name__}.", fingerprint=turn.run.fingerprint) from None
    reach(f"{turn.step['id']}: after call")
    return receipt


async def in_effect(turn: Turn, action: Action, pool: Pool) -> bool | None:
    """Whether a change is in effect: by the action's own observer, else by what the credential's check says."""
    reader = turn.reader(pool)
    if action.observe is not None:
        return await _observed(action, w.planned_bound(turn), reader)
    if action.effect is Effect.END_SESSIONS:
        return False  # it can be done twice without harm
    verdict = await turn.kind.verify(turn.credential, reader)
    if verdict.validity not in (Validity.LIVE, Validity.DEAD):
        return None
    return (verdict.validity is Validity.DEAD) is (action.effect in KILLS)


def refused(turn: Turn, target: str, error: ActionFailed) -> None:
    """The provider said no, definitively: nothing is in doubt any more, and nothing was changed."""
    if w.was_called(turn.past()):
        turn.settle({"result": "refused", "target": target, "why": error.message})


def receipt_data(receipt: Receipt) -> dict[str, Any]:
    """What the journal keeps of a receipt: no secret is in it."""
    seen = receipt.evidence
    return {
        "already": receipt.already,
        "detail": receipt.detail,
        "evidence": {"host": seen.host, "status": seen.status, "code": seen.code, "at": seen.at.isoformat()} if seen else None,
    }


async def _observed(action: Action, target: Bound, reader: Reader) -> bool | None:
    try:
        return await action.observe(target, reader) if action.observe else None
    except RevokerError:
        return None


async def _after_lost_answer(turn: Turn, action: Action, pool: Pool, error: OutcomeUnknown) -> Done:
    seen = await in_effect(turn, action, pool)
    if seen:
        return _record(turn, action, {"already": False, "detail": "seen in effect after its answer was lost"})
    if turn.tries() < MOST_TRIES:
        return Done("running", error.message, sleep=2.0 * turn.tries())
    raise Parked(f"{error.message} {turn.tries()} calls went out.", next="revoker resume looks at the state, then tries again")


async def _refused_already(turn: Turn, action: Action, target: Unbound, pool: Pool) -> Done:
    """No target binds: fine when the credential is refused already, since there is nothing to take away any more."""
    if action.effect in KILLS:
        verdict = await turn.kind.verify(turn.credential, turn.reader(pool))
        if verdict.validity is Validity.DEAD:
            prove.record(turn, verdict)
            turn.settle({"result": "done", "target": turn.step["target"], "already": True, "detail": "refused before we acted"})
            return DONE
    raise NotBound(
        f"{action.id} has no proven target any more: {target.reason} {target.detail}".rstrip() + ".",
        fingerprint=turn.run.fingerprint,
        safe="nothing was sent",
        next="revoker plan, and approve the new one",
    )


def _record(turn: Turn, action: Action, data: dict[str, Any]) -> Done:
    rows_of.record_change(
        turn.work.store, turn.run.fingerprint, action.effect, turn.now, residual=w.outlives(turn, action), held=turn.held
    )
    reach(f"{turn.step['id']}: recorded")
    turn.settle({"result": "done", "action": action.id, "effect": action.effect.value, "target": turn.step["target"], **data})
    return DONE
