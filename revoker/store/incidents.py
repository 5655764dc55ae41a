"""Incidents: sets of credentials handled together, and the persons who vouch that they are ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.errors import UsageError
from revoker.model import Status
from revoker.statements import ATTESTATION, Statement
from revoker.store import schema
from revoker.store.database import Store, among, reading, serialize, writing
from revoker.store.events import put
from revoker.store.times import maybe_moment, micros, moment

OVER = (Status.DEAD, Status.ACCEPTED)  # the only ends that let an incident be closed


@dataclass(frozen=True, slots=True)
class Incident:
    """One leak, one image, one report."""

    id: str
    title: str
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attestation:
    """A person's word that an incident's findings are ours."""

    incident: str
    who: str
    why: str
    until: datetime
    at: datetime
    signed_by: str | None = None  # the approver who signed it
    signature: str | None = None

    def statement(self, store: str) -> Statement:
        """What was signed, when it was."""
        return Statement(ATTESTATION, store, self.incident, self.who, self.why, self.at, self.until)


def open_incident(store: Store, title: str, now: datetime) -> Incident:
    """Make an incident; its id is INC-, the day, and a number of that day."""
    table = schema.incidents
    day = f"INC-{now:%Y%m%d}-"
    with writing(store) as connection:
        serialize(connection, 3)
        taken = connection.execute(sa.select(table.c.id).where(table.c.id.startswith(day))).scalars()
        number = max((int(id.removeprefix(day)) for id in taken), default=0) + 1
        incident = Incident(f"{day}{number}", title.strip() or f"{day}{number}", now, None)
        connection.execute(sa.insert(table).values(id=incident.id, title=incident.title, created_at=micros(now)))
    return incident


def find(store: Store, id_or_title: str) -> Incident | None:
    """The incident with this id, or else the newest with this title."""
    table = schema.incidents.c
    query = _query().where(sa.or_(table.id == id_or_title, table.title == id_or_title))
    with reading(store) as connection:
        rows = connection.execute(query.order_by((table.id == id_or_title).desc(), table.created_at.desc())).first()
    return None if rows is None else _incident(*rows)


def named(store: Store, id_or_title: str) -> Incident:
    """As `find`, for a name that a person gave. Raises UsageError when there is none."""
    found = find(store, id_or_title)
    if found is None:
        raise UsageError(f"There is no incident {id_or_title!r}.", next="revoker status shows the incidents")
    return found


def list_incidents(store: Store, *, only_open: bool = False) -> list[Incident]:
    """All incidents, the newest first."""
    table = schema.incidents.c
    query = _query().order_by(table.created_at.desc(), table.id.desc())
    with reading(store) as connection:
        rows = connection.execute(query.where(table.closed_at.is_(None)) if only_open else query).all()
    return [_incident(*row) for row in rows]


def open_members(store: Store, incident_id: str) -> Mapping[Status, int]:
    """The members of an incident that are neither dead nor accepted, counted by status."""
    with reading(store) as connection:
        return _open_members(connection, incident_id)


def close(store: Store, incident_id: str, now: datetime) -> None:
    """Close an incident. Raises UsageError while one member is neither dead nor accepted by a named person."""
    table = schema.incidents
    with writing(store) as connection:
        _locked(connection, incident_id)
        left = _open_members(connection, incident_id)
        if left:
            counted = ", ".join(f"{count} {status.value}" for status, count in left.items())
            raise UsageError(
                f"The incident {incident_id} is not over: {counted}.",
                next=f"revoker status --incident {incident_id}; what shall stay as it is needs `revoker accept`",
            )
        connection.execute(sa.update(table).where(table.c.id == incident_id).values(closed_at=micros(now)))
        put(connection, "incident.closed", {"incident": incident_id}, now)


def attest(
    store: Store, incident_id: str, who: str, why: str, until: datetime, now: datetime, *, signature: str | None = None
) -> None:
    """Keep a person's word that the incident's findings are ours, until a time; `signature` is over Attestation.statement().

    Raises UsageError when it says nothing.
    """
    if not who.strip() or not why.strip() or until <= now:
        raise UsageError("An attestation needs a person, a reason, and an end that is still to come.")
    with writing(store) as connection:
        _locked(connection, incident_id)
        values = {
            "incident_id": incident_id,
            "who": who,
            "why": why,
            "until": micros(until),
            "at": micros(now),
            "signed_by": who if signature else None,
            "signature": signature,
        }
        connection.execute(sa.insert(schema.attestations).values(values))


def attestations(store: Store, incident_id: str) -> list[Attestation]:
    """All attestations of an incident, the oldest first; also those that are over."""
    return _attestations(store, schema.attestations.c.incident_id == incident_id)


def is_attested(store: Store, incident_id: str, now: datetime) -> bool:
    """True when somebody vouches for the incident now; a signed word is needed when [ownership] attest says so."""
    return any(_counts(store, one, now) for one in attestations(store, incident_id))


def attested_members(store: Store, fingerprints: Sequence[str], now: datetime) -> frozenset[str]:
    """Those that somebody vouches for now, in any incident that holds them: a later report without a word takes nothing back."""
    table, members, creds = schema.attestations.c, schema.memberships.c, schema.credentials.c
    told = _attestations(store, sa.and_(table.at <= micros(now), table.until > micros(now)))
    vouched = {one.incident for one in told if _counts(store, one, now)}
    query = sa.select(creds.fingerprint).join_from(schema.credentials, schema.memberships)
    with reading(store) as connection:
        ours = query.where(among(connection, members.incident_id, sorted(vouched)))
        return frozenset(connection.execute(ours.where(among(connection, creds.fingerprint, fingerprints))).scalars())


def _attestations(store: Store, which: sa.ColumnElement[bool]) -> list[Attestation]:
    table = schema.attestations.c
    query = sa.select(table.incident_id, table.who, table.why, table.until, table.at, table.signed_by, table.signature)
    with reading(store) as connection:
        rows = connection.execute(query.where(which).order_by(table.id)).all()
    return [Attestation(id, who, why, moment(until), moment(at), *signed) for id, who, why, until, at, *signed in rows]


def _counts(store: Store, one: Attestation, now: datetime) -> bool:
    """True while it holds. A signature is checked each time that it is needed: the store's word for it is not enough."""
    signed = store.settings.ownership.attest == "signed"
    return one.at <= now < one.until and (not signed or one.statement(store.id).is_signed(one.signature, store.settings))


def _query() -> sa.Select[Any]:
    table = schema.incidents.c
    return sa.select(table.id, table.title, table.created_at, table.closed_at)


def _incident(id: str, title: str, created: int, closed: int | None) -> Incident:
    return Incident(id, title, moment(created), maybe_moment(closed))


def _locked(connection: Connection, incident_id: str) -> None:
    if connection.execute(_query().where(schema.incidents.c.id == incident_id).with_for_update()).first() is None:
        raise UsageError(f"There is no incident {incident_id!r}.")


def _open_members(connection: Connection, incident_id: str) -> Mapping[Status, int]:
    creds, members = schema.credentials.c, schema.memberships.c
    query = (
        sa.select(creds.status, sa.func.count())
        .join_from(schema.credentials, schema.memberships)
        .where(members.incident_id == incident_id, creds.status.not_in([status.value for status in OVER]))
        .group_by(creds.status)
        .order_by(creds.status)
    )
    return {Status(status): count for status, count in connection.execute(query)}
