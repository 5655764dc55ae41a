"""Runs of playbooks: one for each credential and plan. Claims and the journal of their steps are in claims.py and journal.py."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from revoker.errors import ApprovalRefused, UsageError
from revoker.model import NOTHING
from revoker.store import schema
from revoker.store.claims import Claim, claim, claim_of, holds, release, renew
from revoker.store.database import Store, among, reading, writing
from revoker.store.journal import JournalRow, append_journal, journal, unsettled
from revoker.store.plans import use_up
from revoker.store.times import maybe_moment, micros, moment

__all__ = [
    "Claim",
    "JournalRow",
    "RunRow",
    "append_journal",
    "claim",
    "claim_of",
    "create_runs",
    "get_run",
    "journal",
    "list_runs",
    "release",
    "renew",
    "set_run",
    "unsettled",
]

STATES = ("ready", "running", "waiting", "parked", "done", "failed", "cancelled")
ENDED = ("done", "failed", "cancelled")
FINAL = ("done", "cancelled")  # a failed run may be taken up again


@dataclass(frozen=True, slots=True)
class RunRow:
    """One durable execution of a playbook on one credential."""

    id: str
    plan_digest: str
    fingerprint: str
    playbook: str
    state: str
    step: str
    message: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    priority: int = 3
    worker: str | None = None  # the executor that has it now
    due_at: datetime | None = None  # when a waiting run may go on
    since: datetime | None = None  # when it came to its state and step


def create_runs(
    store: Store,
    plan_digest: str,
    members: Sequence[tuple[str, str]],
    now: datetime,
    *,
    needed: int = 0,
    run_group: str = "",
    priorities: Mapping[str, int] = NOTHING,
) -> list[RunRow]:
    """Make the runs of a plan, one for each (fingerprint, playbook), and use its approvals up, in one transaction.

    `priorities` is by fingerprint; the lowest goes first.

    Raises ApprovalRefused when fewer than `needed` persons approved, or when the plan was started before.
    """
    group = run_group or uuid.uuid4().hex
    rows = [
        RunRow(
            f"run_{uuid.uuid4().hex}", plan_digest, fp, book, "ready", "", "", now, now, None, priorities.get(fp, 3), since=now
        )
        for fp, book in members
    ]
    rows.sort(key=lambda row: row.priority)
    table = schema.runs
    with writing(store) as connection:
        connection.execute(sa.select(schema.plans.c.digest).where(schema.plans.c.digest == plan_digest).with_for_update())
        if connection.execute(sa.select(table.c.id).where(table.c.plan_digest == plan_digest)).first() is not None:
            raise ApprovalRefused(
                "This plan was started before.", safe="nothing was started again", next="`revoker resume`, or a new plan"
            )
        if not use_up(connection, plan_digest, group, now, needed):
            raise ApprovalRefused(
                f"The plan needs the approval of {needed} person(s), valid now and not used before.",
                safe="nothing was started",
                next=f"revoker approve {plan_digest[:12]}",
            )
        if rows:
            connection.execute(sa.insert(table), [_values(row) for row in rows])
    return rows


def get_run(store: Store, id: str) -> RunRow:
    """The run with this id or unique beginning of one. Raises UsageError."""
    query = _query().where(schema.runs.c.id.startswith(id, autoescape=True)).limit(2)
    with reading(store) as connection:
        rows = connection.execute(query).all()
    if len(rows) != 1 or not id:
        raise UsageError(
            f"{'Several runs begin' if rows else 'There is no run that begins'} with {id[:40]!r}.", next="revoker runs"
        )
    return _run(rows[0])


def list_runs(
    store: Store,
    *,
    plan: Sequence[str] = (),
    fingerprint: Sequence[str] = (),
    state: Sequence[str] = (),
    incident: Sequence[str] = (),
) -> list[RunRow]:
    """The runs that fit, the oldest first; an empty filter means all."""
    table, creds, members = schema.runs.c, schema.credentials.c, schema.memberships.c
    query = _query().order_by(table.created_at, table.priority, table.id)
    for column, wanted in ((table.plan_digest, plan), (table.state, state)):
        if wanted:
            query = query.where(column.in_([str(one) for one in wanted]))
    if incident:
        inside = (
            sa.select(creds.fingerprint)
            .join_from(schema.credentials, schema.memberships)
            .where(members.incident_id.in_(incident))
        )
        query = query.where(table.fingerprint.in_(inside))
    with reading(store) as connection:
        if fingerprint:
            query = query.where(among(connection, table.fingerprint, fingerprint))
        return [_run(row) for row in connection.execute(query)]


def set_run(
    store: Store,
    id: str,
    state: str,
    step: str,
    message: str,
    now: datetime,
    *,
    owner: str | None = None,
    fence: int | None = None,
    due: datetime | None = None,
) -> bool:
    """Move a run on. False, and nothing changes, when it is done or cancelled already.

    Also when another than `owner` has it, or when `fence` does not hold its credential any more. A run that nobody carries
    out has no worker; `due` says when a waiting one may go on.
    """
    if state not in STATES:
        raise UsageError(f"There is no run state {state!r}.")
    table = schema.runs.c
    moved = sa.or_(table.state != state, table.step != step, table.since.is_(None))
    values: dict[str, Any] = {"state": state, "step": step, "message": message, "updated_at": micros(now)}
    values["ended_at"] = micros(now) if state in ENDED else None
    values["due_at"] = micros(due) if due is not None and state == "waiting" else None
    values["since"] = sa.case((moved, micros(now)), else_=table.since)
    if state != "running":
        values["worker"] = None
    mine = [table.id == id, table.state.not_in(FINAL)]
    if owner is not None:
        mine.append(sa.or_(table.worker.is_(None), table.worker == owner))
    with writing(store) as connection:
        whose = sa.select(schema.runs.c.fingerprint).where(schema.runs.c.id == id)
        if fence is not None and not holds(connection, str(connection.execute(whose).scalar()), (id, fence)):
            return False
        return bool(connection.execute(sa.update(schema.runs).where(*mine).values(values)).rowcount)


def _query() -> sa.Select[Any]:
    table = schema.runs.c
    return sa.select(
        table.id,
        table.plan_digest,
        table.fingerprint,
        table.playbook,
        table.state,
        table.step,
        table.message,
        table.created_at,
        table.updated_at,
        table.ended_at,
        table.priority,
        table.worker,
        table.due_at,
        table.since,
    )


def _run(row: Sequence[Any]) -> RunRow:
    id, plan, fingerprint, playbook, state, step, message, created, updated, ended, priority, worker, due, since = row
    made = RunRow(id, plan, fingerprint, playbook, state, step, message, moment(created), moment(updated), maybe_moment(ended))
    return replace(made, priority=priority, worker=worker, due_at=maybe_moment(due), since=maybe_moment(since))


def _values(row: RunRow) -> dict[str, object]:
    return {
        "id": row.id,
        "plan_digest": row.plan_digest,
        "fingerprint": row.fingerprint,
        "playbook": row.playbook,
        "state": row.state,
        "step": row.step,
        "message": row.message,
        "created_at": micros(row.created_at),
        "updated_at": micros(row.updated_at),
        "priority": row.priority,
        "since": micros(row.created_at),
    }
