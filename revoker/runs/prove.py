"""Steps that look: the new one works, the old one is refused, and the proof that it is dead."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from revoker import verify
from revoker.errors import Parked
from revoker.model import SUSPENDED_BY_US, Credential, Effect, Status, Validity, Verdict
from revoker.runs import destination
from revoker.runs.work import DONE, Done, Turn
from revoker.store import credentials as rows_of
from revoker.store.credentials import Selection

if TYPE_CHECKING:
    from revoker.egress.http import Pool
    from revoker.store.credentials import CredentialRow

ASK_AGAIN = timedelta(hours=1)
PATIENCE = timedelta(seconds=30)  # the least time that a new credential gets to begin to work
SOON = 2.0  # seconds between looks at something that needs a moment to come into effect


def look(turn: Turn) -> Done:
    """`verify`: expect a credential to be live or dead, and give it the provider's propagation window to become so.

    Right after a suspension, one that the provider's record shows as suspended by us is as good as refused.
    """
    cred = destination.new_credential(turn) if turn.step["of"] == "new" else turn.credential
    verdict = check(turn, cred)
    if turn.step["of"] == "old":
        record(turn, verdict)
    if verdict.validity.value == turn.step["expect"] or (turn.step["expect"] == "dead" and is_contained(turn, verdict)):
        turn.settle({"result": "done", "validity": verdict.validity.value, "reason": verdict.reason})
        return DONE
    started = _since(turn)
    if turn.now - started < max(_window(turn), PATIENCE):
        return later(turn, turn.now + timedelta(seconds=SOON), f"it is {verdict.validity} yet ({verdict.reason})")
    which = "The new one" if turn.step["of"] == "new" else "It"
    raise Parked(
        f"{which} is {verdict.validity} ({verdict.reason}), not {turn.step['expect']}.",
        fingerprint=turn.run.fingerprint,
        safe="the steps after this one were not begun",
        next="look at the provider, then revoker resume",
    )


def prove(turn: Turn) -> Done:
    """`prove`: refused as often and over as long as the provider's propagation window asks."""
    row = row_of(turn)
    if row.status is not Status.DEAD and _is_due(row, turn.now):
        record(turn, check(turn, turn.credential))
        row = row_of(turn)
    if row.status is Status.DEAD:
        turn.settle({"result": "done", "refusals": row.refusals, "dead_at": row.dead_at.isoformat() if row.dead_at else None})
        return DONE
    due = row.next_check_at or turn.now + ASK_AGAIN
    if row.validity is Validity.LIVE and row.acked_at is not None and turn.now - row.acked_at > _window(turn) + turn.work.inline:
        due = max(due, turn.now + ASK_AGAIN)  # still accepted, long after the change: a person should look
    return later(turn, due, f"{row.status}: {row.refusals} refusals so far, {row.validity} at the last look ({row.reason})")


def check(turn: Turn, cred: Credential) -> Verdict:
    """Ask the provider once about a credential; of the leaked one the answer is worth what it is worth in a sweep."""
    return turn.ask(lambda pool: _check(turn, pool, cred))


async def _check(turn: Turn, pool: Pool, cred: Credential) -> Verdict:
    if cred is not turn.credential:
        return await verify.check(pool, turn.kind, cred)
    return await verify.ask(pool, turn.work.store, turn.work.settings, row_of(turn), kind=turn.kind, cred=cred)


def is_contained(turn: Turn, verdict: Verdict) -> bool:
    """True for a suspended one while a suspension is the last that this run did to it: after a revocation it must be refused."""
    steps = turn.entry["steps"]
    before = [step["do"] for step in steps[: [step["id"] for step in steps].index(turn.step["id"])]]
    touched = [do for do in before if do in (Effect.SUSPEND, Effect.RESTORE, Effect.REVOKE, "guide")]
    return verdict.reason == SUSPENDED_BY_US and touched[-1:] == [Effect.SUSPEND]


def record(turn: Turn, verdict: Verdict) -> None:
    """Keep a verdict on the leaked credential in its history."""
    windows = verify.windows(turn.work.settings)
    rows_of.record_verdicts(turn.work.store, [(turn.run.fingerprint, verdict)], turn.now, windows, turn.held)


def row_of(turn: Turn) -> CredentialRow:
    """The leaked credential's row as it is now."""
    return rows_of.select(turn.work.store, Selection(fingerprint=(turn.run.fingerprint,)))[0]


def is_refused(turn: Turn) -> bool:
    """Ask once, keep the answer, and say whether it was a definitive refusal."""
    verdict = check(turn, turn.credential)
    record(turn, verdict)
    return verdict.validity is Validity.DEAD


def _window(turn: Turn) -> timedelta:
    return verify.windows(turn.work.settings)[turn.kind.id].window


def _is_due(row: CredentialRow, now: datetime) -> bool:
    """Due by its time, or not refused once since it was last accepted or changed."""
    return row.next_check_at is None or row.next_check_at <= now or row.refusals == 0


def _since(turn: Turn) -> datetime:
    """When this step first looked; its first look is written down."""
    past = turn.past()
    if not past:
        turn.write("intent", {"looking": True})
        return turn.now
    return past[0].at


def later(turn: Turn, due: datetime, message: str) -> Done:
    """Look again then. Sleep here for a short while; end the run as `waiting` when it would be a long one."""
    seconds = max(0.05, (due - turn.now).total_seconds())
    if timedelta(seconds=seconds) <= turn.work.inline:
        return Done("running", message, sleep=seconds)
    turn.write("observed", {"until": due.isoformat()})
    return Done("waiting", message)
