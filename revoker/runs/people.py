"""Steps without a change at the provider: a person acts, a wait, a message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from revoker import audit
from revoker.errors import UsageError
from revoker.runs import by_hand, destination, prove
from revoker.runs.work import DONE, Done, Turn
from revoker.store import events, picking
from revoker.store import runs as run_rows
from revoker.store.database import Store

ASK_AGAIN = timedelta(hours=1)


def guide(turn: Turn) -> Done:
    """Tell a person what to do, and go on when the provider or Vault shows that it is done, or the person says so.

    Of a suspended one only the provider's record shows it: see by_hand.py.
    """
    past = turn.past()
    said = next((row.data["confirmed_by"] for row in past if "confirmed_by" in row.data), None)
    suspended = by_hand.is_suspended(turn)
    seen = by_hand.look(turn) if suspended else {}
    if said is None and not past:
        _tell(turn, "guide", {"manual": turn.step.get("manual"), "why": turn.step.get("why", "")})
        turn.write("intent", {"told": True, by_hand.SEEN: seen})
    if by_hand.is_revoked(turn, past, seen) if suspended else said is not None or _shown(turn):
        turn.settle({"result": "done", "confirmed_by": said, "shown": said is None or suspended})
        return DONE
    turn.write("observed", {"until": (turn.now + ASK_AGAIN).isoformat(), by_hand.SEEN: seen})
    if said is not None:
        return Done("waiting", f"{said} says that it is revoked: it stays contained until its provider's record shows it")
    return Done("waiting", f"waits for a person: {_what(turn)}")


def confirm(store: Store, run_id: str, step_id: str, *, who: str, now: datetime) -> None:
    """Record that a person says a guided step is done. Raises UsageError when the run does not wait for that step."""
    run = run_rows.get_run(store, run_id)
    if run.state != "waiting" or run.step != step_id:
        raise UsageError(f"Run {run_id} does not wait for a person at {step_id}; it is {run.state} at {run.step}.")
    audit.append(store, "confirmed", {"run": run_id, "step": step_id, "by": who}, now)
    run_rows.append_journal(store, run_id, step_id, "observed", None, {"confirmed_by": who}, now)
    picking.make_due(store, run_id, now)


def wait(turn: Turn) -> Done:
    """Wait until the time that was written down when the wait began."""
    past = turn.past()
    if past:
        until = datetime.fromisoformat(past[0].data["until"])
    else:
        until = turn.now + timedelta(seconds=turn.step["seconds"])
        turn.write("intent", {"until": until.isoformat()})
    left = (until - turn.now).total_seconds()
    if left <= 0:
        turn.settle({"result": "done"})
        return DONE
    if timedelta(seconds=left) <= turn.work.inline:
        return Done("running", "waits", sleep=left)
    return Done("waiting", f"waits until {until:%Y-%m-%d %H:%M} UTC")


def notify(turn: Turn) -> Done:
    """Put a message in the outbox; who hears it, and when, does not hold up the run."""
    _tell(turn, "notify", {"to": turn.step["to"], "consumers": turn.step["consumers"], "whom": turn.step["whom"]})
    turn.settle({"result": "done"})
    return DONE


def _shown(turn: Turn) -> bool:
    """True when the world itself shows that the person has acted."""
    instead_of = turn.step.get("instead_of")
    if instead_of == "issue":
        place = destination.open_place(turn) if turn.step.get("destination") else None
        found = destination.fingerprint_at(turn, place.before, place.fields) if place is not None else None
        return found is not None and found != turn.run.fingerprint
    if instead_of in ("revoke", "suspend") or by_hand.proof_follows(turn):
        return prove.is_refused(turn)
    return False


def _what(turn: Turn) -> str:
    manual = turn.step.get("manual") or {}
    return f"{turn.step.get('instead_of') or turn.step['id']} by hand at {manual.get('url', 'the provider')}"


def _tell(turn: Turn, kind: str, more: Mapping[str, Any]) -> None:
    facts = {"fingerprint": turn.run.fingerprint, "kind": turn.kind.id, "incident": turn.entry["incident"], "run": turn.run.id}
    events.emit(turn.work.store, kind, {**facts, "step": turn.step["id"], "note": turn.step["note"], **more}, turn.now)
