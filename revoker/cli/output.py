"""How commands speak: one JSON document or tables on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from revoker.report.terminal import Table, write
from revoker.report.text import clean

Progress = Callable[[int, int], None]


def document(doc: Mapping[str, Any]) -> None:
    """One JSON document on stdout; ASCII, so that nothing in it can act on a terminal."""
    sys.stdout.write(json.dumps(doc, indent=2 if sys.stdout.isatty() else None) + "\n")


def table(made: Table) -> None:
    """A table on stdout: framed and coloured on a terminal, plain columns in a pipe."""
    write(made, sys.stdout)


def line(text: str) -> None:
    """One line of result on stdout."""
    sys.stdout.write(clean(text, 2_000) + "\n")


def tell(text: str) -> None:
    """One line for the person who waits, on stderr."""
    sys.stderr.write(clean(text, 2_000) + "\n")


@contextmanager
def progress(title: str) -> Iterator[Progress | None]:
    """A progress bar on stderr when it is a terminal, else None. Call it with what is done, and of how many."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def text(made: str) -> None:
    """A finished text on stdout, to the byte: a report, or a statement to sign."""
    sys.stdout.write(made)
