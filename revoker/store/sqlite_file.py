"""A SQLite file that is ours alone, and connections that lose nothing and wait for each other."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from revoker.errors import StoreError

PRAGMAS = (
    "PRAGMA synchronous = FULL",  # a committed intent survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what is deleted is overwritten
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",  # 64 MiB
    "PRAGMA wal_autocheckpoint = 8192",  # pages (32 MiB): a long ingest writes its index pages once, not at each commit
)
BUSY = 30.0  # seconds to wait for another writer


def file_engine(url: URL) -> Engine:
    """The engine of a SQLite file."""
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY})
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def prepare_file(path: Path, *, create: bool) -> None:
    """Make the file before SQLite does, so that it is never readable by others; refuse one that is."""
    if not path.exists() and not create:
        raise StoreError(f"There is no store at {path}.", next="`revoker ingest FILE` makes one; or set [store] url")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
        mode, folder = path.stat().st_mode, path.parent.stat().st_mode
    except OSError as error:
        raise StoreError(f"The store {path} cannot be made or opened: {error.strerror}.") from None
    if os.name == "posix" and mode & 0o077:
        raise StoreError(f"Others may read the store {path}.", next=f"chmod 600 {path}")
    if os.name == "posix" and folder & stat.S_IWOTH and not folder & stat.S_ISVTX:
        raise StoreError(f"Everybody may write to the folder {path.parent}.", next=f"chmod o-w {path.parent}")


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves: see _begin
    _use_wal(connection)
    for pragma in PRAGMAS:
        connection.execute(pragma).close()


def _use_wal(connection: sqlite3.Connection) -> None:
    """Keep the journal in a WAL file. The switch of a new file does not wait for other writers by itself, as all else does."""
    end = time.monotonic() + BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: Connection) -> None:
    """Writers take the lock at once, so that none fails half way for having read before."""
    write = connection.get_execution_options().get("revoker_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
