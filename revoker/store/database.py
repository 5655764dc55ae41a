"""Opens the database and gives transactions. All errors of the database leave here as StoreError, without values."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from revoker.config import Settings, base
from revoker.config_read import is_reference
from revoker.errors import StoreError
from revoker.model import Secret
from revoker.references import resolve
from revoker.secrets import EARLY, FORMAT, Keys, VaultTransit, fingerprint, load_keys
from revoker.store import schema
from revoker.store.sqlite_file import file_engine, prepare_file
from revoker.wrapped import SCHEME, Wrapping, first_rows, unwrap

POSTGRESQL = {
    "connect_timeout": 10,  # seconds
    # A process that is frozen within a transaction would hold its locks, the audit log's too, and stop all other workers.
    "options": "-c idle_in_transaction_session_timeout=20s",
}
CONNECTING = (  # of a text that may name host and login, what it means; never the text
    ("password authentication failed", "PostgreSQL refused its login or password"),
    ("does not exist", "PostgreSQL has no such database or login"),
    ("no pg_hba.conf entry", "PostgreSQL lets nobody in from here (pg_hba.conf)"),
    ("connection refused", "PostgreSQL does not answer (connection refused)"),
    ("timeout", "PostgreSQL does not answer (time-out)"),
    ("name or service not known", "PostgreSQL's host name is not known"),
    ("starting up", "PostgreSQL is starting up"),
    ("shutting down", "PostgreSQL is shutting down"),
    ("closed the connection", "PostgreSQL ended the connection"),
)
LOOK = "see that the database runs, has room, and is the one that [store] url names; revoker doctor looks at it"
SEAL_FORMAT = (
    "seal_format"  # of `meta`: the oldest format of a sealed value in this store; none in one that an early revoker made
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """An open database with the keys for what is sealed in it."""

    engine: Engine
    keys: Keys
    settings: Settings
    id: str  # made once with the database; the audit log is bound to it


def open_store(
    settings: Settings, *, create: bool = False, vault_transit: VaultTransit | None = None, wrapping: Wrapping | None = None
) -> Store:
    """Open the store, bring an older schema up to date, and check that the key fits.

    With `create`, a missing database and its key file are made. Raises StoreError or UnresolvedReference.
    """
    engine = _engine(settings, create=create)
    with converted():
        version = _version(engine)
    if version is None and not create:
        raise StoreError("There is no revoker store at this address.", next="`revoker ingest FILE` makes one; or set [store] url")
    if version != schema.HEAD:
        from revoker.store.migrate import upgrade

        upgrade(engine)
    rows = meta_rows(engine)
    if "key_check" not in rows:
        _make_identity(engine, settings, create=create, vault_transit=vault_transit, wrapping=wrapping)
        rows = meta_rows(engine)
    store_id, mark = rows["store_id"], rows["key_check"]
    name = settings.store.key.removeprefix(SCHEME)
    wrapped = name != settings.store.key
    keys = unwrap(rows, name, wrapping, store_id) if wrapped else load_keys(settings, vault_transit=vault_transit)
    if mark != _mark(keys, store_id):
        engine.dispose()
        raise StoreError(
            "The root key does not belong to this store.",
            safe="nothing was read or changed",
            next="set [store] key to the key that this store was made with, or restore both from the same backup",
        )
    return Store(engine, replace(keys, store=store_id, oldest=int(rows.get(SEAL_FORMAT, EARLY))), settings, store_id)


@contextmanager
def reading(store: Store) -> Iterator[Connection]:
    """A transaction that reads."""
    with converted(), store.engine.connect() as connection:
        yield connection


@contextmanager
def writing(store: Store) -> Iterator[Connection]:
    """A transaction that writes: committed when the block ends, rolled back when it raises."""
    with converted(), store.engine.connect().execution_options(revoker_write=True) as connection, connection.begin():
        yield connection


def empty_wal(store: Store) -> None:
    """Write SQLite's write-ahead log into the database and cut it: old copies of what was wiped stand in both until then.

    Raises StoreError when a process that reads holds it up for BUSY seconds. PostgreSQL has its own log, which is not ours to cut.
    """
    if store.engine.dialect.name != "sqlite":
        return
    with converted(), store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] if isinstance(raw, sqlite3.Connection) else 0
    if busy:
        raise StoreError(
            "The values are deleted, but copies of them are still in the database's write-ahead log.",
            safe="nothing opens them without the root key",
            next="end the other revoker processes and start this command again",
        )


@contextmanager
def converted() -> Iterator[None]:
    """Turn the database's errors into StoreError, without statements or values."""
    try:
        yield
    except IntegrityError as error:
        raise StoreError(f"The store refused a row that does not fit: {_reason(error)}.", safe="nothing was stored") from None
    except SQLAlchemyError as error:
        raise StoreError(
            f"The store cannot be used: {_reason(error)}.", safe="nothing was stored by this step", next=LOOK
        ) from None


def is_sqlite(connection: Connection) -> bool:
    """True on SQLite; else it is PostgreSQL."""
    return connection.dialect.name == "sqlite"


def insert_many(
    connection: Connection, table: sa.Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]], *, ignore: bool = False
) -> None:
    """Insert many rows at the driver's own speed; with `ignore`, rows that are there already stay as they are."""
    if rows:
        marks = ", ".join([_mark_of(connection)] * len(names))
        quoted = ", ".join(f'"{name}"' for name in names)
        sql = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({marks})'  # noqa: S608 - names of our own schema only
        connection.exec_driver_sql(sql + " ON CONFLICT DO NOTHING" if ignore else sql, list(rows))


def update_many(connection: Connection, table: sa.Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Set columns of many rows at the driver's own speed; each tuple ends with the row's id."""
    if rows:
        mark = _mark_of(connection)
        columns = ", ".join(f'"{name}" = {mark}' for name in names)
        sql = f'UPDATE "{table.name}" SET {columns} WHERE "id" = {mark}'  # noqa: S608 - names of our own schema only
        connection.exec_driver_sql(sql, list(rows))


def ignoring(connection: Connection, table: sa.Table) -> Any:
    """An INSERT that leaves a row that is there already as it is."""
    insert = sqlite.insert if is_sqlite(connection) else postgresql.insert
    return insert(table).on_conflict_do_nothing()


def among(connection: Connection, column: sa.ColumnElement[Any], values: Iterable[int | str]) -> sa.ColumnElement[bool]:
    """The condition that a column is one of many values, which travel as one parameter."""
    wanted = list(values)
    if not is_sqlite(connection):
        return column == sa.any_(sa.literal(wanted, postgresql.ARRAY(column.type)))
    return column.in_(sa.select(sa.func.json_each(json.dumps(wanted)).table_valued("value").c.value))


def chunks(items: Iterable[T], size: int = 5000) -> Iterator[list[T]]:
    """Lists of at the most `size` items."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def serialize(connection: Connection, what: int) -> None:
    """Let one transaction after the other through. SQLite has one writer anyway; PostgreSQL gets an advisory lock."""
    if not is_sqlite(connection):
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:space, :what)"), {"space": 0x7265766F, "what": what})


def database_time(connection: Connection) -> int:
    """Microseconds since 1970 by the clock that all workers share: PostgreSQL's own; on SQLite this machine's."""
    if is_sqlite(connection):
        return time.time_ns() // 1000
    return int(connection.execute(sa.text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")).scalar_one())


def check(store: Store) -> list[str]:
    """What the database's own check finds wrong; empty when it is sound."""
    with reading(store) as connection:
        if not is_sqlite(connection):
            return []
        found = connection.exec_driver_sql("PRAGMA integrity_check(20)").scalars().all()
    return [] if list(found) == ["ok"] else [str(line) for line in found]


def _engine(settings: Settings, *, create: bool) -> Engine:
    url = _url(settings)
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=dict(POSTGRESQL))
    prepare_file(Path(str(url.database)), create=create)
    return file_engine(url)


def _url(settings: Settings) -> URL:
    text = settings.store.url
    try:
        url = sa.make_url(resolve(text, settings).reveal() if is_reference(text) else text)
    except SQLAlchemyError:
        raise StoreError("The store's address cannot be read.", next="set [store] url as docs/config.md shows") from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        raise StoreError("The store is a SQLite file or a PostgreSQL database.", next="set [store] url as docs/config.md shows")
    return url.set(database=str(base(settings) / Path(url.database).expanduser()))


def _version(engine: Engine) -> str | None:
    """The schema's revision, or None for an empty database."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return None if found is None else str(found)


def meta_rows(engine: Engine) -> dict[str, str]:
    """What the store knows of itself: its id, the mark of its key, and wrapped keys."""
    with converted(), engine.connect() as connection:
        return dict(connection.execute(sa.select(schema.meta.c.name, schema.meta.c.value)).all())


def _make_identity(
    engine: Engine, settings: Settings, *, create: bool, vault_transit: VaultTransit | None, wrapping: Wrapping | None
) -> None:
    """Give a new database its id and the mark of its key. The first process wins."""
    id, name = uuid.uuid4().hex, settings.store.key.removeprefix(SCHEME)
    wrapped = first_rows(name, wrapping, id) if name != settings.store.key else {}
    keys = unwrap(wrapped, name, wrapping, id) if wrapped else load_keys(settings, create=create, vault_transit=vault_transit)
    with converted(), engine.connect().execution_options(revoker_write=True) as connection, connection.begin():
        serialize(connection, 1)
        if connection.execute(sa.select(schema.meta.c.name)).first() is None:
            made = {"store_id": id, "key_check": _mark(keys, id), SEAL_FORMAT: str(FORMAT), **wrapped}
            connection.execute(sa.insert(schema.meta), [{"name": name, "value": value} for name, value in made.items()])


def _mark(keys: Keys, store_id: str) -> str:
    """What shows that a key belongs to this store, and nothing else."""
    return fingerprint(keys, "revoker key check", Secret(store_id))


def _mark_of(connection: Connection) -> str:
    return "?" if is_sqlite(connection) else "%s"


def _reason(error: SQLAlchemyError) -> str:
    """A reason that holds no value of a row."""
    origin = getattr(error, "orig", None)
    if isinstance(origin, sqlite3.Error):
        return str(origin)[:200]
    state = getattr(origin, "sqlstate", None)
    if state is None and (plain := next((said for word, said in CONNECTING if word in str(origin).lower()), None)):
        return plain
    diagnosis = getattr(getattr(origin, "diag", None), "message_primary", None)
    return f"{type(origin or error).__name__} {state or ''} {diagnosis or ''}".strip()[:200]
