"""The pulse of an executor on PostgreSQL: it is heard, holds its claims, and notices that it was declared ended.

A process that was stopped (SIGSTOP, a laptop's lid, a frozen machine) wakes up with all it knew, and others have taken its
runs over meanwhile. Three things keep it from acting: its fence is refused with the intent and with the mark of the call,
nothing leaves when the last sign of life is too long ago, and the next beat tells that it is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from revoker.config import Settings
from revoker.errors import ConfigError, Parked, RevokerError
from revoker.log import get_logger
from revoker.runs import engine_store
from revoker.store import workers

if TYPE_CHECKING:
    from revoker.store.database import Store

BEATS = 12  # in a lease
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps

log = get_logger(__name__)


def uptime() -> float:
    """Seconds on a clock that nobody sets, and that also counts sleep."""
    return time.clock_gettime(CLOCK)


@dataclass(slots=True, eq=False)
class Pulse:
    """One executor's signs of life. `hold` seconds after the last one nothing may leave any more."""

    store: Store
    lease: engine_store.Lease
    clock: Callable[[], datetime]
    length: timedelta
    hold: float
    lost: threading.Event = field(default_factory=threading.Event)
    _last: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: Any = None

    def start(self) -> None:
        """Enlist, and beat from now on."""
        self._last = uptime()
        workers.enlist(self.store, self.lease.executor)
        self._thread = threading.Thread(target=self._go_on, name="pulse", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Leave: what this executor still has may be taken over at once."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        try:
            workers.declare_ended(self.store, [self.lease.executor])
        except RevokerError as error:
            log.warning("not_left", worker=self.lease.executor, error=type(error).__name__)

    def is_over(self) -> bool:
        """True when another declared this executor ended; asks the database."""
        if not self.lost.is_set() and not workers.is_current(self.store, self.lease.executor):
            self.lost.set()
        return self.lost.is_set()

    def check(self) -> None:
        """The last look, right before the bytes of a change leave. Raises Parked: then none left."""
        if self.lost.is_set() or uptime() - self._last > self.hold:
            raise Parked(
                "This worker was silent for too long; another one may have its runs.",
                safe="nothing was sent",
                next="revoker resume",
            )

    def _go_on(self) -> None:
        while not self._ended.wait(self.length.total_seconds() / BEATS):
            begun = uptime()
            try:
                engine_store.hold_again(self.store.engine, self.lease)
                alive = workers.beat(self.store, self.lease.executor, self.clock(), self.length)
            except Exception as error:  # noqa: BLE001 - a driver's error could quote the address with its password
                log.warning("no_beat", worker=self.lease.executor, error=type(error).__name__)
                continue
            if not alive:
                log.error("declared_ended", worker=self.lease.executor)
                self.lost.set()
                return
            self._last = begun


def pulse_for(store: Store, settings: Settings, lease: engine_store.Lease, clock: Callable[[], datetime]) -> Pulse:
    """The pulse of one executor, not begun yet. Raises ConfigError for a lease that leaves no room for a call."""
    length, call = settings.worker.lease, settings.verify.timeout
    if length < 3 * call:
        raise ConfigError(
            "[worker] lease must be at least three times [verify] timeout.",
            safe="nothing was started",
            next="raise [worker] lease: a worker that wakes up late must have ended its call before another takes over",
        )
    return Pulse(store, lease, clock, length, (length / 2 - call).total_seconds())
