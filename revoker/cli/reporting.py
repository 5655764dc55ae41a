"""A report document in each format, and how it is written to a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from revoker.errors import UsageError

ENDINGS = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md", ".csv": "csv", ".json": "json"}


def format_of(file: Path | None) -> str:
    """The format that a file's ending asks for; text for all others, and for standard output."""
    return ENDINGS.get(file.suffix.lower(), "text") if file else "text"


def rendered(doc: Mapping[str, Any], format: str) -> str:
    """The document as text in a format: html, md, csv, json or text."""
    if format == "html":
        from revoker.report.html import html

        return html(doc)
    if format == "md":
        from revoker.report.markdown import markdown

        return markdown(doc)
    if format == "csv":
        from revoker.report.table import table

        return table(doc)
    return json.dumps(doc) + "\n" if format == "json" else _plain(doc)


def write(file: Path, made: str) -> None:
    """Write a file that only its owner can read; never through a link. Raises UsageError."""
    write_bytes(file, made.encode("utf-8", "backslashreplace"))


def write_bytes(file: Path, made: bytes) -> None:
    """The same for bytes."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(file, flags, 0o600), "wb") as out:
            os.fchmod(out.fileno(), 0o600)
            out.write(made)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}.", next="links are not followed; name a file of your own"
        ) from None


def _plain(doc: Mapping[str, Any]) -> str:
    from revoker.report import story
    from revoker.report.terminal import Table, plain

    said = story.banner(doc["counts"])
    ordered = story.by_urgency(doc["credentials"])
    rows = [
        (
            c["fingerprint"],
            c["kind"],
            c["status"],
            c["reason"],
            story.account(c),
            c["findings"],
            story.when(c["times"]["ingested_at"]),
            story.took(c),
        )
        for c in ordered
    ]
    columns = ("credential", "kind", "status", "why", "account", "findings", "ingested (UTC)", "to dead")
    parts = [
        f"{story.title(doc)}\n{said.text}. {said.detail}\n",
        *(f"{alert}\n" for alert in story.alerts(doc)),
        plain(Table(("number", "value", ""), [(tile.name, tile.value, tile.detail) for tile in story.tiles(doc["metrics"])])),
        plain(Table(columns, rows, right=("findings",))) if rows else "",
        *(f"ORPHAN {story.orphan(orphan)}\n" for orphan in doc["orphans"]),
    ]
    return "\n".join(part for part in parts if part)
