"""The audit log: chained, keyed, durable before anything changes, and verifiable offline.

Each row's hash covers the row before it, so nothing in the middle can be changed, moved or left out. Its MAC is made with
a key that goes forward with each row and comes from the root key, so nobody can make the chain anew without that key.
The end can be cut off unseen; anchors (head and count, kept elsewhere) show that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from revoker.errors import AuditError, StoreError
from revoker.secrets import hkdf

if TYPE_CHECKING:
    from revoker.store.database import Store

SCHEMA = "revoker/audit/1"
PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry. `hash` chains it to the one before; `mac` proves that the holder of the key wrote it."""

    seq: int
    at: str  # ISO 8601, UTC, microseconds
    event: str
    data: Mapping[str, Any]
    hash: str
    mac: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The state of the log at one time, kept where the log's owner cannot change it."""

    store: str
    count: int
    head: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What a verification found. `keyed` says whether the MACs were checked, `anchored` how many anchors were."""

    ok: bool
    count: int
    head: str
    problems: tuple[str, ...]
    keyed: bool
    anchored: int
    notes: tuple[str, ...] = ()


def append(store: Store, event: str, data: Mapping[str, Any], now: datetime) -> AuditRow:
    """Add an entry in its own transaction, on disk before return, and anchor it when [audit] anchor_file says where.

    Raises AuditError when any of that fails: then nothing may change.
    """
    from revoker.store import audit_rows

    try:
        row = audit_rows.add(store, event, _plain(data), now)
    except StoreError as error:
        raise AuditError(f"The audit log cannot be written. {error.message}", safe="nothing was sent or changed") from None
    if store.settings.audit.anchor_file is not None:
        write_anchor(store.settings.audit.anchor_file, Anchor(store.id, row.seq, row.hash, row.at))
    return row


def rows(store: Store, *, start: int = 1) -> Iterator[AuditRow]:
    """The entries from `start` on, in order."""
    from revoker.store import audit_rows

    return audit_rows.read(store, start)


def export(store: Store, stream: TextIO) -> int:
    """Write the log as JSON lines that `verify_export` takes, and give the number of entries."""
    stream.write(_canonical({"schema": SCHEMA, "store": store.id}) + "\n")
    count = 0
    for row in rows(store):
        stream.write(_canonical(_fields(row)) + "\n")
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
    try:
        head = json.loads(next(rest, ""))
        store_id = head["store"] if head["schema"] == SCHEMA else None
    except (ValueError, KeyError, TypeError):
        store_id = None
    if not isinstance(store_id, str):
        raise AuditError("This is no exported audit log.", next="revoker audit export makes one")
    return verify((_parsed(line) for line in rest if line.strip()), store_id=store_id, key=key, anchors=anchors)


def verify(entries: Iterable[AuditRow], *, store_id: str, key: bytes | None = None, anchors: Iterable[Anchor] = ()) -> AuditCheck:
    """Verify a chain: each entry's place and hash, with `key` also its MAC, and every anchor."""
    chain = _Chain(store_id, key, list(anchors))
    for entry in entries:
        chain.add(entry)
    return chain.result()


def genesis(store_id: str) -> str:
    """The hash that the first entry follows: a log fits its own store only."""
    return hashlib.sha256(f"revoker audit 1 {store_id}".encode()).hexdigest()


def chained(previous: str, seq: int, at: str, event: str, data: Mapping[str, Any]) -> str:
    """The hash of an entry."""
    return hashlib.sha256((previous + _canonical([seq, at, event, data])).encode()).hexdigest()


def first_key(audit_key: bytes, store_id: str) -> bytes:
    """The MAC key of entry 1."""
    return hkdf(audit_key, f"audit chain {store_id}".encode())


def next_key(key: bytes) -> bytes:
    """The MAC key of the following entry; the one before cannot be found from it."""
    return hmac.digest(key, b"next", hashlib.sha256)


def mac_of(key: bytes, hash: str) -> str:
    """The MAC of an entry's hash."""
    return hmac.digest(key, hash.encode(), hashlib.sha256).hex()


def write_anchor(path: Path, anchor: Anchor) -> None:
    """Append an anchor, on disk before return. Raises AuditError."""
    import os

    line = _canonical({"store": anchor.store, "count": anchor.count, "head": anchor.head, "at": anchor.at}) + "\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            os.write(handle, line.encode())  # one small write to an O_APPEND file: lines of two processes do not mix
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise AuditError(
            f"The anchor file {path} cannot be written: {error.strerror}.", safe="nothing was sent or changed"
        ) from None


def read_anchors(path: Path) -> list[Anchor]:
    """The anchors in a file. Raises AuditError."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [Anchor(raw["store"], int(raw["count"]), raw["head"], raw["at"]) for raw in map(json.loads, lines)]
    except OSError as error:
        raise AuditError(f"The anchor file {path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise AuditError(f"The anchor file {path} is damaged.") from None


@dataclass(slots=True)
class _Chain:
    """A verification under way."""

    store_id: str
    key: bytes | None
    anchors: list[Anchor]
    count: int = 0
    problems: list[str] = field(default_factory=list)
    head: str = field(init=False)
    mac_key: bytes | None = field(init=False)
    heads: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self.head = genesis(self.store_id)
        self.mac_key = None if self.key is None else first_key(self.key, self.store_id)
        self.heads = dict.fromkeys((a.count for a in self.anchors if a.store == self.store_id), "")

    def add(self, entry: AuditRow) -> None:
        """Check one entry. A wrong number counts as a gap; the chain goes on from what the entry says."""
        self.count += 1
        if entry.seq != self.count:
            self.problems.append(f"entry {self.count} is numbered {entry.seq}: entries are missing, doubled or moved")
        if chained(self.head, self.count, entry.at, entry.event, entry.data) != entry.hash:
            self.problems.append(f"entry {self.count} does not follow the one before, or was changed")
        if self.mac_key is not None:
            if not hmac.compare_digest(mac_of(self.mac_key, entry.hash), entry.mac):
                self.problems.append(f"entry {self.count} was not written with the key of its place")
            self.mac_key = next_key(self.mac_key)
        self.head = entry.hash
        if self.count in self.heads:
            self.heads[self.count] = entry.hash

    def result(self) -> AuditCheck:
        mine = [anchor for anchor in self.anchors if anchor.store == self.store_id]
        for anchor in mine:
            if anchor.count > self.count:
                self.problems.append(f"an anchor knows {anchor.count} entries, and there are {self.count}: the end was cut off")
            elif self.heads[anchor.count] != anchor.head:
                self.problems.append(f"entry {anchor.count} is not the one that was anchored")
        return AuditCheck(
            ok=not self.problems,
            count=self.count,
            head=self.head,
            problems=tuple(dict.fromkeys(self.problems))[:PROBLEMS_SHOWN],
            keyed=self.key is not None,
            anchored=len(mine),
            notes=tuple(self._notes(len(mine))),
        )

    def _notes(self, anchored: int) -> Iterator[str]:
        if self.key is None:
            yield "Without the key only the chain was checked: somebody who can write the whole log could have made it anew."
        if not anchored:
            yield "Without an anchor a log that was cut off at its end looks whole."


def _parsed(line: str) -> AuditRow:
    try:
        raw = json.loads(line)
        return AuditRow(int(raw["seq"]), str(raw["at"]), str(raw["event"]), dict(raw["data"]), str(raw["hash"]), str(raw["mac"]))
    except (ValueError, KeyError, TypeError):
        return AuditRow(0, "", "", {}, "", "")  # no entry: it fails every check, and is reported with its place


def _fields(row: AuditRow) -> dict[str, Any]:
    return {"seq": row.seq, "at": row.at, "event": row.event, "data": dict(row.data), "hash": row.hash, "mac": row.mac}


def _canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data as plain JSON values, so that it reads back as it was hashed. A Secret in it is an error of ours."""
    try:
        plain: dict[str, Any] = json.loads(_canonical(dict(data)))
    except (TypeError, ValueError):
        raise AuditError("An audit entry holds something that is no plain data.", safe="nothing was sent or changed") from None
    return plain
