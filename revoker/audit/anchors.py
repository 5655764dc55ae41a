"""Anchors: the head and count of the audit log, kept where the log's owner cannot change them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from revoker.errors import AuditError

TAIL = 256 * 1024  # bytes at the end of an anchor file that are looked at before each entry
BEGINNING = '{"at":'  # of every line


@dataclass(frozen=True, slots=True)
class Anchor:
    """The state of the log at one time. `token` is an RFC 3161 time stamp over it, in base64, or empty."""

    store: str
    count: int
    head: str
    at: str = ""
    token: str = ""


def statement(anchor: Anchor) -> bytes:
    """What a time stamp is made over: the same bytes for the same state."""
    return _line({"store": anchor.store, "count": anchor.count, "head": anchor.head}).encode()


def write_anchor(path: Path, anchor: Anchor) -> None:
    """Append an anchor, on disk before return. Raises AuditError."""
    fields = {"store": anchor.store, "count": anchor.count, "head": anchor.head, "at": anchor.at}
    line = _line({**fields, "token": anchor.token} if anchor.token else fields) + "\n"
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            raw = (line if _is_whole(handle) else "\n" + line).encode()
            written = os.write(handle, raw)  # one small write to an O_APPEND file: lines of two processes do not mix
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise _not_written(path, str(error.strerror)) from None
    if written < len(raw):
        raise _not_written(path, "only a part of the line found room")


def _not_written(path: Path, why: str) -> AuditError:
    return AuditError(f"The anchor file {path} cannot be written: {why}.", safe="nothing was sent or changed")


def _is_whole(handle: int) -> bool:
    """Whether the file ends with a whole line: a write to a full disk may have ended in the middle of one."""
    size = os.fstat(handle).st_size
    return size == 0 or os.pread(handle, 1, size - 1) == b"\n"


def read_anchors(path: Path) -> list[Anchor]:
    """The anchors in a file. Raises AuditError."""
    try:
        return _parsed(path, path.read_text(encoding="utf-8").splitlines())
    except OSError as error:
        raise AuditError(f"The anchor file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise AuditError(f"The anchor file {path} is damaged.") from None


def newest(path: Path, store_id: str) -> Anchor | None:
    """The anchor of a store with the most entries, from the end of the file; None when there is none. Raises AuditError."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AuditError(
            f"The anchor file {path} cannot be read: {error.strerror}.", safe="nothing was sent or changed"
        ) from None
    whole = lines if size <= TAIL else lines[1:]
    mine = [anchor for anchor in _parsed(path, whole) if anchor.store == store_id]
    return max(reversed(mine), key=lambda anchor: anchor.count, default=None)


def _parsed(path: Path, lines: list[str]) -> list[Anchor]:
    try:
        rows = [json.loads(line) for line in lines if line.strip() and not _is_torn(line)]
        return [Anchor(r["store"], int(r["count"]), r["head"], r["at"], str(r.get("token", ""))) for r in rows]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AuditError(f"The anchor file {path} is damaged.") from None


def _is_torn(line: str) -> bool:
    """Whether a line is what a write that ended in the middle left: it was told as not written, and anchors nothing."""
    return BEGINNING.startswith(line[: len(BEGINNING)]) and not line.endswith("}")


def _line(document: object) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
