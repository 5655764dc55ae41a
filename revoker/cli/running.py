"""Runs under way: the durable engine for the time of one command, and what a person sees meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING

from revoker.cli import output
from revoker.cli.session import Session, now
from revoker.errors import LeaseHeld

if TYPE_CHECKING:
    from revoker.runs.engine import Engine
    from revoker.store.runs import RunRow

LOOK = timedelta(seconds=0.5)
INLINE = timedelta(minutes=15)  # how long one sleep inside a run may be
SHORT = timedelta(seconds=5)  # the same for workers and watchers: a run that must wait for longer is picked again later
ENDED = ("done", "failed", "cancelled", "parked", "waiting")
OPEN = ("ready", "running", "waiting", "parked")


@contextmanager
def engine(session: Session, inline: timedelta = INLINE) -> Iterator[Engine]:
    """The durable engine; what was interrupted before goes on as soon as it is there. Raises LeaseHeld.

    `inline` is the longest that a run may sleep within the command; for longer it ends as `waiting`.
    """
    from revoker.runs.engine import launch

    opened = launch(session.store, session.settings, clock=now, inline=inline)
    try:
        yield opened
    finally:
        opened.shutdown()


def carry_out(session: Session, run_ids: Sequence[str], begin: Callable[[Engine], object]) -> list[RunRow]:
    """Begin runs and follow them to where they end or wait. On SQLite one process at a time carries runs out:
    where another does (a `revoker watch`), it takes these too, and this one follows them.
    """
    told = False
    while True:
        try:
            with engine(session) as opened:
                begin(opened)
                return follow(opened, run_ids)
        except LeaseHeld as held:
            if not told:
                output.tell(f"{held.message} It carries the runs out; they are followed from here.")
            told = True
        rows = _rows(session, run_ids)
        if all(row.state in ENDED for row in rows):
            return rows
        sleep(LOOK.total_seconds())


def _rows(session: Session, run_ids: Sequence[str]) -> list[RunRow]:
    from revoker.store import runs

    return [runs.get_run(session.store, run_id) for run_id in run_ids]


def follow(opened: Engine, run_ids: Sequence[str]) -> list[RunRow]:
    """Wait until none of the runs is under way here, with a bar on a terminal."""
    with output.progress("runs") as bar:
        while True:
            started = monotonic()
            rows = opened.wait(run_ids, timeout=LOOK)
            if bar is not None:
                bar(sum(1 for row in rows if row.state in ENDED), len(run_ids))
            if monotonic() - started < LOOK.total_seconds():  # it came back early: nothing is under way any more
                return rows


def states(rows: Sequence[RunRow]) -> str:
    """How many runs are in each state, in one line."""
    counts = Counter(row.state for row in rows)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no runs"
