"""Runs under way: the durable engine for the time of one command, and what a person sees meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from revoker.cli import output
from revoker.cli.session import Session, now

if TYPE_CHECKING:
    from revoker.runs.engine import Engine
    from revoker.store.runs import RunRow

LOOK = timedelta(seconds=0.5)
ENDED = ("done", "failed", "cancelled", "parked", "waiting")
OPEN = ("ready", "running", "waiting", "parked")


@contextmanager
def engine(session: Session) -> Iterator[Engine]:
    """The durable engine; what was interrupted before goes on as soon as it is there."""
    from revoker.runs.engine import launch

    opened = launch(session.store, session.settings, clock=now)
    try:
        yield opened
    finally:
        opened.shutdown()


def follow(opened: Engine, run_ids: Sequence[str]) -> list[RunRow]:
    """Wait until none of the runs is under way here, with a bar on a terminal."""
    with output.progress("runs") as bar:
        if bar is None:
            return opened.wait(run_ids)
        while True:
            started = monotonic()
            rows = opened.wait(run_ids, timeout=LOOK)
            bar(sum(1 for row in rows if row.state in ENDED), len(rows))
            if monotonic() - started < LOOK.total_seconds():  # it came back early: nothing is under way any more
                return rows


def states(rows: Sequence[RunRow]) -> str:
    """How many runs are in each state, in one line."""
    counts = Counter(row.state for row in rows)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no runs"
