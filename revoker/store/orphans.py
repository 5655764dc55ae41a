"""Orphans: credentials that we made and that are neither stored nor revoked, by their provider's id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from revoker.errors import UsageError
from revoker.store import schema
from revoker.store.database import Store, ignoring, reading, writing
from revoker.store.events import put
from revoker.store.times import maybe_moment, micros, moment


@dataclass(frozen=True, slots=True)
class Orphan:
    """A created credential that somebody must look after."""

    id: int
    provider: str
    target: str
    fingerprint: str  # of the credential that it was to replace
    run_id: str
    why: str
    at: datetime
    resolved_at: datetime | None
    resolved_why: str | None


def add_orphan(store: Store, provider: str, target: str, fingerprint: str, run_id: str, now: datetime, why: str) -> None:
    """Put a created credential on the list. The same one again changes nothing."""
    values = {"provider": provider, "target": target, "fingerprint": fingerprint, "run_id": run_id, "why": why, "at": micros(now)}
    with writing(store) as connection:
        if connection.execute(ignoring(connection, schema.orphans).values(values)).rowcount:
            put(
                connection,
                "orphan.added",
                {"provider": provider, "target": target, "fingerprint": fingerprint, "run": run_id},
                now,
            )


def resolve_orphan(store: Store, provider: str, target: str, now: datetime, why: str) -> bool:
    """Take a credential off the list: it is stored or revoked. False when it is not on it."""
    if not why.strip():
        raise UsageError("Say how the orphan was resolved.")
    table = schema.orphans
    mine = (table.c.provider == provider, table.c.target == target, table.c.resolved_at.is_(None))
    with writing(store) as connection:
        return bool(connection.execute(sa.update(table).where(*mine).values(resolved_at=micros(now), resolved_why=why)).rowcount)


def list_orphans(store: Store, *, resolved: bool = False) -> list[Orphan]:
    """The orphans that are left, the oldest first; with `resolved` also the others."""
    table = schema.orphans.c
    query = sa.select(
        table.id,
        table.provider,
        table.target,
        table.fingerprint,
        table.run_id,
        table.why,
        table.at,
        table.resolved_at,
        table.resolved_why,
    ).order_by(table.id)
    with reading(store) as connection:
        rows = connection.execute(query if resolved else query.where(table.resolved_at.is_(None))).all()
    return [Orphan(*row[:6], moment(row[6]), maybe_moment(row[7]), row[8]) for row in rows]
