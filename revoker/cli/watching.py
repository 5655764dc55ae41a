"""The rounds of `revoker watch`: alone on SQLite, shared between workers on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from revoker.cli import closing, output, recheck, running
from revoker.cli.session import Session, now
from revoker.errors import LeaseHeld, RevokerError, UsageError
from revoker.report.text import iso


@dataclass(frozen=True, slots=True)
class Watch:
    """The wishes of one watch. `rounds` 0 means: until stopped."""

    session: Session
    every: timedelta
    rounds: int
    limit: int
    as_json: bool
    ended: Event = field(default_factory=Event)
    back: list[int] = field(default_factory=list)  # how many came back to life, round by round


def run(watch: Watch) -> bool:
    """Watch until the rounds are over; True when one came back to life in the last one."""
    if watch.session.store.engine.dialect.name == "sqlite":
        _alone(watch)
    else:
        _shared(watch)
    return bool(watch.back and watch.back[-1])


def _alone(watch: Watch) -> None:
    """One round after the other. The engine is held only while a run goes on, so that other commands can work."""
    while True:
        _round(watch, lambda: _go_on(watch.session))
        if watch.ended.is_set():
            return
        time.sleep(watch.every.total_seconds())


def _shared(watch: Watch) -> None:
    """The durable engine gives each slot of the clock to one of all watchers."""
    with running.engine(watch.session, inline=running.SHORT) as engine:
        engine.schedule("watch", cron(watch.every), lambda _slot: _round(watch, engine.resume))
        watch.ended.wait()


def _round(watch: Watch, go_on: Callable[[], object]) -> None:
    """Ask what is due, go on with runs, close and tell. What fails is said, and tried again in the next round."""
    try:
        done = recheck.once(watch.session, watch.limit)
        go_on()
        closing.finish(watch.session)
    except RevokerError as error:
        output.tell(f"This round failed: {error.message}")
        watch.back.append(0)
    else:
        watch.back.append(len(done.resurrected))
        _tell(watch, now(), recheck.facts(done), recheck.sentence(done))
    if watch.rounds and len(watch.back) >= watch.rounds:
        watch.ended.set()


def _tell(watch: Watch, at: datetime, facts: dict[str, object], sentence: str) -> None:
    from revoker.report.json_document import schema

    if watch.as_json:
        output.document({"schema": schema("watch"), "at": iso(at), **facts})
    else:
        output.line(f"{iso(at)} {sentence}")


def _go_on(session: Session) -> None:
    """Let runs go on that are due; nothing when there are none, or when another command is at it."""
    from revoker.store import runs

    left = [row.id for row in runs.list_runs(session.store, state=running.OPEN)]
    if not left:
        return
    try:
        with running.engine(session, inline=running.SHORT) as engine:
            engine.resume()
            engine.wait(left)
    except LeaseHeld:
        return


def cron(every: timedelta) -> str:
    """The engine's six-field schedule for a pause. Raises UsageError for one that divides no minute, hour or day."""
    seconds = int(every.total_seconds())
    for unit, most, line in ((1, 60, "*/{} * * * * *"), (60, 60, "0 */{} * * * *"), (3_600, 24, "0 0 */{} * * *")):
        count = seconds // unit
        if seconds % unit == 0 and 0 < count < most and most % count == 0:
            return line.format(count)
    raise UsageError("The time between rounds must divide a minute, an hour or a day.", next="use 30s, 1m, 5m, 15m, 1h or 6h")
