"""The journal of a run's steps: the intent before a change, its outcome after it, and what was observed. Never a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.errors import Parked, UsageError
from revoker.store import schema
from revoker.store.claims import locked
from revoker.store.database import Store, reading, writing
from revoker.store.rows import canonical
from revoker.store.times import micros, moment

PHASES = ("intent", "outcome", "observed")


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One entry."""

    id: int
    run_id: str
    step: str
    phase: str
    fence: int | None
    data: Mapping[str, Any]
    at: datetime


def unsettled(rows: Sequence[JournalRow], *steps: str) -> list[JournalRow]:
    """The rows of these steps since one of them was last settled, from a run's whole journal: what is in the air."""
    theirs = [row for row in rows if row.step in steps]
    settled = [at for at, row in enumerate(theirs) if row.phase == "outcome"]
    return theirs[settled[-1] + 1 :] if settled else theirs


def append_journal(
    store: Store, run_id: str, step: str, phase: str, fence: int | None, data: Mapping[str, Any], now: datetime
) -> JournalRow:
    """Add an entry, durable before return. An intent is refused (Parked) unless its fence holds the claim now.

    An outcome is always kept: what a worker did counts, even when it lost its claim meanwhile.
    """
    if phase not in PHASES:
        raise UsageError(f"There is no journal phase {phase!r}.")
    table = schema.journal
    with writing(store) as connection:
        if phase == "intent":
            _check_fence(connection, run_id, fence, now)
        values = {
            "run_id": run_id,
            "step": step,
            "phase": phase,
            "fence": fence,
            "data": canonical(dict(data)),
            "at": micros(now),
        }
        id = connection.execute(sa.insert(table).values(values).returning(table.c.id)).scalar_one()
    return JournalRow(id, run_id, step, phase, fence, dict(data), now)


def journal(store: Store, run_id: str) -> list[JournalRow]:
    """The entries of a run, the oldest first."""
    table = schema.journal.c
    query = sa.select(table.id, table.run_id, table.step, table.phase, table.fence, table.data, table.at)
    with reading(store) as connection:
        rows = connection.execute(query.where(table.run_id == run_id).order_by(table.id)).all()
    return [
        JournalRow(id, run, step, phase, fence, json.loads(data), moment(at)) for id, run, step, phase, fence, data, at in rows
    ]


def _check_fence(connection: Connection, run_id: str, fence: int | None, now: datetime) -> None:
    run = schema.runs.c
    fingerprint = connection.execute(sa.select(run.fingerprint).where(run.id == run_id)).scalar()
    held = None if fingerprint is None else locked(connection, fingerprint)
    if held is None or held.fence != fence or held.run_id != run_id or held.until <= now:
        raise Parked(
            "This worker does not hold the credential any more; another one may.",
            fingerprint=fingerprint or "",
            safe="nothing was changed by this step",
            next="revoker resume",
        )
