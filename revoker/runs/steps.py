"""One step of one run: which one is next, done under a lease on its credential, and what its ending means.

Our own journal decides what is done; the durable engine only makes sure that somebody goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from revoker import catalog
from revoker.errors import (
    ActionFailed,
    AuditError,
    AuthorityError,
    NotBound,
    OutcomeUnknown,
    Parked,
    Postponed,
    RevokerError,
)
from revoker.log import get_logger
from revoker.runs import change, digests, handover, issue, moved, old_versions, people, prove, reconcile, signal
from revoker.runs.crashpoints import reach
from revoker.runs.work import Done, Turn, Work
from revoker.store import credentials as rows_of
from revoker.store import plans, switches
from revoker.store import runs as run_rows
from revoker.store.database import Store
from revoker.store.runs import JournalRow, RunRow

LEASE = timedelta(minutes=3)  # on SQLite: longer than a step takes
BUSY = 5.0  # seconds until a credential that another run holds is tried again

log = get_logger(__name__)

HANDLERS: Mapping[str, Callable[[Turn], Done]] = {
    "issue": issue.issue,
    "suspend": change.change,
    "restore": change.change,
    "revoke": change.change,
    "end_sessions": change.change,
    "verify": prove.look,
    "prove": prove.prove,
    "wait": people.wait,
    "guide": people.guide,
    "notify": people.notify,
    "hand_over": handover.hand_over,
    "destroy_old_versions": old_versions.destroy_old_versions,
    "retire": reconcile.retire,
    "signal": signal.signal,
    "moved": moved.moved,
}


def advance(work: Work, run_id: str) -> Done:
    """Do the next step of a run. Gives the run's state, and the seconds to sleep while it goes on."""
    if work.pulse is not None and work.pulse.is_over():
        return Done("lost", "another worker has it")
    run = run_rows.get_run(work.store, run_id)
    if run.state in run_rows.ENDED:
        return Done(run.state, run.message)
    if work.stopping.is_set():
        return _say(work, run, run.step, Done("ready", "given back when its worker ended"))
    try:
        return _advance(work, run)
    except Exception as error:  # noqa: BLE001 - a bug of ours must park the run, and its text could hold a secret
        log.error("step_crashed", run=run_id, step=run.step, error=type(error).__name__)  # noqa: TRY400 - as above
        message = _words(error) if isinstance(error, RevokerError) else f"Our bug: {type(error).__name__}."
        return _say(work, run_rows.get_run(work.store, run_id), run.step, Done("parked", message))


def _advance(work: Work, run: RunRow) -> Done:
    if stop := switches.told(work.store):
        said = f"The kill switch is on ({stop}); revoker start, then revoker resume."
        return _say(work, run, run.step, Done("parked", said))
    entry = planned_entry(work.store, run)
    step = next_step(entry, run_rows.journal(work.store, run.id))
    if step is None:
        return _say(work, run, run.step, Done("done", "all steps are done"))
    fence = run_rows.claim(work.store, run.fingerprint, run.id, work.owner, work.clock(), work.lease)
    if fence is None:
        return Done("running", "another run works on this credential", sleep=BUSY)
    try:
        return _take(work, run, entry, step, fence)
    finally:
        run_rows.release(work.store, run.fingerprint, fence)


def planned_entry(store: Store, run: RunRow) -> Mapping[str, Any]:
    """The run's part of its plan. Raises RevokerError when the plan is not the approved one any more."""
    plan = plans.load_plan(store, run.plan_digest)
    if digests.digest(plan.document) != run.plan_digest or plan.digest != run.plan_digest:
        raise RevokerError(f"The plan of run {run.id} was changed after its approval.", safe="nothing was sent")
    return next(entry for entry in plan.document["credentials"] if entry["fingerprint"] == run.fingerprint)


def next_step(entry: Mapping[str, Any], journal: list[JournalRow]) -> Mapping[str, Any] | None:
    """The first step without a good outcome; None when all have one."""
    done = {row.step for row in journal if row.phase == "outcome" and row.data.get("result") == "done"}
    return next((step for step in entry["steps"] if step["id"] not in done), None)


def is_due(store: Store, run_id: str, now: datetime) -> bool:
    """True when a waiting run has waited long enough, or was told that a person is done."""
    until = due_at(store, run_id)
    return until is None or until <= now


def due_at(store: Store, run_id: str) -> datetime | None:
    """When a waiting run may go on; None when nothing says so: then at once."""
    rows = run_rows.journal(store, run_id)
    last = next((row for row in reversed(rows) if "until" in row.data or "confirmed_by" in row.data), None)
    return datetime.fromisoformat(last.data["until"]) if last is not None and "until" in last.data else None


def _take(work: Work, run: RunRow, entry: Mapping[str, Any], step: Mapping[str, Any], fence: int) -> Done:
    _say(work, run, step["id"], Done("running", ""), fence)
    reach(f"{step['id']}: begin")
    try:
        done = HANDLERS[step["do"]](_turn(work, run, entry, step, fence))
    except (Parked, Postponed, AuthorityError, AuditError, OutcomeUnknown) as error:
        done = Done("parked", _words(error))
    except (ActionFailed, NotBound) as error:
        done = Done("failed", _words(error))
    except RevokerError as error:
        done = Done("parked", _words(error))
    log.info("step", run=run.id, step=step["id"], state=done.state)
    if done.state == "done":
        return Done("running", sleep=0)
    return _say(work, run, step["id"], done, fence)


def _turn(work: Work, run: RunRow, entry: Mapping[str, Any], step: Mapping[str, Any], fence: int) -> Turn:
    kind = catalog.kinds()[entry["kind"]]
    provider = catalog.provider_of(kind.id)
    if digests.definition(provider.id) != entry["definition"]:
        raise NotBound(
            f"The definition of {provider.title} has changed since the plan was approved.",
            safe="nothing was sent",
            next="revoker plan, and approve the new one",
        )
    return Turn(work, run, entry, step, fence, provider, kind, rows_of.unseal_credential(work.store, run.fingerprint))


def _words(error: RevokerError) -> str:
    """An error as one line of a table."""
    return "; ".join(error.diagnostics().splitlines())


def _say(work: Work, run: RunRow, step: str, done: Done, fence: int | None = None) -> Done:
    """Keep the run's state, unless a person cancelled it meanwhile or another worker has it."""
    if run_rows.get_run(work.store, run.id).state == "cancelled":
        return Done("cancelled", "cancelled by a person")
    now = work.clock()
    due = (due_at(work.store, run.id) or now) if done.state == "waiting" else None
    run_rows.set_run(work.store, run.id, done.state, step, done.message, now, owner=work.owner, fence=fence, due=due)
    return done


__all__ = ["HANDLERS", "Work", "advance", "is_due", "next_step", "planned_entry"]
