"""The text of the root key: one line for each version, `v1 BASE64`, and what outlived the first version.

Fingerprints and the audit log are made with keys of version 1. When that version is taken away, these two keys stay as
`fingerprint BASE64` and `audit BASE64`: they open no sealed value.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from revoker.errors import StoreError

ROOT = 32  # bytes
LINE = re.compile(r"v([1-9]\d{0,3})|fingerprint|audit")


@dataclass(frozen=True, slots=True)
class Carried:
    """The two keys of version 1 that a rotation carries over."""

    fingerprint: bytes = field(repr=False)
    audit: bytes = field(repr=False)


def parse_roots(text: str) -> dict[int, bytes]:
    """The versions in a root text. A single BASE64 word is version 1. Raises StoreError."""
    roots = {int(name[1:]): key for name, key in _lines(text).items() if name.startswith("v")}
    if not roots:
        raise StoreError("The root key is empty.", next="restore it from your backup")
    return roots


def parse_carried(text: str) -> Carried | None:
    """The two carried keys, if version 1 is gone. Raises StoreError."""
    lines = _lines(text)
    return Carried(lines["fingerprint"], lines["audit"]) if {"fingerprint", "audit"} <= lines.keys() else None


def _lines(text: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for line in filter(None, (part.strip() for part in re.split(r"[\n,]", text))):
        name, _, encoded = line.rpartition(" ")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if LINE.fullmatch(name or "v1") is None or len(key) != ROOT:
            raise StoreError(
                "The root key is not readable.", next="it is one line `v1 BASE64` of 32 bytes; restore it from your backup"
            )
        found[name or "v1"] = key
    return found


def format_roots(roots: Mapping[int, bytes], carried: Carried | None = None) -> str:
    """The root text of some versions."""
    lines = [(f"v{version}", root) for version, root in sorted(roots.items())]
    lines += [("fingerprint", carried.fingerprint), ("audit", carried.audit)] if carried is not None else []
    return "".join(f"{name} {base64.b64encode(key).decode()}\n" for name, key in lines)


def write_root(path: Path, roots: Mapping[int, bytes], carried: Carried | None = None, *, replace: bool = False) -> None:
    """Write the key file, mode 0600, whole and durable. Another process's file is never overwritten unless `replace`."""
    fresh = path.with_name(f"{path.name}.{os.urandom(4).hex()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(format_roots(roots, carried))
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            fresh.replace(path)
        else:
            with suppress(FileExistsError):  # somebody else was first; that key counts
                path.hardlink_to(fresh)
            fresh.unlink()
    except OSError as error:
        raise StoreError(f"The key file {path} cannot be made: {error.strerror}.") from None
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some systems cannot sync a folder; the file itself is on disk
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
