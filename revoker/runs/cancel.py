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
    left = perhaps_made(run_rows.journal(store, id), run.step)
    if left:  # first, since nobody looks at a cancelled run again
        why = "perhaps made: the run was cancelled after its call went out"
        orphans.add_orphan(store, _provider_of(store, run), left, run.fingerprint, id, now, why)
    run_rows.set_run(store, id, "cancelled", run.step, "cancelled by a person", now)
    return left


def perhaps_made(journal: list[JournalRow], step: str) -> str:
    """What an `issue` step left in the air: a call went out for a new credential, and no outcome was written."""
    past = run_rows.unsettled(journal, step)
    if not any("call" in row.data for row in past) or not any("siblings" in row.data for row in past):
        return ""
    return next((str(row.data["made"]) for row in past if "made" in row.data), UNKNOWN)


def _provider_of(store: Store, run: RunRow) -> str:
    entries = plans.load_plan(store, run.plan_digest).document["credentials"]
    return next(str(entry["provider"]) for entry in entries if entry["fingerprint"] == run.fingerprint)
