"""Credentials: looking them up, their places, and their sealed values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.errors import StoreError, UsageError
from revoker.model import Credential, Location, Status
from revoker.secrets import seal, unseal
from revoker.store import schema
from revoker.store.database import Store, among, chunks, empty_wal, reading, writing
from revoker.store.intake import VALUE, add_findings, unpack
from revoker.store.rows import (
    COLUMNS,
    SOURCE,
    AddResult,
    CredentialRow,
    Selection,
    Transition,
    VerdictRow,
    credential_row,
    parts_from,
)
from revoker.store.times import micros
from revoker.store.verdicts import accept, history, history_of, record_change, record_verdicts

__all__ = [
    "AddResult",
    "CredentialRow",
    "Selection",
    "Transition",
    "VerdictRow",
    "accept",
    "add_findings",
    "counts",
    "due",
    "history",
    "history_of",
    "locations",
    "locations_of",
    "purge",
    "record_change",
    "record_verdicts",
    "reseal",
    "resolve_prefix",
    "select",
    "top",
    "unseal_credential",
    "unseal_many",
]

FULL = 35  # characters of a whole fingerprint
URGENCY = (Status.DYING, Status.LIVE, Status.CONTAINED, Status.NEW, Status.UNKNOWN, Status.DEAD)
EVERYTHING = Selection()


def select(store: Store, selection: Selection = EVERYTHING) -> list[CredentialRow]:
    """The credentials of a selection, the oldest first. Raises UsageError for a beginning that fits none or several."""
    query = sa.select(*COLUMNS).select_from(SOURCE).order_by(schema.credentials.c.id)
    with reading(store) as connection:
        rows = connection.execute(query.where(*_conditions(connection, selection))).all()
    return [credential_row(row) for row in rows]


def top(store: Store, selection: Selection, order: Sequence[Status], limit: int) -> list[CredentialRow]:
    """The first credentials of a selection when their statuses are put into this order; then by provider and fingerprint."""
    table = schema.credentials.c
    rank = sa.case({status.value: number for number, status in enumerate(order)}, value=table.status, else_=len(order))
    query = sa.select(*COLUMNS).select_from(SOURCE).order_by(rank, table.provider, table.fingerprint).limit(limit)
    with reading(store) as connection:
        rows = connection.execute(query.where(*_conditions(connection, selection))).all()
    return [credential_row(row) for row in rows]


def counts(store: Store, selection: Selection = EVERYTHING) -> Mapping[Status, int]:
    """How many credentials of a selection have each status; a status without any is not there."""
    table = schema.credentials.c
    query = sa.select(table.status, sa.func.count()).group_by(table.status)
    with reading(store) as connection:
        rows = connection.execute(query.where(*_conditions(connection, selection))).all()
    return {Status(status): count for status, count in rows}


def due(store: Store, now: datetime, limit: int) -> list[CredentialRow]:
    """What is to be asked again by now: the most urgent status first, then what waits longest."""
    table = schema.credentials.c
    order = sa.case({status.value: rank for rank, status in enumerate(URGENCY)}, value=table.status, else_=len(URGENCY))
    query = (
        sa.select(*COLUMNS)
        .select_from(SOURCE)
        .where(table.next_check_at <= micros(now))
        .order_by(order, table.next_check_at, table.id)
        .limit(limit)
    )
    with reading(store) as connection:
        return [credential_row(row) for row in connection.execute(query)]


def resolve_prefix(store: Store, prefix: str) -> str:
    """The one fingerprint that begins so. Raises UsageError when there is none, or more than one."""
    with reading(store) as connection:
        return _resolve(connection, prefix)


def locations(store: Store, fingerprint: str) -> list[Location]:
    """Where a credential was found."""
    return locations_of(store, [fingerprint]).get(fingerprint, [])


def locations_of(store: Store, fingerprints: Iterable[str]) -> dict[str, list[Location]]:
    """Where each of many credentials was found."""
    table, creds = schema.findings.c, schema.credentials.c
    place = (table.source, table.file, table.line, table.commit, table.image, table.layer, table.repository)
    query = sa.select(creds.fingerprint, *place).join_from(schema.findings, schema.credentials).order_by(table.id)
    found: dict[str, list[Location]] = {}
    with reading(store) as connection:
        for fp, *row in connection.execute(query.where(among(connection, creds.fingerprint, fingerprints))):
            found.setdefault(fp, []).append(Location(*row))
    return found


def unseal_credential(store: Store, fingerprint: str) -> Credential:
    """The credential with its secret. Raises StoreError when there is none, or when it does not open."""
    for cred in unseal_many(store, [fingerprint]):
        return cred
    raise StoreError("The store holds no value of this credential.", fingerprint=fingerprint, next="ingest the report again")


def unseal_many(store: Store, fingerprints: Sequence[str]) -> Iterator[Credential]:
    """The credentials with their secrets, in the store's order; those without a value are left out."""
    creds, sealed = schema.credentials.c, schema.sealed_values.c
    query = sa.select(creds.fingerprint, creds.kind, creds.parts, sealed.blob).join_from(schema.credentials, schema.sealed_values)
    for some in chunks(fingerprints):
        with reading(store) as connection:
            rows = connection.execute(query.where(among(connection, creds.fingerprint, some)).order_by(creds.id)).all()
        for fp, kind, parts, blob in rows:
            value, secret_parts = unpack(unseal(store.keys, blob, record=fp, field=VALUE))
            yield Credential(kind, fp, value, parts_from(parts), secret_parts)


def purge(store: Store, fingerprints: Iterable[str]) -> int:
    """Delete the sealed values for good; what else is known stays. They cannot be verified any more.

    Raises StoreError when the values are deleted, but another process keeps copies of them in SQLite's write-ahead log.
    """
    table, creds = schema.sealed_values, schema.credentials.c
    with writing(store) as connection:
        ids = sa.select(creds.id).where(among(connection, creds.fingerprint, fingerprints))
        gone = connection.execute(sa.delete(table).where(table.c.credential_id.in_(ids))).rowcount
    empty_wal(store)
    return gone


def reseal(store: Store, limit: int = 500) -> int:
    """Seal up to `limit` values again with the newest key, and give how many; call until 0. A crash loses nothing."""
    table, creds = schema.sealed_values, schema.credentials.c
    old = table.c.key_version != store.keys.seal.current
    query = (
        sa.select(table.c.credential_id, creds.fingerprint, table.c.blob)
        .join_from(table, schema.credentials)
        .where(old)
        .limit(limit)
    )
    with writing(store) as connection:
        rows = connection.execute(query.with_for_update(of=table)).all()
        for id, fp, blob in rows:
            again = seal(store.keys, unseal(store.keys, blob, record=fp, field=VALUE), record=fp, field=VALUE)
            values = {"blob": again, "key_version": store.keys.seal.current}
            connection.execute(sa.update(table).where(table.c.credential_id == id).values(values))
    return len(rows)


def _conditions(connection: Connection, selection: Selection) -> list[sa.ColumnElement[bool]]:
    """The conditions of a selection. Raises UsageError for what does not exist: an empty answer would read as "nothing live"."""
    table, members = schema.credentials.c, schema.memberships.c
    where: list[sa.ColumnElement[bool]] = []
    if selection.incident:
        _check_incidents(connection, selection.incident)
        inside = sa.select(members.credential_id).where(members.incident_id.in_(selection.incident))
        where.append(table.id.in_(inside))
    for column, wanted in ((table.provider, selection.provider), (table.kind, selection.kind), (table.status, selection.status)):
        if wanted:
            where.append(column.in_([str(one) for one in wanted]))
    if selection.fingerprint:
        whole = [one if len(one) >= FULL else _resolve(connection, one) for one in selection.fingerprint]
        where.append(among(connection, table.fingerprint, whole))
    return where


def _check_incidents(connection: Connection, ids: Sequence[str]) -> None:
    table = schema.incidents.c
    known = set(connection.execute(sa.select(table.id).where(table.id.in_(ids))).scalars())
    for id in ids:
        if id not in known:
            raise UsageError(f"There is no incident {id!r}.", next="revoker status shows the incidents")


def whole_fingerprint(store: Store, beginning: str) -> str:
    """The fingerprint that a person named, by a unique beginning. Raises UsageError for none and for several."""
    with reading(store) as connection:
        return _resolve(connection, beginning)


def _resolve(connection: Connection, prefix: str) -> str:
    column = schema.credentials.c.fingerprint
    query = sa.select(column).where(column.startswith(prefix, autoescape=True)).limit(2)
    found = list(connection.execute(query).scalars())
    if len(found) == 1:
        return str(found[0])
    problem = "Several credentials begin" if found else "No credential begins"
    raise UsageError(f"{problem} with {prefix[:FULL]!r}.", next="revoker status --all lists the fingerprints")
