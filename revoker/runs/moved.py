"""`moved`: have the consumers gone over to the new credential? By the provider's record of uses,
Vault's audit log, or a person's word.

In an incident the run goes on at the deadline whatever the answer is, and says so; in a routine it parks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from revoker import audit
from revoker.errors import Parked, RevokerError, UsageError
from revoker.model import Bound
from revoker.runs import destination, prove, readers
from revoker.runs import work as w
from revoker.runs.work import DONE, Done, Turn
from revoker.store import events, picking, plans
from revoker.store import runs as run_rows

if TYPE_CHECKING:
    from revoker.egress.http import Pool
    from revoker.store.database import Store

LOOKS = 12  # within the time that a step gives
OWN = timedelta(minutes=2)  # a use so near to a check of ours is taken for that check


@dataclass(frozen=True, slots=True)
class Uses:
    """When the old and the new one were last used by anybody; None when the provider does not say."""

    old: datetime | None
    new: datetime | None


def moved(turn: Turn) -> Done:
    """Look until the consumers have moved, a person says so, or the time is over."""
    past = turn.past()
    said = next((row.data["confirmed_by"] for row in past if "confirmed_by" in row.data), None)
    if said is not None:
        turn.settle({"result": "done", "moved": True, "confirmed_by": said})
        return DONE
    end = _deadline(turn)
    uses, why = _looked(turn)
    if not why:
        turn.settle({"result": "done", "moved": True, "old_used": _iso(uses.old), "new_used": _iso(uses.new)})
        return DONE
    if turn.now < end:
        pause = timedelta(seconds=turn.step["seconds"]) / LOOKS
        return prove.later(turn, min(end, turn.now + pause), f"its consumers have not moved yet: {why}")
    return _at_the_end(turn, why)


def confirm(store: Store, run_id: str, *, who: str, now: datetime) -> None:
    """Record that a person says the consumers have moved. Raises UsageError when the run does not wait for that."""
    run = run_rows.get_run(store, run_id)
    document = plans.load_plan(store, run.plan_digest).document
    entry: Mapping[str, Any] = next((one for one in document["credentials"] if one["fingerprint"] == run.fingerprint), {})
    step = next((one for one in entry.get("steps", ()) if one["id"] == run.step and one["do"] == "moved"), None)
    if step is None or run.state not in ("waiting", "parked"):
        raise UsageError(f"Run {run.id} does not wait for its consumers; it is {run.state} at {run.step or 'its beginning'}.")
    audit.append(store, "consumers_moved", {"run": run.id, "step": run.step, "by": who}, now)
    run_rows.append_journal(store, run.id, run.step, "observed", None, {"confirmed_by": who}, now)
    picking.make_due(store, run.id, now)


def _at_the_end(turn: Turn, why: str) -> Done:
    names = ", ".join(turn.step["consumers"]) or "nobody is named"
    if turn.step["mode"] != "incident":
        raise Parked(
            f"The consumers ({names}) have not moved: {why}.",
            fingerprint=turn.run.fingerprint,
            safe="the old one still works, the new one stands in Vault",
            next=f"look after them; then revoker resume {turn.run.id} --moved --as NAME",
        )
    facts = {"fingerprint": turn.run.fingerprint, "kind": turn.kind.id, "incident": turn.entry["incident"], "run": turn.run.id}
    events.emit(turn.work.store, "consumers.not_moved", {**facts, "consumers": turn.step["consumers"], "why": why}, turn.now)
    turn.settle({"result": "done", "moved": False, "why": why})
    return DONE


def _deadline(turn: Turn) -> datetime:
    """Written down at the first look, so that a restart does not begin anew."""
    kept = next((row.data["deadline"] for row in turn.past() if "deadline" in row.data), None)
    if kept is None:
        kept = (turn.now + timedelta(seconds=turn.step["seconds"])).isoformat()
        turn.write("intent", {"deadline": kept})
    return datetime.fromisoformat(kept)


def _why_not(turn: Turn, uses: Uses) -> str:
    """Why nothing shows that the consumers moved, or nothing when something does."""
    if uses.old is not None and uses.old > _told_at(turn) and not _is_own(turn, uses.old):
        return f"the old one was used at {uses.old:%Y-%m-%d %H:%M} UTC, after they were told"
    seen = readers.names(turn)
    left = readers.not_read(turn, seen) if seen else []
    if left:
        return f"by Vault's audit log, not read yet by {', '.join(left)}"
    if seen and set(seen) == set(turn.step["consumers"]):
        return ""
    if turn.kind.last_used is None:
        return "the provider tells no last use, and no person has said so"
    return "nobody has used the new one yet" if uses.new is None or uses.new <= _new_checked_at(turn) + OWN else ""


def _looked(turn: Turn) -> tuple[Uses, str]:
    """The uses, and what they and the audit log say. Raises Parked when neither can be read now."""
    try:
        uses = Uses(None, None) if turn.kind.last_used is None else turn.ask(lambda pool: _asked(turn, pool))
        return uses, _why_not(turn, uses)
    except RevokerError as error:
        raise Parked(f"Whether the consumers have moved cannot be told now: {error.message}", next=error.next) from None


async def _asked(turn: Turn, pool: Pool) -> Uses:
    look = turn.kind.last_used
    made = destination.outcome_of_issue(turn)
    if look is None or made is None:
        return Uses(None, None)
    at_issue, reader = _issue_bound(turn), turn.reader(pool)
    old = await look(replace(at_issue, target=_old_target(turn)), reader)
    return Uses(old, await look(replace(at_issue, target=str(made["target"])), reader))


def _issue_bound(turn: Turn) -> Bound:
    step = next(step for step in turn.entry["steps"] if step.get("effect") == "issue")
    return w.planned_bound(replace(turn, step=step))


def _old_target(turn: Turn) -> str:
    ends = (step for step in turn.entry["steps"] if step.get("effect") in ("suspend", "revoke"))
    return str(next(ends, {"target": _issue_bound(turn).target})["target"])


def _told_at(turn: Turn) -> datetime:
    """When the consumers were told; without a signal, when the new one stood in Vault."""
    rows = [row for row in run_rows.journal(turn.work.store, turn.run.id) if row.phase == "outcome"]
    told = [row.at for row in rows if "told" in row.data or "version" in row.data]
    return told[-1]


def _new_checked_at(turn: Turn) -> datetime:
    """When we last used the new one ourselves, to see that it works."""
    checks = {step["id"] for step in turn.entry["steps"] if step["do"] == "verify" and step["of"] == "new"}
    rows = [row.at for row in run_rows.journal(turn.work.store, turn.run.id) if row.step in checks]
    return max(rows, default=_told_at(turn))


def _is_own(turn: Turn, used: datetime) -> bool:
    """True for a use that was our own scheduled check of the old one."""
    checked = prove.row_of(turn).checked_at
    return checked is not None and abs(used - checked) <= OWN


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
