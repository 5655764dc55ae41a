"""The chain of the audit log: what is hashed, what is signed with a key that only goes forward, and how it is verified.

An entry's hash covers the one before it and a digest of its content, not the content itself. So an entry can be withheld
from an extract, or a person's data be erased from it, and the chain still verifies. The content is salted: its digest tells nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from revoker.audit.anchors import Anchor
from revoker.errors import AuditError
from revoker.secrets import hkdf

SCHEMA = "revoker/audit/2"
PROBLEMS_SHOWN = 20
ERASED, RESTORED = "erased", "restored"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry. `hash` chains it to the one before; `mac` proves that the holder of the key wrote it.

    `data` is None when it is withheld or was erased. `digest` and `salt` are empty in entries that an early version wrote:
    their hash covers the data itself.
    """

    seq: int
    at: str  # ISO 8601, UTC, microseconds
    event: str
    data: Mapping[str, Any] | None
    hash: str
    mac: str
    salt: str = ""
    digest: str = ""


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


def entry(previous: str, key: bytes, seq: int, at: str, event: str, data: Mapping[str, Any]) -> AuditRow:
    """A new entry after the one whose hash is `previous`, with the MAC key of its place."""
    salt = secrets.token_hex(16)
    digest = digest_of(salt, data)
    hash = linked(previous, seq, at, event, digest)
    return AuditRow(seq, at, event, data, hash, mac_of(key, hash), salt, digest)


def genesis(store_id: str) -> str:
    """The hash that the first entry follows: a log fits its own store only."""
    return hashlib.sha256(f"revoker audit 1 {store_id}".encode()).hexdigest()


def digest_of(salt: str, data: Mapping[str, Any]) -> str:
    """The digest of an entry's content."""
    return hashlib.sha256(_bytes(salt + canonical(data))).hexdigest()


def linked(previous: str, seq: int, at: str, event: str, digest: str) -> str:
    """The hash of an entry."""
    return hashlib.sha256(_bytes("2" + previous + canonical([seq, at, event, digest]))).hexdigest()


def chained(previous: str, seq: int, at: str, event: str, data: Mapping[str, Any]) -> str:
    """The hash of an entry that an early version wrote."""
    return hashlib.sha256(_bytes(previous + canonical([seq, at, event, data]))).hexdigest()


def first_key(audit_key: bytes, store_id: str) -> bytes:
    """The MAC key of entry 1."""
    return hkdf(audit_key, f"audit chain {store_id}".encode())


def next_key(key: bytes) -> bytes:
    """The MAC key of the following entry; the one before cannot be found from it."""
    return hmac.digest(key, b"next", hashlib.sha256)


def mac_of(key: bytes, hash: str) -> str:
    """The MAC of an entry's hash."""
    return hmac.digest(key, _bytes(hash), hashlib.sha256).hex()


def verify(
    entries: Iterable[AuditRow],
    *,
    store_id: str,
    key: bytes | None = None,
    anchors: Iterable[Anchor] = (),
    extract: bool = False,
) -> AuditCheck:
    """Verify a chain: each entry's place and hash, with `key` also its MAC, and every anchor.

    In an `extract` entries may be withheld; in a whole log each empty one must have been erased on record.
    """
    chain = _Chain(store_id, key, list(anchors), extract)
    for one in entries:
        chain.add(one)
    return chain.result()


def canonical(document: Any) -> str:
    """One text for one meaning."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data as plain JSON values, so that it reads back as it was hashed. A Secret in it is an error of ours."""
    try:
        made: dict[str, Any] = json.loads(canonical(dict(data)))
    except (TypeError, ValueError):
        raise AuditError("An audit entry holds something that is no plain data.", safe="nothing was sent or changed") from None
    return made


def _bytes(text: str) -> bytes:
    """The bytes of a text; a damaged log may hold what is no character."""
    return text.encode("utf-8", "surrogatepass")


@dataclass(slots=True)
class _Chain:
    """A verification under way."""

    store_id: str
    key: bytes | None
    anchors: list[Anchor]
    extract: bool
    count: int = 0
    problems: list[str] = field(default_factory=list)
    head: str = field(init=False)
    mac_key: bytes | None = field(init=False)
    heads: dict[int, str | None] = field(init=False)
    empty: set[int] = field(default_factory=set)
    erased: set[int] = field(default_factory=set)
    losses: list[Mapping[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.head = genesis(self.store_id)
        self.mac_key = None if self.key is None else first_key(self.key, self.store_id)
        self.heads = dict.fromkeys(a.count for a in self.anchors if a.store == self.store_id)

    def add(self, one: AuditRow) -> None:
        """Check one entry. A wrong number counts as a gap; the chain goes on from what the entry says."""
        self.count += 1
        if one.seq != self.count:
            self.problems.append(f"entry {self.count} is numbered {one.seq}: entries are missing, doubled or moved")
        if not self._follows(one):
            self.problems.append(f"entry {self.count} does not follow the one before, or was changed")
        if self.mac_key is not None:
            if not hmac.compare_digest(mac_of(self.mac_key, one.hash).encode(), _bytes(one.mac)):
                self.problems.append(f"entry {self.count} was not written with the key of its place")
            self.mac_key = next_key(self.mac_key)
        self.head = one.hash
        if self.count in self.heads:
            self.heads[self.count] = one.hash
        self._note(one)

    def _follows(self, one: AuditRow) -> bool:
        if not one.digest:
            return one.data is not None and chained(self.head, self.count, one.at, one.event, one.data) == one.hash
        fits = one.data is None or digest_of(one.salt, one.data) == one.digest
        return fits and linked(self.head, self.count, one.at, one.event, one.digest) == one.hash

    def _note(self, one: AuditRow) -> None:
        if one.data is None:
            self.empty.add(self.count)
        elif one.event == ERASED:
            self.erased.update(number for number in one.data.get("entries", ()) if isinstance(number, int))
        elif one.event == RESTORED:
            self.losses.append(one.data)

    def result(self) -> AuditCheck:
        mine = [anchor for anchor in self.anchors if anchor.store == self.store_id]
        for anchor in mine:
            if self.heads[anchor.count] == anchor.head or any(_lost(anchor, loss) for loss in self.losses):
                continue
            if anchor.count > self.count:
                self.problems.append(f"an anchor knows {anchor.count} entries, and there are {self.count}: the end was cut off")
            else:
                self.problems.append(f"entry {anchor.count} is not the one that was anchored")
        if not self.extract:
            self.problems += [f"entry {number} was emptied without a record" for number in sorted(self.empty - self.erased)]
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
        if self.empty:
            yield f"{len(self.empty)} entries are {'withheld' if self.extract else 'erased on record'}; their places verify."
        for loss in self.losses:
            yield (
                f"Entries {int(loss.get('from', 0)) + 1} to {loss.get('lost')} were lost when the store was restored from a backup; "
                f"{loss.get('by')} accepted that: {loss.get('why')}"
            )


def _lost(anchor: Anchor, loss: Mapping[str, Any]) -> bool:
    """True for an anchor of entries that a restore lost, by the record that a person left."""
    start, end = loss.get("from"), loss.get("lost")
    return isinstance(start, int) and isinstance(end, int) and start < anchor.count <= end
