"""Runs as they go on: a live table on a terminal, one line (or one document) for each change in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from revoker.cli import listing, output
from revoker.cli.session import now
from revoker.report.text import iso

if TYPE_CHECKING:
    from revoker.store.database import Store
    from revoker.store.runs import RunRow

LOOK = 0.5  # seconds between two looks
SHOWN = 40  # lines of the live table

Read = Callable[[], "list[RunRow]"]


def follow(store: Store, read: Read, *, as_json: bool) -> list[RunRow]:
    """Show changes until no run is left that can change; the runs as they ended."""
    if as_json or not sys.stdout.isatty():
        return _lines(store, read, as_json=as_json)
    return _live(store, read)


def document(store: Store, rows: Sequence[RunRow]) -> dict[str, Any]:
    """The document of `revoker runs --json`."""
    from revoker.report import json_document

    whom = waits(store, rows)
    made = [json_document.run(row) | {"waits_for": whom.get(row.id)} for row in rows]
    return {"schema": json_document.schema("runs"), "runs": made}


def waits(store: Store, rows: Sequence[RunRow]) -> Mapping[str, str]:
    """For whom each run waits."""
    from revoker.runs.waits import whom

    return whom(store, rows)


def _lines(store: Store, read: Read, *, as_json: bool) -> list[RunRow]:
    """One line for each run whose state, step, worker or message changed; all of them at first."""
    told: dict[str, tuple[Any, ...]] = {}
    while True:
        rows = read()
        new = [row for row in rows if told.get(row.id) != _seen(row)]
        told |= {row.id: _seen(row) for row in new}
        if new and as_json:
            output.document(document(store, new))
        elif new:
            whom = waits(store, new)
            for row in new:
                output.line(_line(row, whom.get(row.id, "")))
        sys.stdout.flush()
        if _is_over(rows):
            return rows
        time.sleep(LOOK)


def _live(store: Store, read: Read) -> list[RunRow]:
    from rich.console import Console
    from rich.live import Live

    from revoker.report.terminal import framed
    from revoker.store.runs import ENDED

    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        while True:
            rows = read()
            shown = sorted(rows, key=lambda row: (row.state in ENDED, row.priority, row.created_at, row.id))[:SHOWN]
            table = listing.runs(shown, waits(store, shown))
            live.update(framed(table, console.width, title=_title(rows)))
            if _is_over(rows):
                return rows
            time.sleep(LOOK)


def _title(rows: Sequence[RunRow]) -> str:
    from revoker.cli.running import states

    hidden = f"; {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"{len(rows)} runs: {states(rows)}{hidden}"


def _seen(row: RunRow) -> tuple[Any, ...]:
    return row.state, row.step, row.worker, row.message


def _is_over(rows: Sequence[RunRow]) -> bool:
    from revoker.store.runs import ENDED

    return all(row.state in ENDED for row in rows)


def _line(row: RunRow, whom: str) -> str:
    parts = (iso(now()), row.id, row.fingerprint[: listing.SHORT], row.playbook, row.state, row.step or "-", row.worker or "-")
    said = "; ".join(text for text in (f"waits for {whom}" if whom else "", row.message) if text)
    return "  ".join(str(part) for part in (*parts, said)).rstrip()
