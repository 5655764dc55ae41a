"""Where the durable engine keeps its own tables, and the lease that lets one process at a time be one executor.

A second process with the same executor id would take over running work at its start, and a key would be made twice.
On SQLite the lease is a lock on a file, and there is one executor. On PostgreSQL it is an advisory lock for each slot:
a worker takes the first free slot, and the runs of a slot whose lock is free belong to a worker that died.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revoker.errors import LeaseHeld, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from revoker.store.database import Store

SLOTS = 64
LOCK_SPACE = 0x72657665  # "reve": advisory locks of executors alone; the store has another space
SCHEMA = "revoker_engine"


@dataclass(slots=True, eq=False)
class Lease:
    """The right to be one executor, held until release() or the end of the process."""

    executor: str
    _file: int | None = None
    _connection: Connection | None = field(default=None, repr=False)

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._connection is not None:
            _unlock(self._connection)
            self._connection = None


def engine_folder(store: Store) -> Path:
    """The private folder beside the SQLite store."""
    folder = Path(str(store.engine.url.database)).absolute().with_suffix(".engine")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def hold_file(folder: Path) -> Lease:
    """Be the one executor of a SQLite store. Raises LeaseHeld when another process is."""
    file = os.open(folder / "lease", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise LeaseHeld(
            "Another revoker process works on this store.",
            safe="nothing was started twice",
            next="wait for it or stop it; with PostgreSQL as the store several workers can run",
        ) from None
    return Lease("local", _file=file)


def hold_slot(engine: Engine) -> Lease:
    """Be the executor of the first free slot of a PostgreSQL store. Raises StoreError when all are taken."""
    for slot in range(SLOTS):
        connection = _try_lock(engine, slot)
        if connection is not None:
            return Lease(f"slot-{slot}", _connection=connection)
    raise StoreError(f"All {SLOTS} worker slots of this store are taken.")


def dead_executors(engine: Engine, executors: set[str]) -> set[str]:
    """Those executors whose lock nobody holds: their worker is dead, and their runs may be taken over."""
    dead = set()
    for executor in executors:
        number = executor.removeprefix("slot-")
        connection = _try_lock(engine, int(number)) if number.isdigit() else None
        if connection is not None:
            _unlock(connection)
            dead.add(executor)
    return dead


def sqlite_engine(folder: Path) -> Engine:
    """SQLite with a write-ahead log, each commit forced to the disk, and DBOS's own settings beside it."""
    from sqlalchemy import create_engine, event

    path = folder / "engine.sqlite"
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"  # writers queue up instead of failing halfway
        for pragma in ("busy_timeout=30000", "auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")

    return engine


def _unlock(connection: Connection) -> None:
    """Close the connection itself: back in a pool it would keep its lock."""
    connection.invalidate()
    connection.close()


def _try_lock(engine: Engine, slot: int) -> Connection | None:
    """A connection that holds a slot's lock, or None. The lock ends with the connection, so with the process."""
    from sqlalchemy import text

    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    statement = text("SELECT pg_try_advisory_lock(:space, :slot)")
    if connection.execute(statement, {"space": LOCK_SPACE, "slot": slot}).scalar():
        return connection
    connection.close()
    return None


def postgresql_engine(store: Store) -> Engine:
    """A small pool of its own on the store's PostgreSQL."""
    from sqlalchemy import create_engine

    return create_engine(store.engine.url, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True)
