"""Under which version of the key the values are sealed, and the row that keeps a late process from sealing with an old one."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.errors import StoreError
from revoker.secrets import Keys
from revoker.store import schema
from revoker.store.database import Store, reading, writing

NEWEST = "seal_version"  # of `meta`: what new values must be sealed with
ROTATION = "key_rotation"  # of `meta`: a rotation that is under way


def key_versions(store: Store) -> dict[int, int]:
    """How many values are sealed under each version of the key."""
    column = schema.sealed_values.c.key_version
    with reading(store) as connection:
        found = connection.execute(sa.select(column, sa.func.count()).group_by(column).order_by(column)).all()
    return {int(version): int(count) for version, count in found}


def check_newest(connection: Connection, keys: Keys) -> None:
    """Refuse to seal with a key that was rotated away; a rotation that begins now waits for this transaction.

    Raises StoreError.
    """
    table = schema.meta.c
    locked = sa.select(table.name, table.value).where(table.name.in_(["key_check", NEWEST])).with_for_update(read=True)
    newest = {str(name): str(value) for name, value in connection.execute(locked)}.get(NEWEST, "1")
    if int(newest) > keys.seal.current:
        raise StoreError("The key was rotated while this ran.", safe="nothing was stored", next="start this command again")


def announce(store: Store) -> None:
    """From here on nothing is sealed with an older version than the newest."""
    mark = schema.meta.c.name == "key_check"
    with writing(store) as connection:
        connection.execute(sa.update(schema.meta).where(mark).values(value=schema.meta.c.value))  # waits for those that read it
        _put(connection, {NEWEST: str(store.keys.seal.current)})


def put_meta(store: Store, rows: Mapping[str, str], gone: tuple[str, ...] = ()) -> None:
    """Set rows of `meta` and delete others, all or nothing."""
    with writing(store) as connection:
        _put(connection, rows)
        connection.execute(sa.delete(schema.meta).where(schema.meta.c.name.in_(gone)))


def _put(connection: Connection, rows: Mapping[str, str]) -> None:
    if rows:
        connection.execute(sa.delete(schema.meta).where(schema.meta.c.name.in_(list(rows))))
        connection.execute(sa.insert(schema.meta), [{"name": name, "value": value} for name, value in rows.items()])
