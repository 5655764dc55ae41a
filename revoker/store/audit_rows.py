"""The rows of the audit log: added one after the other, whoever writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.audit.anchors import Anchor
from revoker.audit.chain import AuditRow, entry, first_key, genesis, next_key
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
        row = entry(previous, key, seq, _iso(now), event, data)
        _insert(connection, row, now)
    _reached[store.id] = (seq, next_key(key))
    return row


def read(store: Store) -> Iterator[AuditRow]:
    """The entries, page by page, so that a long log does not fill the memory."""
    query, after = _query().limit(PAGE), 0
    while True:
        with reading(store) as connection:
            found = connection.execute(query.where(schema.audit_log.c.seq > after)).all()
        for one in found:
            yield _row(*one)
            after = one[0]
        if len(found) < PAGE:
            return


def of_event(store: Store, event: str) -> list[AuditRow]:
    """All entries of one event."""
    with reading(store) as connection:
        return [_row(*one) for one in connection.execute(_query().where(schema.audit_log.c.event == event))]


def hash_at(store: Store, seq: int) -> str | None:
    """The hash of one entry; None when there is none."""
    table = schema.audit_log.c
    with reading(store) as connection:
        found = connection.execute(sa.select(table.hash).where(table.seq == seq)).scalar()
    return None if found is None else str(found)


def head(store: Store) -> tuple[int, str]:
    """How many entries there are, and the hash of the last."""
    table = schema.audit_log.c
    with reading(store) as connection:
        last = connection.execute(sa.select(table.seq, table.hash).order_by(table.seq.desc()).limit(1)).first()
    return (last[0], last[1]) if last else (0, genesis(store.id))


def common(store: Store, anchors: Iterable[Anchor]) -> int:
    """The last anchored entry that this log still holds as it was anchored; 0 when there is none."""
    mine = sorted((one for one in anchors if one.store == store.id), key=lambda one: -one.count)
    return next((one.count for one in mine if hash_at(store, one.count) == one.head), 0)


def _query() -> sa.Select[Any]:
    table = schema.audit_log.c
    columns = (table.seq, table.at, table.event, table.data, table.hash, table.mac, table.salt, table.digest)
    return sa.select(*columns).order_by(table.seq)


def _row(seq: int, at: int, event: str, data: str | None, *rest: str | None) -> AuditRow:
    hash, mac, salt, digest = rest
    content = None if data is None else json.loads(data)
    return AuditRow(seq, _iso(moment(at)), event, content, hash or "", mac or "", salt or "", digest or "")


def _insert(connection: Connection, row: AuditRow, now: datetime) -> None:
    values = {
        "seq": row.seq,
        "at": micros(now),
        "event": row.event,
        "data": canonical(dict(row.data or {})),
        "hash": row.hash,
        "mac": row.mac,
        "salt": row.salt,
        "digest": row.digest,
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
