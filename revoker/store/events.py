"""The outbox: what must be told to the outside is stored with the change itself, and delivered later, at least once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.store import schema
from revoker.store.database import Store, among, insert_many, reading, writing
from revoker.store.rows import canonical
from revoker.store.times import micros, moment


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Its id is the delivery id: a receiver that saw it drops the repetition."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    at: datetime
    attempts: int


def emit(store: Store, kind: str, payload: Mapping[str, Any], now: datetime) -> None:
    """Put an event into the outbox."""
    with writing(store) as connection:
        put(connection, kind, payload, now)


def put(connection: Connection, kind: str, payload: Mapping[str, Any], now: datetime) -> None:
    """Put an event into the outbox, within a transaction that is under way."""
    put_many(connection, [(kind, payload)], now)


def put_many(connection: Connection, told: Sequence[tuple[str, Mapping[str, Any]]], now: datetime) -> None:
    """Put many events into the outbox, within a transaction that is under way."""
    rows = [(kind, canonical(dict(payload)), micros(now), 0) for kind, payload in told]
    insert_many(connection, schema.events, ("kind", "payload", "at", "attempts"), rows)


def undelivered(store: Store, limit: int = 100) -> list[Event]:
    """The events that nobody got yet, the oldest first."""
    table = schema.events.c
    query = sa.select(table.id, table.kind, table.payload, table.at, table.attempts).where(table.delivered_at.is_(None))
    return _read(store, query.order_by(table.id).limit(limit))


def of_kind(store: Store, kind: str) -> list[Event]:
    """All events of one kind, delivered or not, the oldest first."""
    table = schema.events.c
    query = sa.select(table.id, table.kind, table.payload, table.at, table.attempts).where(table.kind == kind)
    return _read(store, query.order_by(table.id))


def mark_delivered(store: Store, ids: Sequence[int], now: datetime) -> None:
    """Note that events were delivered."""
    table = schema.events
    with writing(store) as connection:
        connection.execute(sa.update(table).where(among(connection, table.c.id, ids)).values(delivered_at=micros(now)))


def mark_failed(store: Store, ids: Sequence[int]) -> None:
    """Count one more attempt that did not get through."""
    table = schema.events
    with writing(store) as connection:
        connection.execute(sa.update(table).where(among(connection, table.c.id, ids)).values(attempts=table.c.attempts + 1))


def _read(store: Store, query: sa.Select[Any]) -> list[Event]:
    with reading(store) as connection:
        rows = connection.execute(query).all()
    return [Event(id, kind, json.loads(payload), moment(at), attempts) for id, kind, payload, at, attempts in rows]
