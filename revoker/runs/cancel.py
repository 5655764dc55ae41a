"""A person cancels a run. What it may have made, and nobody holds, goes on the orphan list."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from revoker import audit
from revoker.errors import UsageError
from revoker.store import orphans, plans
from revoker.store import runs as run_rows

if TYPE_CHECKING:
    from revoker.store.database import Store
    from revoker.store.runs import JournalRow, RunRow

UNKNOWN = "unknown"  # a call went out, and its answer never came to us


def cancel(store: Store, id: str, now: datetime) -> str:
    """Stop a run before its next change. What was done stays done. Raises UsageError when it has ended already.

    Gives the id of a new credential that the run may have left behind (`unknown` when only the provider knows it), or nothing.
    """
    run = run_rows.get_run(store, id)
    if run.state in run_rows.ENDED:
        raise UsageError(f"Run {id} is {run.state} already.")
    audit.append(store, "cancelled", {"run": id, "state": run.state, "step": run.step}, now)
    left = _list_orphan(store, run, now)  # first, since nobody looks at a cancelled run again
    run_rows.set_run(store, id, "cancelled", run.step, "cancelled by a person", now)
    return _list_orphan(store, run, now) or left  # a call may have gone out in between; from here on none does (Turn.wanted)


def _list_orphan(store: Store, run: RunRow, now: datetime) -> str:
    """Put on the orphan list what the run may have made; the same one again changes nothing."""
    left = perhaps_made(run_rows.journal(store, run.id))
    if left:
        why = "perhaps made: the run was cancelled after its call went out"
        orphans.add_orphan(store, _provider_of(store, run), left, run.fingerprint, run.id, now, why)
    return left


def perhaps_made(journal: list[JournalRow]) -> str:
    """What an `issue` step left in the air: a call went out for a new credential, and no outcome was written."""
    for step in dict.fromkeys(row.step for row in journal):
        past = run_rows.unsettled(journal, step)
        if any("call" in row.data for row in past) and any("siblings" in row.data for row in past):
            return next((str(row.data["made"]) for row in past if "made" in row.data), UNKNOWN)
    return ""


def _provider_of(store: Store, run: RunRow) -> str:
    entries = plans.load_plan(store, run.plan_digest).document["credentials"]
    return next(str(entry["provider"]) for entry in entries if entry["fingerprint"] == run.fingerprint)
