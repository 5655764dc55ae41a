"""Taking back what can be taken back: a suspension, while its run has not revoked. After that there is no way back."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from revoker import audit
from revoker.config import Settings
from revoker.errors import ActionFailed, Parked, UsageError
from revoker.model import Effect
from revoker.runs.plan import Plan, make_plan
from revoker.store import canaries
from revoker.store import runs as run_rows
from revoker.store.credentials import Selection

if TYPE_CHECKING:
    from revoker.store.database import Store
    from revoker.store.runs import RunRow

PLAYBOOK = "restore"
PATIENCE = 30.0  # seconds for a step that is under way to end


def undo(store: Store, settings: Settings, run_id: str, *, who: str, why: str, now: datetime) -> Plan:
    """Stop a run, and plan to restore what it suspended; the plan waits for [approvals] restore like any other.

    Raises UsageError without a reason or when it suspended nothing, ActionFailed when it revoked already.
    """
    if not why.strip():
        raise UsageError("Say what broke.", next="add --why TEXT")
    run = run_rows.get_run(store, run_id)
    _check(store, run)
    audit.append(store, "undo", {"run": run.id, "who": who, "why": why, "state": run.state, "step": run.step}, now)
    run_rows.set_run(store, run.id, "cancelled", run.step, f"undone by {who}: {why}", now)
    _wait_for_step(store, run, now)
    _check(store, run)  # the step that was under way may have been the last one
    plan = make_plan(store, settings, Selection(fingerprint=(run.fingerprint,)), playbook=PLAYBOOK, requester=who, now=now)
    if not plan.mutations:
        _check_canary(store, run, now)
        raise Parked(
            "The run was stopped, and no action can restore what it suspended.",
            fingerprint=run.fingerprint,
            next="restore it by hand at the provider; revoker show says where",
        )
    return plan


def _check_canary(store: Store, run: RunRow, now: datetime) -> None:
    """Raise Parked for a canary that is left alone again: nothing is planned for it, not even its way back."""
    from revoker.runs.steps import planned_entry

    if "canary" in planned_entry(store, run) and not canaries.allowed(store, [run.fingerprint], now):
        raise Parked(
            "The run was stopped; the override for this canary has ended, so that it is not restored either.",
            fingerprint=run.fingerprint,
            safe="nothing more was sent",
            next=f"revoker canary allow {run.fingerprint}, then revoker undo once more",
        )


def _check(store: Store, run: RunRow) -> None:
    """Raise unless the run suspended something that it has not taken away for good."""
    done = [row for row in run_rows.journal(store, run.id) if row.phase == "outcome" and row.data.get("result") == "done"]
    effects = {str(row.data.get("effect")): row for row in done}
    gone = effects.get(Effect.REVOKE.value)
    if gone is not None:
        raise ActionFailed(
            f"There is no way back: {gone.data['target']} was revoked at {gone.at:%Y-%m-%d %H:%M} UTC.",
            fingerprint=run.fingerprint,
            safe="nothing was changed by this command",
            next="give its consumers the new one: revoker show says where it stands",
        )
    if _is_called(store, run, Effect.REVOKE):
        raise Parked(
            "A revocation was sent and its answer is not known: whether there is a way back cannot be told yet.",
            fingerprint=run.fingerprint,
            safe="nothing was changed by this command",
            next="revoker resume looks at the provider",
        )
    if Effect.SUSPEND.value not in effects:
        raise UsageError(f"Run {run.id} suspended nothing that could be restored.", next="revoker cancel stops it")


def _is_called(store: Store, run: RunRow, effect: Effect) -> bool:
    """True when a change of that effect went out and has no outcome."""
    from revoker.runs.steps import planned_entry

    ids = {step["id"] for step in planned_entry(store, run)["steps"] if step.get("effect") == effect}
    return any("call" in row.data for row in run_rows.unsettled(run_rows.journal(store, run.id), *ids))


def _wait_for_step(store: Store, run: RunRow, now: datetime) -> None:
    """Wait until no step of the run holds the credential. It was cancelled: no further one begins."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        held = run_rows.claim_of(store, run.fingerprint)
        if held is None or held.run_id != run.id or held.until <= now:
            return
        time.sleep(0.2)
    raise Parked(
        "The run was stopped; its step that is under way has not ended yet.",
        fingerprint=run.fingerprint,
        safe="no further step of it begins",
        next="try again in a minute",
    )
