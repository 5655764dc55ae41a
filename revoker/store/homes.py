"""Homes: where in Vault a leaked value stands, as `vault find` saw it. Paths and field names, never values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from revoker.store import schema
from revoker.store.database import Store, among, reading, writing
from revoker.store.times import micros, moment


@dataclass(frozen=True, slots=True)
class Home:
    """One field of one path that holds a part of a credential."""

    fingerprint: str
    path: str  # with its mount
    field: str  # its name, or a JSON pointer; empty when only the audit log told of the path
    part: str  # secret, or the name of a part
    engine: int  # KV version
    versions: tuple[int, ...]
    newest: bool  # it stands in the version that consumers read
    how: str  # scan, audit
    at: datetime


def record(store: Store, path: str, homes: Iterable[Home]) -> None:
    """Replace what is known of a path, for the credentials that these homes are of."""
    found = list(homes)
    table, creds = schema.homes, schema.credentials.c
    with writing(store) as connection:
        query = sa.select(creds.fingerprint, creds.id).where(among(connection, creds.fingerprint, {h.fingerprint for h in found}))
        ids: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
        connection.execute(sa.delete(table).where(table.c.path == path, among(connection, table.c.credential_id, ids.values())))
        rows = [
            {
                "credential_id": ids[home.fingerprint],
                "path": home.path,
                "field": home.field,
                "part": home.part,
                "engine": home.engine,
                "versions": json.dumps(list(home.versions)),
                "newest": int(home.newest),
                "how": home.how,
                "at": micros(home.at),
            }
            for home in found
            if home.fingerprint in ids
        ]
        if rows:
            connection.execute(sa.insert(table), rows)


def forget(store: Store, path: str, fingerprints: Iterable[str]) -> None:
    """Take a path off the list, for credentials that were looked for there and not found."""
    table, creds = schema.homes, schema.credentials.c
    with writing(store) as connection:
        ids = sa.select(creds.id).where(among(connection, creds.fingerprint, fingerprints))
        connection.execute(sa.delete(table).where(table.c.path == path, table.c.credential_id.in_(ids)))


def homes_of(store: Store, fingerprints: Iterable[str]) -> dict[str, list[Home]]:
    """The homes of many credentials, by path and field."""
    table, creds = schema.homes.c, schema.credentials.c
    names = (table.path, table.field, table.part, table.engine, table.versions, table.newest, table.how, table.at)
    query = sa.select(creds.fingerprint, *names).join_from(schema.homes, schema.credentials).order_by(table.path, table.field)
    found: dict[str, list[Home]] = {}
    with reading(store) as connection:
        for row in connection.execute(query.where(among(connection, creds.fingerprint, fingerprints))):
            fp, path, field, part, engine, versions, newest, how, at = row
            home = Home(fp, path, field, part, engine, tuple(json.loads(versions)), bool(newest), how, moment(at))
            found.setdefault(fp, []).append(home)
    return found


def paths(store: Store) -> list[str]:
    """Every path that is known to hold a leaked value in its newest version."""
    table = schema.homes.c
    with reading(store) as connection:
        return list(connection.execute(sa.select(table.path).where(table.newest == 1).distinct().order_by(table.path)).scalars())
