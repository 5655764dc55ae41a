"""The rows of the audit log: added one after the other, whoever writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.audit import AuditRow, chained, first_key, genesis, mac_of, next_key
from revoker.store import schema
from revoker.store.database import Store, reading, serialize, writing
from revoker.store.rows import canonical
from revoker.store.times import micros, moment

PAGE = 2000

_reached: dict[str, tuple[int, bytes]] = {}  # store id -> the last entry this process wrote, and the key of the next


def add(store: Store, event: str, data: Mapping[str, Any], now: datetime) -> AuditRow:
    """Add an entry at the end of the chain, committed before return."""
    table = schema.audit_log
    with writing(store) as connection:
        serialize(connection, 5)
        last = connection.execute(sa.select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)).first()
        seq, previous = (last[0] + 1, last[1]) if last else (1, genesis(store.id))
        key = _key(store, seq)
        at = _iso(now)
        hash = chained(previous, seq, at, event, data)
        row = AuditRow(seq, at, event, data, hash, mac_of(key, hash))
        _insert(connection, row, now)
    _reached[store.id] = (seq, next_key(key))
    return row


def read(store: Store, start: int = 1) -> Iterator[AuditRow]:
    """The entries from `start` on, page by page, so that a long log does not fill the memory."""
    table = schema.audit_log.c
    query = sa.select(table.seq, table.at, table.event, table.data, table.hash, table.mac).order_by(table.seq).limit(PAGE)
    after = start - 1
    while True:
        with reading(store) as connection:
            rows = connection.execute(query.where(table.seq > after)).all()
        for seq, at, event, data, hash, mac in rows:
            yield AuditRow(seq, _iso(moment(at)), event, json.loads(data), hash, mac)
            after = seq
        if len(rows) < PAGE:
            return


def _insert(connection: Connection, row: AuditRow, now: datetime) -> None:
    values = {
        "seq": row.seq,
        "at": micros(now),
        "event": row.event,
        "data": canonical(dict(row.data)),
        "hash": row.hash,
        "mac": row.mac,
    }
    connection.execute(sa.insert(schema.audit_log).values(values))


def _key(store: Store, seq: int) -> bytes:
    """The MAC key of an entry: from the last one that this process wrote, else from the beginning (1 us an entry)."""
    reached, key = _reached.get(store.id, (0, b""))
    if not key or reached + 1 > seq:
        reached, key = 0, first_key(store.keys.audit_key, store.id)
    for _ in range(seq - reached - 1):
        key = next_key(key)
    return key


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
