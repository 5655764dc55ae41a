"""The audit log: chained, keyed, durable before anything changes, anchored elsewhere, and verifiable offline.

Each entry's hash covers the entry before it, so nothing in the middle can be changed, moved or left out. Its MAC is made with
a key that goes forward with each entry and comes from the root key, so nobody can make the chain anew without that key.
The end can be cut off unseen, and a whole store be put back from a backup; anchors (head and count, kept elsewhere) show both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from revoker.audit.anchors import Anchor, newest, read_anchors, write_anchor
from revoker.audit.chain import (
    ERASED,
    RESTORED,
    SCHEMA,
    AuditCheck,
    AuditRow,
    canonical,
    chained,
    entry,
    first_key,
    genesis,
    mac_of,
    next_key,
    plain,
    verify,
)
from revoker.errors import AuditError, StoreError

if TYPE_CHECKING:
    from revoker.store.database import Store

__all__ = [
    "ERASED",
    "RESTORED",
    "SCHEMA",
    "Anchor",
    "AuditCheck",
    "AuditRow",
    "append",
    "chained",
    "check",
    "entry",
    "export",
    "first_key",
    "genesis",
    "mac_of",
    "next_key",
    "older_than_its_anchor",
    "read_anchors",
    "rows",
    "verify",
    "verify_export",
    "write_anchor",
]
EARLY = "revoker/audit/1"  # exports of the first form; their entries have no digest


def append(store: Store, event: str, data: Mapping[str, Any], now: datetime) -> AuditRow:
    """Add an entry in its own transaction, on disk before return, and anchor it when [audit] anchor_file says where.

    Raises AuditError when any of that fails, or when the store is older than its anchor: then nothing may change.
    """
    from revoker.store import audit_rows

    lost = None if event == RESTORED else older_than_its_anchor(store)
    if lost is not None:
        raise AuditError(
            f"This store is older than its anchor, which knows {lost.count} audit entries: it was put back from a backup, or cut.",
            safe="nothing was sent or changed",
            next="revoker audit verify; when it is a backup that you put back: revoker audit restored --as NAME --why TEXT",
        )
    try:
        row = audit_rows.add(store, event, plain(data), now)
    except StoreError as error:
        raise AuditError(f"The audit log cannot be written. {error.message}", safe="nothing was sent or changed") from None
    if store.settings.audit.anchor_file is not None:
        write_anchor(store.settings.audit.anchor_file, Anchor(store.id, row.seq, row.hash, row.at))
    return row


def older_than_its_anchor(store: Store) -> Anchor | None:
    """The anchor that this store's log does not hold, and no restore on record explains; None when all is well. Raises AuditError."""
    from revoker.store import audit_rows

    path = store.settings.audit.anchor_file
    last = newest(path, store.id) if path is not None else None
    if last is None or audit_rows.hash_at(store, last.count) == last.head:
        return None
    losses = (row.data or {} for row in audit_rows.of_event(store, RESTORED))
    return None if any(loss.get("lost", 0) >= last.count > loss.get("from", 0) for loss in losses) else last


def rows(store: Store) -> Iterator[AuditRow]:
    """The entries, in order."""
    from revoker.store import audit_rows

    return audit_rows.read(store)


def export(store: Store, stream: TextIO, shown: Callable[[AuditRow], bool] | None = None) -> int:
    """Write the log as JSON lines that `verify_export` takes, and give the number of entries.

    With `shown`, it is an extract: what is not shown keeps its place and its digest, without its content.
    """
    head = {"schema": SCHEMA, "store": store.id}
    stream.write(canonical(head if shown is None else {**head, "extract": True}) + "\n")
    count = 0
    for row in rows(store):
        stream.write(canonical(_fields(row, withheld=shown is not None and bool(row.digest) and not shown(row))) + "\n")
        count += 1
    return count


def check(store: Store) -> AuditCheck:
    """Verify the store's own log with its key and its anchors."""
    path = store.settings.audit.anchor_file
    anchors = read_anchors(path) if path is not None and path.exists() else ()
    return verify(rows(store), store_id=store.id, key=store.keys.audit_key, anchors=anchors)


def verify_export(lines: Iterable[str], *, key: bytes | None = None, anchors: Iterable[Anchor] = ()) -> AuditCheck:
    """Verify an exported log, offline and without the store. Raises AuditError when it is no export at all."""
    rest = iter(lines)
    head = _head(next(rest, ""))
    if head is None:
        raise AuditError("This is no exported audit log.", next="revoker audit export makes one")
    entries = (_parsed(line) for line in rest if line.strip())
    return verify(entries, store_id=head["store"], key=key, anchors=anchors, extract=head.get("extract") is True)


def _head(line: str) -> Mapping[str, Any] | None:
    """The first line of an export; None for anything else."""
    try:
        head: Mapping[str, Any] = json.loads(line)
        known = head["schema"] in (SCHEMA, EARLY) and isinstance(head["store"], str)
    except (ValueError, KeyError, TypeError):
        return None
    return head if known else None


def _parsed(line: str) -> AuditRow:
    try:
        raw = json.loads(line)
        data = dict(raw["data"]) if raw["data"] is not None else None
        rest = str(raw["hash"]), str(raw["mac"]), str(raw.get("salt", "")), str(raw.get("digest", ""))
        return AuditRow(int(raw["seq"]), str(raw["at"]), str(raw["event"]), data, *rest)
    except (ValueError, KeyError, TypeError):
        return AuditRow(0, "", "", {}, "", "")  # no entry: it fails every check, and is reported with its place


def _fields(row: AuditRow, *, withheld: bool = False) -> dict[str, Any]:
    known = {"seq": row.seq, "at": row.at, "event": row.event, "hash": row.hash, "mac": row.mac}
    data = None if withheld or row.data is None else dict(row.data)
    if not row.digest:
        return {**known, "data": data}
    return {**known, "data": data, "salt": "" if data is None else row.salt, "digest": row.digest}
