"""What is kept about a person, and its erasure: the words go, the evidence keeps its places and still verifies.

A person is a text that stands for one: a name, a mail address, a user name. It is looked for in everything that people or
scanners wrote; it is not looked for in sealed values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker import audit
from revoker.errors import UsageError
from revoker.model import Status
from revoker.store import schema
from revoker.store.database import Store, is_sqlite, reading, writing
from revoker.store.rows import canonical
from revoker.store.runs import ENDED

ERASED = "erased"
SHORTEST = 3  # characters: a shorter text stands in too many words
WORDS: tuple[sa.Column[Any], ...] = (  # plain text
    schema.attestations.c.who,
    schema.attestations.c.why,
    schema.attestations.c.signed_by,
    schema.canary_overrides.c.who,
    schema.canary_overrides.c.why,
    schema.canary_overrides.c.signed_by,
    schema.approvals.c.approver,
    schema.credentials.c.accepted_by,
    schema.credentials.c.accepted_why,
    schema.findings.c.file,
    schema.findings.c.repository,
    schema.findings.c.image,
    schema.valueless.c.file,
    schema.valueless.c.repository,
    schema.valueless.c.image,
    schema.incidents.c.title,
    schema.runs.c.message,
    schema.orphans.c.why,
    schema.orphans.c.resolved_why,
    schema.switches.c.who,
)
DOCUMENTS: tuple[sa.Column[Any], ...] = (  # JSON
    schema.credentials.c.parts,
    schema.credentials.c.identity,
    schema.verdicts.c.identity,
    schema.plans.c.document,
    schema.journal.c.data,
    schema.events.c.payload,
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One place that names the person: a table and column, and how many rows."""

    place: str
    rows: int


def kept(store: Store, person: str) -> list[Kept]:
    """Where a person is named. Raises UsageError for a text that is too short to mean one."""
    _long_enough(person)
    with reading(store) as connection:
        found = [Kept(f"{c.table.name}.{c.name}", _count(connection, c, person)) for c in (*WORDS, *DOCUMENTS)]
        audited = len(_audited(connection, person))
    return [one for one in (*found, Kept("audit_log.data", audited)) if one.rows]


def erase(store: Store, person: str, by: str, why: str, now: datetime) -> list[Kept]:
    """Take a person's name out of everything, and leave a record that says so without the name.

    Raises UsageError while something still needs the words: a credential that is not over, a run that is not ended.
    """
    places = kept(store, person)
    with reading(store) as connection:
        _nothing_open(connection, person)
        entries = _audited(connection, person)
    audit.append(store, audit.ERASED, {"entries": entries, "by": by, "why": why}, now)
    with writing(store) as connection:
        for column in WORDS:
            replaced = sa.func.replace(column, person, ERASED)
            connection.execute(sa.update(column.table).where(_names(column, person)).values({column.name: replaced}))
        for column in DOCUMENTS:
            _rewrite(connection, column, person)
        log = schema.audit_log
        connection.execute(sa.update(log).where(log.c.seq.in_(entries)).values(data=None, salt=None))
    _wipe(store)
    return places


def _long_enough(person: str) -> None:
    if len(person.strip()) < SHORTEST:
        raise UsageError("A person is named by at least three characters.", next="give the whole name or mail address")


def _nothing_open(connection: Connection, person: str) -> None:
    creds, runs, plans = schema.credentials, schema.runs, schema.plans
    over = [Status.DEAD.value, Status.ACCEPTED.value]
    needed = sa.or_(_names(creds.c.parts, person), _names(creds.c.identity, person))
    left = connection.execute(sa.select(creds.c.fingerprint).where(needed, creds.c.status.not_in(over))).scalars().all()
    query = sa.select(runs.c.id).join_from(runs, plans, plans.c.digest == runs.c.plan_digest)
    going = connection.execute(query.where(_names(plans.c.document, person), runs.c.state.not_in(ENDED))).scalars().all()
    if left or going:
        raise UsageError(
            f"{len(left)} credentials that are not over and {len(going)} open runs still need these words.",
            safe="nothing was erased",
            next=f"end them first: {', '.join([*left, *going][:5])}",
        )


def _audited(connection: Connection, person: str) -> list[int]:
    """The entries of the audit log that name a person and can be emptied: those that are chained by a digest."""
    table = schema.audit_log.c
    query = sa.select(table.seq).where(_names(table.data, person), table.digest.is_not(None), table.digest != "")
    return list(connection.execute(query.order_by(table.seq)).scalars())


def _names(column: sa.Column[Any], person: str) -> sa.ColumnElement[bool]:
    """The condition that a column names the person, as text or as JSON text (which escapes what is not ASCII)."""
    return sa.or_(*(column.contains(form, autoescape=True) for form in _forms(person)))


def _forms(person: str) -> Sequence[str]:
    return tuple(dict.fromkeys((person, json.dumps(person)[1:-1], json.dumps(person, ensure_ascii=False)[1:-1])))


def _count(connection: Connection, column: sa.Column[Any], person: str) -> int:
    return int(
        connection.execute(sa.select(sa.func.count()).select_from(column.table).where(_names(column, person))).scalar_one()
    )


def _rewrite(connection: Connection, column: sa.Column[Any], person: str) -> None:
    key = next(iter(column.table.primary_key))
    rows = connection.execute(sa.select(key, column).where(_names(column, person))).all()
    for id, text in rows:
        made = canonical(_without(json.loads(text), person))
        connection.execute(sa.update(column.table).where(key == id).values({column.name: made}))


def _without(value: Any, person: str) -> Any:
    if isinstance(value, str):
        return value.replace(person, ERASED)
    if isinstance(value, dict):
        return {_without(name, person): _without(part, person) for name, part in value.items()}
    return [_without(part, person) for part in value] if isinstance(value, list) else value


def _wipe(store: Store) -> None:
    """Leave nothing of it in SQLite's write-ahead log; deleted pages are overwritten anyway."""
    with reading(store) as connection:
        if not is_sqlite(connection):
            return
    raw = store.engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()
