"""`vault find` without reading a secret: what an audit device wrote of the leaked value, and who read it.

An audit device writes every string as an HMAC by a salt of its own; `sys/audit-hash` tells what it writes for a value. So the
log tells the path, the field, the time, the address, the token's accessor (hashed too) and its display name.
Limits: whole strings only, one device, and what the file still holds. https://openbao.org/api-docs/system/audit-hash/
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import quote

from revoker.egress.vault import Vault
from revoker.egress.vault_kv import Kv, leaves, sealed
from revoker.errors import AuthorityError, UsageError
from revoker.locate.needles import SECRET, Needle
from revoker.model import Credential, Secret
from revoker.store.homes import Home

HASH = re.compile(rb"hmac-sha256:[0-9a-f]{64}")
LONGEST = 16 << 20  # bytes of one line; a longer one is counted and left out
OWN = "sys/audit-hash/"  # our own question for the hash stands in the log too
WRITES = ("create", "update")

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Access:
    """One line of the log that holds a leaked value. `accessor` is hashed, as the device wrote it."""

    fingerprint: str
    path: str
    field: str
    at: str
    operation: str
    remote: str
    accessor: str
    display_name: str
    ours: bool


@dataclass
class AuditSearch:
    """What a log told."""

    accesses: list[Access] = field(default_factory=list)
    homes: dict[tuple[str, str, str, str], Home] = field(default_factory=dict)
    lines: int = 0
    unreadable: int = 0


def hashes(vault: Vault, device: str, credentials: Iterable[Credential]) -> dict[str, list[Needle]]:
    """What the device writes for each part of each credential. Raises AuthorityError, UsageError for no such device."""
    found: dict[str, list[Needle]] = {}
    for cred in credentials:
        parts = {SECRET: (cred.secret, False), **{n: (v, False) for n, v in cred.secret_parts.items()}}
        parts |= {n: (Secret(v), True) for n, v in cred.parts.items()}
        for name, (value, public) in parts.items():
            if not value:  # a part that a report left empty: the device hashes no empty text
                continue
            found.setdefault(hash_of(vault, device, value), []).append(Needle(cred.fingerprint, name, public))
    return found


def hash_of(vault: Vault, device: str, value: Secret) -> str:
    """What the device writes for a value."""
    try:
        answer = vault.call("POST", f"/v1/{OWN}{quote(device.strip('/'), safe='')}", {"input": value}, changes=False)
    except AuthorityError as error:
        if "(400)" in error.message:  # the device is what it can be wrong with: no empty text is asked about
            raise UsageError(f"Vault has no audit device {device!r}.", next="vault audit list shows their names") from None
        raise
    return str((answer.get("data") or answer).get("hash") or "")


def search(
    file: Path,
    wanted: Mapping[str, Sequence[Needle]],
    kv_of: Callable[[str], Kv],
    now: datetime,
    *,
    own: str,
    told: Told | None = None,
) -> AuditSearch:
    """Go through a log, line by line; a file that ends in .gz is unpacked on the way. `own` is our accessor's hash."""
    found, known, size = AuditSearch(), set[bytes](), file.stat().st_size
    for line, done in _lines(file, found):
        hits = {text.decode() for text in HASH.findall(line)} & wanted.keys()
        if not hits and not any(path in line for path in known):
            continue
        entry = _parsed(line)
        if entry is None:
            found.unreadable += 1
            continue
        path = str((entry.get("request") or {}).get("path") or "")
        if not path.startswith(OWN):
            known.add(json.dumps(path).encode())
            _take(found, _Line(entry, path, own), wanted, kv_of, now)
        if told is not None:
            told(done, size)
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    entry: Mapping[str, Any]
    path: str
    own: str

    @property
    def request(self) -> Mapping[str, Any]:
        return self.entry.get("request") or {}

    @property
    def body(self) -> Mapping[str, Any]:
        """What was answered, or what was sent."""
        kind = "response" if self.entry.get("type") == "response" else "request"
        return (self.entry.get(kind) or {}).get("data") or {}

    @property
    def is_current(self) -> bool:
        """True for a reading of the newest version, and for a writing: what they show is what stands there then."""
        if self.entry.get("type") == "response":
            return self.operation == "read" and "version" not in (self.request.get("data") or {})
        return self.operation in WRITES

    @property
    def operation(self) -> str:
        return str(self.request.get("operation") or "")


def _take(
    found: AuditSearch, line: _Line, wanted: Mapping[str, Sequence[Needle]], kv_of: Callable[[str], Kv], now: datetime
) -> None:
    kv = _kv(line, kv_of)
    inner = line.body.get("data") if kv is not None and kv.version == 2 else line.body
    held = [(needle, name) for name, leaf in leaves(sealed(inner)) for needle in wanted.get(leaf.reveal(), ())]
    secret = {needle.fingerprint for needle, _ in held if not needle.public}
    held = [(needle, name) for needle, name in held if needle.fingerprint in secret]
    found.accesses += [_access(line, needle, name) for needle, name in held if not needle.public]
    if kv is None:
        return
    home = _secret_path(kv, line.path)
    if isinstance(inner, Mapping) and inner and line.is_current:
        _note_current(found, home, {(needle.fingerprint, name) for needle, name in held})
    for needle, name in held:
        key = (needle.fingerprint, home, name, needle.part)
        before = found.homes.get(key)
        versions = tuple(sorted({*(before.versions if before else ()), *_version(line)}))
        newest = line.is_current or (before is not None and before.newest)
        found.homes[key] = Home(needle.fingerprint, home, name, needle.part, kv.version, versions, newest, "audit", now)


def _note_current(found: AuditSearch, home: str, still: set[tuple[str, str]]) -> None:
    """A later reading or whole writing without the value: the path has moved on."""
    for key, known in found.homes.items():
        if known.path == home and (known.fingerprint, known.field) not in still:
            found.homes[key] = replace(known, newest=False)


def _access(line: _Line, needle: Needle, name: str) -> Access:
    auth = line.entry.get("auth") or {}
    accessor = str(auth.get("accessor") or "")
    return Access(
        needle.fingerprint,
        line.path,
        name,
        str(line.entry.get("time") or ""),
        line.operation,
        str(line.request.get("remote_address") or ""),
        accessor,
        str(auth.get("display_name") or ""),
        bool(accessor) and accessor == line.own,
    )


def _kv(line: _Line, kv_of: Callable[[str], Kv]) -> Kv | None:
    """The KV engine of a path, by the log's own word where it has one."""
    if line.path.startswith(("sys/", "auth/", "identity/", "cubbyhole/")) or "/" not in line.path:
        return None
    if str(line.request.get("mount_type") or "kv") not in ("kv", "generic"):
        return None
    mount = str(line.request.get("mount_point") or "").strip("/")
    return kv_of(f"{mount}/x" if mount else line.path)


def _secret_path(kv: Kv, path: str) -> str:
    """`secret/data/a/b` of the API as the path of the secret."""
    rest = path.removeprefix(kv.mount).strip("/")
    return quote(f"{kv.mount}/{rest.removeprefix('data/') if kv.version == 2 else rest}", safe="/")


def _version(line: _Line) -> list[int]:
    meta = line.body.get("metadata") if isinstance(line.body, Mapping) else None
    number = meta.get("version") if isinstance(meta, Mapping) else None
    return [number] if isinstance(number, int) else []


def _lines(file: Path, found: AuditSearch) -> Iterator[tuple[bytes, int]]:
    with file.open("rb") as raw:
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if file.suffix == ".gz" else raw
        while line := stream.readline(LONGEST):
            found.lines += 1
            if len(line) == LONGEST and not line.endswith(b"\n"):
                found.unreadable += 1
                while (rest := stream.readline(LONGEST)) and not rest.endswith(b"\n"):
                    continue
                continue
            yield line, raw.tell()


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    """One entry; some collectors put a prefix before it."""
    start = line.find(b"{")
    try:
        entry = json.loads(line[start:]) if start >= 0 else None
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, Mapping) else None
