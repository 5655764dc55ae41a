"""The kill switch, and the counters of changes that keep a bad report from revoking everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.store import schema
from revoker.store.database import Store, ignoring, reading, serialize, writing
from revoker.store.times import micros, moment

STOP = "stop"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Stop:
    """The state of the kill switch, and who set it."""

    on: bool
    who: str
    at: datetime


def stop_state(store: Store) -> Stop | None:
    """The kill switch as it was last set; None when it never was."""
    table = schema.switches.c
    with reading(store) as connection:
        row = connection.execute(sa.select(table.on, table.who, table.at).where(table.name == STOP)).first()
    return None if row is None else Stop(bool(row[0]), row[1], moment(row[2]))


def is_stopped(store: Store) -> bool:
    """True while nothing may change."""
    state = stop_state(store)
    return state is not None and state.on


def told(store: Store) -> str:
    """Who stopped all changes, and when; empty while they may be made. Why stands in the audit log."""
    state = stop_state(store)
    return f"by {state.who} since {state.at:%Y-%m-%d %H:%M} UTC" if state is not None and state.on else ""


def set_stopped(store: Store, on: bool, who: str, now: datetime) -> None:
    """Set the kill switch or take it back."""
    table = schema.switches
    with writing(store) as connection:
        connection.execute(ignoring(connection, table), [{"name": STOP, "on": 0, "who": who, "at": 0}])
        connection.execute(sa.update(table).where(table.c.name == STOP).values(on=int(on), who=who, at=micros(now)))


def count_mutation(
    store: Store,
    provider: str,
    now: datetime,
    *,
    limit: int | None = None,
    total: int | None = None,
    within: timedelta = HOUR,
) -> bool:
    """Count one change at a provider before it is made.

    False, and not counted, when `limit` changes at this provider or `total` changes at all of them were made `within` that time.
    """
    table = schema.mutations
    with writing(store) as connection:
        serialize(connection, 4)
        if limit is not None and _since(connection, provider, now - within) >= limit:
            return False
        if total is not None and _since(connection, None, now - within) >= total:
            return False
        connection.execute(sa.insert(table).values(provider=provider, at=micros(now)))
    return True


def mutations_since(store: Store, provider: str | None, since: datetime) -> int:
    """How many changes were made after a time, at one provider or (None) at all of them."""
    with reading(store) as connection:
        return _since(connection, provider, since)


def _since(connection: Connection, provider: str | None, since: datetime) -> int:
    table = schema.mutations.c
    query = sa.select(sa.func.count()).select_from(schema.mutations).where(table.at > micros(since))
    if provider is not None:
        query = query.where(table.provider == provider)
    return int(connection.execute(query).scalar_one())
