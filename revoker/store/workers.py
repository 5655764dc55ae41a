"""Executors on PostgreSQL: who is there, when it was last heard, and which run it has. Times here are the database's own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from revoker.store import schema
from revoker.store.database import Store, among, database_time, reading, writing
from revoker.store.times import maybe_moment, micros, moment

KEPT = timedelta(days=7)  # how long the row of an ended worker is kept


@dataclass(frozen=True, slots=True)
class Worker:
    """One executor. One that is silent for longer than its lease is declared ended by another."""

    name: str
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None


def enlist(store: Store, name: str) -> None:
    """Add an executor, and forget those that ended long ago."""
    table = schema.workers
    with writing(store) as connection:
        at = database_time(connection)
        connection.execute(sa.delete(table).where(table.c.ended_at < at - KEPT // timedelta(microseconds=1)))
        connection.execute(sa.insert(table).values(name=name, started_at=at, seen_at=at))


def beat(store: Store, name: str, now: datetime, lease: timedelta) -> bool:
    """Be heard, and hold all claims longer. False when another declared this one ended: then it may do nothing any more."""
    table, claims = schema.workers, schema.claims
    with writing(store) as connection:
        at = database_time(connection)
        mine = sa.update(table).where(table.c.name == name, table.c.ended_at.is_(None))
        if not connection.execute(mine.values(seen_at=at)).rowcount:
            return False
        held = sa.update(claims).where(claims.c.owner == name, claims.c.until > micros(now))
        connection.execute(held.values(until=micros(now + lease)))
    return True


def is_current(store: Store, name: str) -> bool:
    """True until another declared this one ended."""
    table = schema.workers.c
    with reading(store) as connection:
        return connection.execute(sa.select(table.name).where(table.name == name, table.ended_at.is_(None))).first() is not None


def gone(store: Store, names: Collection[str], unlocked: Collection[str], lease: timedelta) -> set[str]:
    """Those that ended, or were silent for a whole lease; for half a lease where the process's own lock is free already.

    Half a lease is longer than a worker may still send after its last sign of life, and its call after that.
    """
    table = schema.workers.c
    whole = lease // timedelta(microseconds=1)
    with reading(store) as connection:
        at = database_time(connection)
        query = sa.select(table.name, table.seen_at, table.ended_at).where(among(connection, table.name, names))
        rows = connection.execute(query).all()
    alive = {name for name, seen, end in rows if end is None and at - seen < (whole // 2 if name in unlocked else whole)}
    unknown = set(names) - {name for name, *_ in rows} - set(unlocked)  # no row, and its lock is held: it lives
    return set(names) - alive - unknown


def declare_ended(store: Store, names: Collection[str]) -> None:
    """Say that executors are over. One that wakes up later sees it, and does nothing any more."""
    table = schema.workers
    with writing(store) as connection:
        ended = sa.update(table).where(among(connection, table.c.name, names), table.c.ended_at.is_(None))
        connection.execute(ended.values(ended_at=database_time(connection)))


def list_workers(store: Store, *, ended: bool = False) -> list[Worker]:
    """The executors that are there, the oldest first; with `ended` also those that were."""
    table = schema.workers.c
    query = sa.select(table.name, table.started_at, table.seen_at, table.ended_at).order_by(table.started_at)
    with reading(store) as connection:
        rows = connection.execute(query if ended else query.where(table.ended_at.is_(None))).all()
    return [Worker(name, moment(start), moment(seen), maybe_moment(end)) for name, start, seen, end in rows]
