"""`revoker key rotate`: a new key, everything sealed again, and only then the old key is not needed any more.

What is done can be read from the key, the wrapped rows and the values themselves; one row of `meta` says that a rotation
is under way and from which versions. So a rotation that was killed anywhere goes on by being called again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from revoker import audit, secrets
from revoker.errors import LeaseHeld, StoreError
from revoker.model import Secret
from revoker.runs import engine_store
from revoker.runs.crashpoints import reach
from revoker.store import credentials
from revoker.store.database import SEAL_FORMAT, Store, is_sqlite, meta_rows, reading
from revoker.store.sealing import NEWEST, ROTATION, announce, key_versions, put_meta
from revoker.wrapped import CARRIED, PREFIX, SCHEME, Wrapping, context, is_root, version_of

BATCH = 500
COLUMNS = ("inputs", "output", "error", "message", "value", "context")  # of the durable engine's tables, where we seal
RECORD = {"record": "engine", "field": "revoker_sealed_1"}


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did. `kept` says which old part of the key must stay, and why."""

    version: int
    values: int
    kept: str


def rotate(
    open_again: Callable[[], Store], wrapping: Wrapping | None, *, who: str, clock: Callable[[], datetime], batch: int = BATCH
) -> Rotated:
    """Rotate, or go on with a rotation. Raises LeaseHeld while workers run, StoreError, or what Vault's answer means."""
    store = open_again()
    with alone(store):
        state = _begin(store, wrapping, who, clock())
        _new_key(store, wrapping, state)
        fresh = open_again()
        announce(fresh)
        reach("announced")
        values = 0
        while done := credentials.reseal(fresh, batch):
            values += done
            reach("values sealed again")
        reseal_engine(fresh)
        reach("engine sealed again")
        kept = _retire(fresh, wrapping)
        audit.append(fresh, "key_rotated", {"version": fresh.keys.seal.current, "who": state["who"]}, clock())
        put_meta(fresh, {SEAL_FORMAT: str(secrets.FORMAT)}, gone=(ROTATION,))
        reach("rotated")
    return Rotated(fresh.keys.seal.current, sum(key_versions(fresh).values()), kept)


def _begin(store: Store, wrapping: Wrapping | None, who: str, now: datetime) -> Mapping[str, int | str]:
    """Say what is about to happen, once: the audit log first."""
    rows = meta_rows(store.engine)
    if ROTATION in rows:
        found: Mapping[str, int | str] = json.loads(rows[ROTATION])
        return found
    state: dict[str, int | str] = {"from": store.keys.seal.current, "who": who}
    name = wrapped_name(store)
    if name and wrapping is not None:
        state["transit"] = wrapping.newest(name)
    elif not store.settings.store.key.startswith("file:"):
        old = int(rows.get(NEWEST, "1"))
        if store.keys.seal.current <= old and set(key_versions(store)) <= {store.keys.seal.current}:
            secrets.key_file(store.settings)  # raises: only its owner can add a version
    audit.append(store, "key_rotation", state, now)
    reach("audited")
    put_meta(store, {ROTATION: json.dumps(state)})
    reach("begun")
    return state


def _new_key(store: Store, wrapping: Wrapping | None, state: Mapping[str, int | str]) -> None:
    name, old = wrapped_name(store), int(state["from"])
    if name and wrapping is not None:
        if wrapping.newest(name) == int(state["transit"]):
            wrapping.rotate(name)
        reach("transit rotated")
        row = f"{PREFIX}{old + 1}"
        if row not in meta_rows(store.engine):
            put_meta(store, {row: wrapping.make(name, context(store.id, row))})
    elif store.settings.store.key.startswith("file:") and store.keys.seal.current == old:
        secrets.add_root(store.settings)
    reach("new key")


def _retire(store: Store, wrapping: Wrapping | None) -> str:
    """Take the old key away when nothing needs it. Gives what must stay, in words."""
    left = {version: count for version, count in key_versions(store).items() if version != store.keys.seal.current}
    if left:
        raise StoreError(f"{sum(left.values())} values are still under an older key.", next="revoker key rotate again")
    name = wrapped_name(store)
    if name and wrapping is not None:
        _rewrap(store, wrapping, name)
        return ""
    if store.settings.store.key.startswith("file:"):
        secrets.retire_roots(store.settings)
        reach("old key gone")
        return ""
    return f"version {min(store.keys.seal.keys)}: fingerprints and the audit log are made with it"


def _rewrap(store: Store, wrapping: Wrapping, name: str) -> None:
    """Everything under the newest version of the transit key first; only then nothing older may decrypt."""
    newest_root = f"{PREFIX}{store.keys.seal.current}"
    carried = store.keys.fingerprint_key + store.keys.audit_key
    rows = {row: text for row, text in meta_rows(store.engine).items() if is_root(row)}
    if CARRIED not in rows:
        rows[CARRIED] = wrapping.wrap(name, context(store.id, CARRIED), carried)
    old = tuple(row for row in rows if row not in (CARRIED, newest_root))
    put_meta(store, {CARRIED: rows[CARRIED]}, gone=old)
    reach("old key gone")
    newest = wrapping.newest(name)
    for row in (CARRIED, newest_root):
        if version_of(rows[row]) != newest:
            put_meta(store, {row: wrapping.rewrap(name, context(store.id, row), rows[row])})
        reach(f"{row} rewrapped")
    stale = [row for row, text in meta_rows(store.engine).items() if is_root(row) and version_of(text) != newest]
    if stale:
        raise StoreError("A wrapped key is still under an older version of the transit key.", next="revoker key rotate again")
    wrapping.forbid_older(name, newest)
    reach("older forbidden")


def wrapped_name(store: Store) -> str:
    """The name of the transit key, or nothing."""
    key = store.settings.store.key
    return key.removeprefix(SCHEME) if key.startswith(SCHEME) else ""


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """No worker may run meanwhile: it would seal with the key that it loaded. Raises LeaseHeld."""
    with reading(store) as connection:
        lite = is_sqlite(connection)
        held = 0 if lite else int(connection.exec_driver_sql(_HELD, {"space": engine_store.LOCK_SPACE}).scalar_one())
    if held:
        raise LeaseHeld("revoker workers are running on this store.", safe="nothing was changed", next="stop them, then again")
    lease = engine_store.hold_file(engine_store.engine_folder(store)) if lite else None
    try:
        yield
    finally:
        if lease is not None:
            lease.release()


_HELD = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %(space)s "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def reseal_engine(store: Store) -> int:
    """Seal what the durable engine wrote again: its inputs and outputs. Gives how many."""
    import sqlalchemy as sa

    lite = store.engine.dialect.name == "sqlite"
    if lite and not (engine_store.engine_folder(store) / "engine.sqlite").exists():
        return 0
    engine = engine_store.sqlite_engine(engine_store.engine_folder(store)) if lite else engine_store.postgresql_engine(store)
    schema = None if lite else engine_store.SCHEMA
    count = 0
    try:
        tables = sa.MetaData()
        tables.reflect(engine, schema=schema)
        for table in tables.tables.values():
            for column in (table.c[name] for name in COLUMNS if name in table.c):
                count += _reseal_column(store, engine, column)
    finally:
        engine.dispose()
    return count


def _reseal_column(store: Store, engine: object, column: object) -> int:
    import sqlalchemy as sa

    assert isinstance(engine, sa.Engine) and isinstance(column, sa.Column)  # noqa: S101, PT018 - for the type checker
    with engine.begin() as connection:
        texts = [str(text) for text in connection.execute(sa.select(column).distinct().where(column.is_not(None))).scalars()]
        again = {text: made for text in texts if (made := _again(store, text)) is not None}
        for text, made in again.items():
            connection.execute(sa.update(column.table).where(column == text).values({column: made}))
            reach("engine row sealed again")
    return len(again)


def _again(store: Store, text: str) -> str | None:
    """The same text under the newest key; None for one that is not sealed, or is already."""
    import base64
    import binascii

    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not secrets.is_sealed(blob) or secrets.sealed_with(blob) >= store.keys.seal.current:
        return None
    plain: Secret = secrets.unseal(store.keys, blob, **RECORD)
    return base64.b64encode(secrets.seal(store.keys, plain, **RECORD)).decode()
