"""A worker: picks runs that can go on, the most urgent first, and carries them out until it is told to end.

Any number of them share a PostgreSQL store, on any machines. Each run is picked by one of them; a worker that dies or falls
silent loses its runs to the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from revoker.errors import LeaseHeld, StoreError
from revoker.log import get_logger
from revoker.runs.engine import Engine
from revoker.store import picking, switches
from revoker.store.database import Store

LOOK = 0.5  # seconds between two looks for runs
SWEEP = 5.0  # seconds between two looks for dead workers
IDLE = 60.0  # seconds between two rounds of `idle`

log = get_logger(__name__)


@dataclass(slots=True, eq=False)
class Worker:
    """What one worker does beside its engine: `idle` is called each minute, `most` runs are under way at once."""

    engine: Engine
    most: int
    idle: Callable[[], None] = lambda: None
    ended: threading.Event = field(default_factory=threading.Event)
    picked: int = 0

    def run(self, *, once: bool = False) -> None:
        """Work until `ended` is set, or with `once` until nothing can go on. Raises LeaseHeld when others took over.

        When told to end, steps under way are finished and their runs given back.
        """
        rounds = 0
        while not self.ended.is_set():
            if rounds % int(SWEEP / LOOK) == 0:
                self._sweep(idle=rounds % int(IDLE / LOOK) == 0)
            rounds += 1
            here = self._fill()
            if once and not here:
                break
            self.ended.wait(LOOK)
        self._drain()

    def _sweep(self, *, idle: bool) -> None:
        try:
            freed = self.engine.free()
            if freed:
                log.info("freed", runs=len(freed))
            left = self.engine.pick_up()
            if left:
                log.info("picked_up", runs=len(left))
            if idle:
                self.idle()
        except StoreError as error:
            log.warning("store_away", error=error.message)

    def _fill(self) -> int:
        """Pick as many runs as there is room for; how many are under way then."""
        self._still_ours()
        engine = self.engine
        try:
            here = len(engine.under_way())
            if here >= self.most or switches.is_stopped(engine.store):
                return here
            rest = engine.settings.worker.retry
            ids = picking.pick(engine.store, engine.lease.executor, engine.clock(), self.most - here, rest)
            self.picked += len(engine.start(ids))
        except StoreError as error:
            log.warning("store_away", error=error.message)
            return 1
        return here + len(ids)

    def _still_ours(self) -> None:
        if self.engine.pulse is not None and self.engine.pulse.lost.is_set():
            raise LeaseHeld(
                "This worker was silent for too long, and others have its runs.",
                safe="nothing was done twice",
                next="start it again; `revoker runs` shows who has what",
            )

    def _drain(self) -> None:
        self.engine.stop()
        while self.engine.under_way():
            self._still_ours()
            self.engine.pick_up()  # to be given back
            threading.Event().wait(0.1)


def needs_postgresql(store: Store) -> None:
    """Raise StoreError on SQLite, with what to do instead."""
    if store.engine.dialect.name == "sqlite":
        raise StoreError(
            "Workers need PostgreSQL: on SQLite one process at a time carries runs out.",
            safe="nothing was started",
            next="`revoker apply` and `revoker watch` carry runs out here; for workers set [store] url to a PostgreSQL database",
        )
