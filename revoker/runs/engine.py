"""The narrow port over the durable engine: start, resume, cancel, list, schedule, wait, shut down.

DBOS does the work (a library, on SQLite or PostgreSQL). Nothing outside the files engine*.py knows it, and only
commands that run something import it: the import alone takes a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from revoker.config import Settings
from revoker.errors import StoreError
from revoker.runs import engine_store, steps
from revoker.runs.pulse import Pulse, pulse_for
from revoker.store import picking, workers
from revoker.store import runs as run_rows

if TYPE_CHECKING:
    from revoker.store.database import Store
    from revoker.store.runs import RunRow

ACTIVE = ("PENDING", "ENQUEUED", "DELAYED")
FINISHED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
RETENTION = timedelta(days=30)
SWEEP = 2.0  # seconds between two looks for dead workers while we wait for runs


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """One launched executor. There is at most one in a process."""

    store: Store
    settings: Settings
    clock: Callable[[], datetime]
    lease: engine_store.Lease
    database: Any
    pulse: Pulse | None = None  # on PostgreSQL

    def start(self, run_ids: Iterable[str]) -> list[str]:
        """Start each run, unless it is under way already, here or elsewhere; give those that were started."""
        mine = self.lease.executor
        return [run_id for run_id in run_ids if picking.take(self.store, run_id, mine) and self._start(run_id)]

    def resume(self, run_ids: Sequence[str] = (), *, force: bool = False) -> list[str]:
        """Go on with all runs that can go on now: never started, interrupted, parked, or waiting and due.

        `force` does not ask whether a waiting one is due. Named failed runs are tried again; others are left.
        """
        self.take_over()
        chosen = [run_rows.get_run(self.store, run_id) for run_id in run_ids] or run_rows.list_runs(self.store)
        return self.start(row.id for row in chosen if self._can_go_on(row, named=bool(run_ids), force=force))

    def take_over(self) -> int:
        """Let the runs of dead and of silent workers go on here; how many there were. Nothing to do on SQLite."""
        freed = self.free()
        self.start(freed)
        return len(freed)

    def free(self) -> list[str]:
        """Take dead and silent workers' runs from them, for whoever picks them; the runs. Nothing to do on SQLite.

        Their workflows end: one that wakes up late finds its own cancelled, its fence refused and itself declared ended.
        """
        from dbos import DBOS

        if self.pulse is None:
            return []
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        others = ({str(flow.executor_id) for flow in pending} | picking.holders(self.store)) - {self.lease.executor}
        unlocked = engine_store.unlocked(self.database, others)
        gone = workers.gone(self.store, others, unlocked, self.settings.worker.lease)
        if not gone:
            return []
        workers.declare_ended(self.store, gone)
        theirs = [flow for flow in pending if flow.executor_id in gone]
        DBOS.cancel_workflows([flow.workflow_id for flow in theirs if flow.workflow_id.startswith("run:")])
        DBOS.resume_workflows([flow.workflow_id for flow in theirs if not flow.workflow_id.startswith("run:")])
        return picking.free(self.store, gone, self.clock())

    def under_way(self) -> list[str]:
        """The runs that this executor has now."""
        return picking.held_by(self.store, self.lease.executor)

    def pick_up(self) -> list[str]:
        """Start what this executor has and no workflow of it carries out; the runs.

        A database that goes away between the pick and the start leaves such ones. Only what is still ours after its workflow
        was found ended counts: one that ends meanwhile gives its run back first.
        """
        idle = [run_id for run_id in self.under_way() if not self._is_active(run_id)]
        ours = self.under_way() if idle else []
        return self.start(run_id for run_id in idle if run_id in ours)

    def stop(self) -> None:
        """Begin no further step: what is under way ends its step, and its run is given back."""
        from revoker.runs import engine_flow

        for work in engine_flow.work:
            work.stopping.set()

    def wait(self, run_ids: Iterable[str], timeout: timedelta | None = None) -> list[RunRow]:
        """Wait until no run of these is under way, here or at another worker; give their rows."""
        end = None if timeout is None else time.monotonic() + timeout.total_seconds()
        wanted, swept = list(run_ids), time.monotonic()
        while (end is None or time.monotonic() < end) and any(self._is_active(run_id) for run_id in wanted):
            time.sleep(0.05)
            if time.monotonic() - swept > SWEEP:
                self.take_over()
                swept = time.monotonic()
        return [run_rows.get_run(self.store, run_id) for run_id in wanted]

    def schedule(self, name: str, cron: str, function: Callable[[datetime], object]) -> None:
        """Call a function at each slot of a six-field cron line (seconds first), once over all workers.

        Slots that passed while nobody ran are not made up for: what is due is due at the next slot too.
        """
        from dbos import DBOS

        from revoker.runs import engine_flow

        engine_flow.ticks[name] = function
        DBOS.apply_schedules(
            [{"schedule_name": name, "workflow_fn": engine_flow.tick, "schedule": cron, "context": name, "cron_timezone": "UTC"}]
        )

    def unschedule(self, name: str) -> None:
        """Take a schedule away."""
        from dbos import DBOS

        DBOS.delete_schedule(name)

    def collect(self, older_than: timedelta = RETENTION) -> int:
        """Delete the engine's own rows of what ended long ago; our journal and audit log stay. How many went."""
        from dbos import DBOS

        before = (self.clock() - older_than).isoformat()
        ended = DBOS.list_workflows(status=list(FINISHED), completed_before=before, load_input=False, load_output=False)
        DBOS.delete_workflows([flow.workflow_id for flow in ended])
        if ended and self.database.dialect.name == "sqlite":
            with self.database.connect() as connection:
                connection.exec_driver_sql("PRAGMA incremental_vacuum")
        return len(ended)

    def shutdown(self) -> None:
        """End this executor. Runs that were under way go on at the next launch."""
        from dbos import DBOS

        from revoker.runs import engine_flow

        DBOS.destroy()
        engine_flow.work.clear()
        engine_flow.ticks.clear()
        if self.pulse is not None:
            self.pulse.end()
        self.database.dispose()
        self.lease.release()

    def _start(self, run_id: str) -> bool:
        from dbos import DBOS, SetWorkflowID

        from revoker.runs import engine_flow

        if self._is_active(run_id):
            return False
        attempts = [int(flow.workflow_id.rpartition(":")[2]) for flow in self._flows(run_id)]
        with SetWorkflowID(f"run:{run_id}:{max(attempts, default=0) + 1}"):
            DBOS.start_workflow(engine_flow.run, run_id)
        return True

    def _is_active(self, run_id: str) -> bool:
        return any(flow.status in ACTIVE for flow in self._flows(run_id))

    def _flows(self, run_id: str) -> list[Any]:
        from dbos import DBOS

        return DBOS.list_workflows(workflow_id_prefix=f"run:{run_id}:", load_input=False, load_output=False)

    def _can_go_on(self, row: RunRow, *, named: bool, force: bool) -> bool:
        if row.state in ("ready", "running", "parked"):
            return True
        if row.state == "waiting":
            return force or steps.is_due(self.store, row.id, self.clock())
        return named and row.state == "failed"


def launch(
    store: Store, settings: Settings, *, clock: Callable[[], datetime], inline: timedelta = timedelta(minutes=15)
) -> Engine:
    """Take the lease and start the durable engine; its unfinished workflows go on at once.

    `inline` is how long one sleep inside a run may be; a run that must wait for longer ends as `waiting`, and
    resume() goes on with it. Raises StoreError when another process holds the lease, or when an engine runs already.
    """
    from dbos import DBOS, DBOSConfig

    from revoker.runs import engine_flow
    from revoker.runs.engine_serializer import SealedSerializer, refuse_pickle

    if engine_flow.work:
        raise StoreError("The durable engine runs in this process already.")
    lease, database = _place(store)
    pulse = pulse_for(store, settings, lease, clock) if lease.executor != engine_store.LOCAL else None
    refuse_pickle()
    _silence()
    config: DBOSConfig = {
        "name": "revoker",
        "executor_id": lease.executor,
        "application_version": engine_flow.VERSION,
        "serializer": SealedSerializer(store.keys),
        "log_level": "CRITICAL",
        "enable_otlp": False,
        "dbos_system_schema": engine_store.SCHEMA,
        "system_database_engine": database,
        "notification_listener_polling_interval_sec": 0.25,
        "scheduler_polling_interval_sec": 1.0,
    }
    try:
        DBOS(config=config)
        length = settings.worker.lease if pulse is not None else steps.LEASE
        engine_flow.work.append(steps.Work(store, settings, clock, lease.executor, inline, lease=length, pulse=pulse))
        if pulse is not None:
            pulse.start()
        DBOS.launch()
    except Exception as error:  # noqa: BLE001 - a driver's error could quote the address with its password
        engine_flow.work.clear()
        DBOS.destroy()
        if pulse is not None:
            pulse.end()
        lease.release()
        raise StoreError(f"The durable engine did not start ({type(error).__name__}).") from None
    engine = Engine(store, settings, clock, lease, database, pulse)
    engine.collect()
    return engine


def _silence() -> None:
    """The engine's own logger gets no way out: it would write to whatever stderr was when it was first loaded."""
    logger = logging.getLogger("dbos")
    logger.handlers[:] = [logging.NullHandler()]
    logger.propagate = False


def _place(store: Store) -> tuple[engine_store.Lease, Any]:
    if store.engine.dialect.name == "sqlite":
        folder = engine_store.engine_folder(store)
        return engine_store.hold_file(folder), engine_store.sqlite_engine(folder)
    return engine_store.hold_name(store.engine), engine_store.postgresql_engine(store)
