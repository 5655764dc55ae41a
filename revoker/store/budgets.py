"""How fast all workers together change a provider: a rate, and a number of changes under way, for each provider and kind.

A worker asks for a place before each change. It gets one at once, or with a time to wait for first, or none for now. Places of
a worker that died end by themselves. Times are the database's own, so that the workers' clocks do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.sdk import Budget
from revoker.store import schema
from revoker.store.database import Store, database_time, ignoring, writing

MICRO = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """A place among the changes under way, and the seconds to wait before the change may leave."""

    id: int
    wait: float


def reserve(store: Store, provider: str, kind: str, budget: Budget, lasts: timedelta) -> Place | None:
    """Take a place, at the next free time; None while as many changes are under way as the budget allows.

    `lasts` is how long after its start the change has ended for sure, also when nobody gives its place back.
    """
    with writing(store) as connection:
        start = _next_start(connection, provider, kind)
        at = database_time(connection)
        if _under_way(connection, provider, kind, at) >= max(1, budget.in_flight):
            return None
        start = max(at, start)
        step = int(1_000_000 / budget.per_second) if budget.per_second else 0
        row = schema.budgets.c
        mine = sa.update(schema.budgets).where(row.provider == provider, row.kind == kind)
        connection.execute(mine.values(next_at=start + step))
        values = {"provider": provider, "kind": kind, "until": start + lasts // MICRO}
        id = connection.execute(sa.insert(schema.calls).values(values).returning(schema.calls.c.id)).scalar_one()
    return Place(id, (start - at) / 1_000_000)


def give_back(store: Store, place: Place) -> None:
    """The change has ended."""
    with writing(store) as connection:
        connection.execute(sa.delete(schema.calls).where(schema.calls.c.id == place.id))


def pause(store: Store, provider: str, kind: str, wait: timedelta) -> None:
    """The provider asked for a pause: nobody changes it for so long."""
    row = schema.budgets.c
    with writing(store) as connection:
        start = _next_start(connection, provider, kind)
        until = database_time(connection) + wait // MICRO
        if until > start:
            mine = sa.update(schema.budgets).where(row.provider == provider, row.kind == kind)
            connection.execute(mine.values(next_at=until))


def _next_start(connection: Connection, provider: str, kind: str) -> int:
    """When the next change may start. The row stays locked, so that one worker after the other asks."""
    row = schema.budgets.c
    connection.execute(ignoring(connection, schema.budgets), [{"provider": provider, "kind": kind, "next_at": 0}])
    query = sa.select(row.next_at).where(row.provider == provider, row.kind == kind).with_for_update()
    return int(connection.execute(query).scalar_one())


def _under_way(connection: Connection, provider: str, kind: str, at: int) -> int:
    row = schema.calls.c
    mine = (row.provider == provider, row.kind == kind)
    connection.execute(sa.delete(schema.calls).where(*mine, row.until <= at))
    return int(connection.execute(sa.select(sa.func.count()).select_from(schema.calls).where(*mine)).scalar_one())
