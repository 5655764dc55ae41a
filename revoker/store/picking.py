"""Who carries a run out: taken by one executor at a time, given back when it ends, freed when its executor is dead."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from revoker.store import schema
from revoker.store.database import Store, among, reading, writing
from revoker.store.times import micros


def pick(store: Store, owner: str, now: datetime, most: int, rest: timedelta) -> list[str]:
    """Take up to so many runs that can go on now, the most urgent first: ready, waiting and due, parked for `rest`.

    Also one that is `running` and has no worker: its executor was declared dead, woke up, and wrote once more before it learnt of that.

    On PostgreSQL any number of workers pick at the same time, and no run is given out twice. A `rest` of 0 leaves parked
    ones to people.
    """
    table, at = schema.runs.c, micros(now)
    can = [table.state.in_(("ready", "running")), sa.and_(table.state == "waiting", table.due_at <= at)]
    if rest:
        can.append(sa.and_(table.state == "parked", table.updated_at <= micros(now - rest)))
    query = sa.select(table.id).where(table.worker.is_(None), sa.or_(*can))
    query = query.order_by(table.priority, table.created_at, table.id).limit(most).with_for_update(skip_locked=True)
    with writing(store) as connection:
        ids = list(connection.execute(query).scalars())
        if ids:
            connection.execute(sa.update(schema.runs).where(table.id.in_(ids)).values(worker=owner))
    return ids


def take(store: Store, id: str, owner: str) -> bool:
    """Take one run; False while another executor has it."""
    table = schema.runs.c
    free = sa.update(schema.runs).where(table.id == id, sa.or_(table.worker.is_(None), table.worker == owner))
    with writing(store) as connection:
        return bool(connection.execute(free.values(worker=owner)).rowcount)


def held_by(store: Store, owner: str) -> list[str]:
    """The runs that an executor has."""
    table = schema.runs.c
    with reading(store) as connection:
        return list(connection.execute(sa.select(table.id).where(table.worker == owner).order_by(table.id)).scalars())


def holders(store: Store) -> set[str]:
    """The executors that have a run."""
    table = schema.runs.c
    with reading(store) as connection:
        return {str(name) for name in connection.execute(sa.select(table.worker).distinct()).scalars() if name is not None}


def free(store: Store, owners: Collection[str], now: datetime) -> list[str]:
    """Give the runs and claims of dead executors back; the runs. Their fences are worth nothing from the next claim on."""
    table, claims = schema.runs.c, schema.claims
    with writing(store) as connection:
        connection.execute(sa.update(claims).where(among(connection, claims.c.owner, owners)).values(until=0))
        theirs = sa.select(table.id).where(among(connection, table.worker, owners)).order_by(table.id).with_for_update()
        ids = list(connection.execute(theirs).scalars())
        if ids:
            running = sa.update(schema.runs).where(table.id.in_(ids))
            connection.execute(running.where(table.state == "running").values(state="ready", since=micros(now)))
            connection.execute(running.values(worker=None))
    return ids


def make_due(store: Store, id: str, now: datetime) -> None:
    """Let a waiting run go on now."""
    table = schema.runs.c
    with writing(store) as connection:
        connection.execute(sa.update(schema.runs).where(table.id == id, table.state == "waiting").values(due_at=micros(now)))


def let_go(store: Store, ids: Collection[str], now: datetime) -> int:
    """Make parked, failed and waiting runs ready for any worker; how many there were."""
    table = schema.runs.c
    with writing(store) as connection:
        idle = (table.worker.is_(None), table.state.in_(("parked", "waiting", "failed")), among(connection, table.id, ids))
        ready = {"state": "ready", "since": micros(now), "updated_at": micros(now), "ended_at": None, "due_at": None}
        return int(connection.execute(sa.update(schema.runs).where(*idle).values(ready)).rowcount)
