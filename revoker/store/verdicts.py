"""Verdicts and changes move a credential through its life; every verdict is kept as evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.errors import UsageError
from revoker.lifecycle import Life, after_change, after_verdict
from revoker.model import Effect, Evidence, Status, Validity, Verdict
from revoker.sdk.shapes import Propagation
from revoker.store import schema
from revoker.store.database import Store, chunks, reading, writing
from revoker.store.events import put
from revoker.store.rows import (
    COLUMNS,
    VALIDITIES,
    CredentialRow,
    Transition,
    VerdictRow,
    credential_row,
    identity_from,
    identity_text,
    life_of,
    life_values,
)
from revoker.store.times import maybe_micros, micros, moment

CAUTIOUS = Propagation(timedelta(hours=1))  # for a kind without a declared window

Known = dict[str, tuple[int, CredentialRow]]


def record_verdicts(
    store: Store, items: Sequence[tuple[str, Verdict]], now: datetime, windows: Mapping[str, Propagation]
) -> list[Transition]:
    """Keep the verdicts, apply the lifecycle rules, and give the statuses that changed. One transaction.

    `windows` holds the propagation of each kind id. Fingerprints that are not in the store are left out.
    """
    transitions: list[Transition] = []
    with writing(store) as connection:
        known = _locked(connection, [fp for fp, _ in items])
        updates: dict[int, dict[str, Any]] = {}
        history: list[dict[str, Any]] = []
        lives = {fp: life_of(row) for fp, (_, row) in known.items()}
        for fp, verdict in items:
            if fp not in known:
                continue
            id, row = known[fp]
            before, lives[fp] = lives[fp], after_verdict(lives[fp], verdict, windows.get(row.kind, CAUTIOUS), now)
            updates[id] = {"of": id, "seen": identity_text(verdict.identity), **life_values(lives[fp])}
            history.append(_verdict_values(id, verdict, now))
            if before.status is not lives[fp].status:
                transitions.append(Transition(fp, before.status, lives[fp].status, verdict))
            _tell(connection, row, before, lives[fp], now)
        _write(connection, list(updates.values()), history)
    return transitions


def record_change(store: Store, fingerprint: str, effect: Effect, now: datetime, *, residual: timedelta | None = None) -> None:
    """Note a change that the provider acknowledged. `residual` is how long sessions may outlive it."""
    with writing(store) as connection:
        id, row = _one(connection, fingerprint)
        values = life_values(after_change(life_of(row), effect, now))
        if residual is not None:
            values["residual_until"] = max(micros(now + residual), maybe_micros(row.residual_until) or 0)
        connection.execute(sa.update(schema.credentials).where(schema.credentials.c.id == id).values(values))


def accept(store: Store, fingerprint: str, who: str, why: str, now: datetime) -> None:
    """A named person takes the risk that this credential stays as it is. Raises UsageError without a name or a reason."""
    if not who.strip() or not why.strip():
        raise UsageError("An acceptance needs a person's name and a reason.")
    with writing(store) as connection:
        id, row = _one(connection, fingerprint)
        values = {"status": Status.ACCEPTED.value, "accepted_by": who, "accepted_why": why, "next_check_at": None}
        connection.execute(sa.update(schema.credentials).where(schema.credentials.c.id == id).values(values))
        put(connection, "credential.accepted", {"fingerprint": row.fingerprint, "kind": row.kind, "who": who, "why": why}, now)


def history(store: Store, fingerprint: str) -> list[VerdictRow]:
    """All verdicts of a credential, the oldest first."""
    return history_of(store, [fingerprint]).get(fingerprint, [])


def history_of(store: Store, fingerprints: Iterable[str]) -> dict[str, list[VerdictRow]]:
    """The verdicts of many credentials, each the oldest first."""
    table, creds = schema.verdicts.c, schema.credentials.c
    query = (
        sa.select(
            creds.fingerprint,
            table.at,
            table.validity,
            table.reason,
            table.host,
            table.http_status,
            table.code,
            table.seen_at,
            table.identity,
        )
        .join_from(schema.verdicts, schema.credentials)
        .order_by(table.id)
    )
    found: dict[str, list[VerdictRow]] = {}
    with reading(store) as connection:
        for some in chunks(fingerprints):
            for fp, *row in connection.execute(query.where(creds.fingerprint.in_(some))):
                found.setdefault(fp, []).append(_verdict_row(row))
    return found


def _locked(connection: Connection, fingerprints: Sequence[str]) -> Known:
    """The rows, locked against other writers, always in the same order."""
    table = schema.credentials
    query = sa.select(table.c.id, *COLUMNS).order_by(table.c.id).with_for_update()
    found: Known = {}
    for some in chunks(sorted(set(fingerprints))):
        for id, *row in connection.execute(query.where(table.c.fingerprint.in_(some))):
            found[row[0]] = (id, credential_row(row))
    return found


def _one(connection: Connection, fingerprint: str) -> tuple[int, CredentialRow]:
    known = _locked(connection, [fingerprint])
    if not known:
        raise UsageError(f"There is no credential {fingerprint!r}.", next="revoker status lists them")
    return known[fingerprint]


def _verdict_values(id: int, verdict: Verdict, now: datetime) -> dict[str, Any]:
    seen = verdict.evidence
    return {
        "credential_id": id,
        "at": micros(now),
        "validity": verdict.validity.value,
        "reason": verdict.reason,
        "host": seen.host if seen else None,
        "http_status": seen.status if seen else None,
        "code": seen.code if seen else None,
        "seen_at": micros(seen.at) if seen else None,
        "identity": identity_text(verdict.identity),
    }


def _verdict_row(row: Sequence[Any]) -> VerdictRow:
    at, validity, reason, host, status, code, seen_at, identity = row
    known = VALIDITIES[validity] or Validity.UNKNOWN
    evidence = None if host is None else Evidence(host, status, code, moment(seen_at))
    return VerdictRow(moment(at), known, reason, evidence, None if identity is None else identity_from(identity))


def _write(connection: Connection, updates: list[dict[str, Any]], history: list[dict[str, Any]]) -> None:
    """The new lives, and the history. What a verdict does not say about the identity stays as it was."""
    if not updates:
        return
    table = schema.credentials
    names = [name for name in updates[0] if name not in ("of", "seen")]
    values: dict[str, Any] = {name: sa.bindparam(name) for name in names}
    values["identity"] = sa.func.coalesce(sa.bindparam("seen", type_=sa.Text), table.c.identity)
    connection.execute(sa.update(table).where(table.c.id == sa.bindparam("of")).values(values), updates)
    connection.execute(sa.insert(schema.verdicts), history)


def _tell(connection: Connection, row: CredentialRow, before: Life, after: Life, now: datetime) -> None:
    """The events of a change of life: live for the first time, proven dead after it lived, alive again."""
    about = {
        "fingerprint": row.fingerprint,
        "kind": row.kind,
        "provider": row.provider,
        "incident": row.incident,
        "reason": after.reason,
    }
    if before.live_at is None and after.live_at is not None:
        put(connection, "credential.live", about, now)
    if before.status is Status.DEAD and after.status is Status.LIVE:
        put(connection, "credential.resurrected", about, now)
        _reopen(connection, row.incident, now)
    if before.status is not Status.DEAD and after.status is Status.DEAD and after.live_at is not None:
        put(connection, "credential.dead", about, now)


def _reopen(connection: Connection, incident: str, now: datetime) -> None:
    table = schema.incidents
    closed = sa.update(table).where(table.c.id == incident, table.c.closed_at.is_not(None)).values(closed_at=None)
    if connection.execute(closed).rowcount:
        put(connection, "incident.reopened", {"incident": incident}, now)
