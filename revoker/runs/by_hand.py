"""A suspended credential that a person revokes by hand: what of it can be believed.

It is refused already, so that its refusals show nothing, and neither does the person's word. What shows it is a change: the action that
would have revoked it looks at the provider's record and saw it *not* in effect while it was suspended, and sees it in effect now. An
observer that cannot tell a suspended one from a revoked one said *in effect* before as well, and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from revoker.errors import RevokerError
from revoker.model import Effect, Status
from revoker.runs import prove
from revoker.runs.remembered import is_alike
from revoker.store import credentials as rows_of
from revoker.suspended import Suspension, suspensions

if TYPE_CHECKING:
    from revoker.egress.http import Pool
    from revoker.runs.work import Turn
    from revoker.store.runs import JournalRow

SEEN = "revoked"  # in the journal: action -> whether its observer saw the revocation in effect


def is_suspended(turn: Turn) -> bool:
    """True while this step asks a person to revoke what is only suspended."""
    by_hand = turn.step.get("instead_of") == "revoke" or ("instead_of" not in turn.step and proof_follows(turn))
    return by_hand and prove.row_of(turn).status is Status.CONTAINED


def look(turn: Turn) -> dict[str, bool | None]:
    """What each revoking action of the kind sees now of the one that was suspended; None where nobody can tell."""
    last = next(suspensions(turn.work.store, turn.run.fingerprint, turn.kind, turn.credential), None)
    return {} if last is None else turn.ask(lambda pool: _look(turn, pool, last))


async def _look(turn: Turn, pool: Pool, last: Suspension) -> dict[str, bool | None]:
    reader, seen = turn.reader(pool), dict[str, bool | None]()
    for action in turn.kind.actions:
        if action.effect is Effect.REVOKE and action.observe is not None and is_alike(action, last):
            try:
                seen[action.id] = await action.observe(last.target, reader)
            except RevokerError:
                seen[action.id] = None
    return seen


def is_revoked(turn: Turn, past: Sequence[JournalRow], now: Mapping[str, bool | None]) -> bool:
    """Whether a look that once saw no revocation sees it now, and the credential is refused still. If so, the proof of death begins.

    From here on its refusals over the whole window are the proof, as after a revocation of our own.
    """
    before = {name for row in past for name, seen in _noted(row).items() if seen is False}
    if not any(now.get(name) for name in before) or not prove.is_refused(turn):
        return False
    lasts = max((rest.lasts for rest in turn.kind.residual if rest.lasts is not None), default=None)
    rows_of.record_change(
        turn.work.store, turn.run.fingerprint, Effect.REVOKE, turn.now, residual=lasts, held=turn.held, acked=False
    )
    return True


def _noted(row: JournalRow) -> Mapping[str, bool | None]:
    noted: Mapping[str, bool | None] = row.data.get(SEEN) or {}
    return noted


def proof_follows(turn: Turn) -> bool:
    """True for a step right before the proof of death."""
    steps = turn.entry["steps"]
    at = [step["id"] for step in steps].index(turn.step["id"])
    return at + 1 < len(steps) and steps[at + 1]["do"] == "prove"
