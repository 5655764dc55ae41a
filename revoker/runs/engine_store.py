"""Where the durable engine keeps its own tables, and the lease that lets one process at a time be one executor.

A second process with the same executor id would take over running work at its start, and a key would be made twice.
On SQLite the lease is a lock on a file, and there is one executor. On PostgreSQL each process has a name of its own that
nobody has again, and an advisory lock for it: where the lock is free, that process has ended or lost its connection.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import secrets
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revoker.errors import LeaseHeld

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from revoker.store.database import Store

LOCAL = "local"  # the one executor of a SQLite store
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
    return Lease(LOCAL, _file=file)


def hold_name(engine: Engine) -> Lease:
    """Be an executor of a PostgreSQL store, under a new name: host, process and chance."""
    host = re.sub(r"[^A-Za-z0-9.-]", "", platform.node())[:40] or "host"
    while True:
        name = f"{host}-{os.getpid()}-{secrets.token_hex(3)}"
        connection = _try_lock(engine, name)
        if connection is not None:
            return Lease(name, _connection=connection)


def hold_again(engine: Engine, lease: Lease) -> None:
    """Take the lock of a name again when its connection was lost: PostgreSQL was restarted, or the network was away."""
    if lease._connection is not None and _answers(lease._connection):
        return
    dead, lease._connection = lease._connection, None  # before anything that fails while the server is away
    if dead is not None:
        _unlock(dead)
    lease._connection = _try_lock(engine, lease.executor)


def unlocked(engine: Engine, executors: Collection[str]) -> set[str]:
    """Those executors whose lock nobody holds."""
    found = set()
    for executor in executors:
        connection = _try_lock(engine, executor)
        if connection is not None:
            _unlock(connection)
            found.add(executor)
    return found


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


def _try_lock(engine: Engine, executor: str) -> Connection | None:
    """A connection that holds a name's lock, or None. The lock ends with the connection, so with the process."""
    from sqlalchemy import text

    number = int.from_bytes(hashlib.sha256(executor.encode()).digest()[:4], signed=True)
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    statement = text("SELECT pg_try_advisory_lock(:space, :number)")
    if connection.execute(statement, {"space": LOCK_SPACE, "number": number}).scalar():
        return connection
    connection.close()
    return None


def _answers(connection: Connection) -> bool:
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def postgresql_engine(store: Store) -> Engine:
    """A small pool of its own on the store's PostgreSQL."""
    from sqlalchemy import create_engine

    from revoker.store.database import POSTGRESQL

    more = {"pool_size": 10, "max_overflow": 10, "connect_args": dict(POSTGRESQL)}
    return create_engine(store.engine.url, pool_pre_ping=True, hide_parameters=True, **more)
