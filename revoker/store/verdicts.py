"""Verdicts and changes move a credential through its life; every verdict is kept as evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.errors import UsageError
from revoker.lifecycle import Life, after_change, after_verdict
from revoker.model import Effect, Evidence, Status, Validity, Verdict
from revoker.sdk.shapes import Propagation
from revoker.store import schema
from revoker.store.claims import holds
from revoker.store.database import Store, among, insert_many, reading, update_many, writing
from revoker.store.events import put, put_many
from revoker.store.rows import (
    COLUMNS,
    LIFE,
    SOURCE,
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

LIVE, DEAD, RESURRECTED = "credential.live", "credential.dead", "credential.resurrected"
VERDICT = ("credential_id", "at", "validity", "reason", "host", "http_status", "code", "seen_at", "identity")

Known = dict[str, tuple[int, CredentialRow]]
Told = tuple[str, Mapping[str, Any]]  # an event's kind and payload


def record_verdicts(
    store: Store,
    items: Sequence[tuple[str, Verdict]],
    now: datetime,
    windows: Mapping[str, Propagation],
    held: tuple[str, int] | None = None,
) -> list[Transition]:
    """Keep the verdicts, apply the lifecycle rules, and give the statuses that changed. One transaction.

    `windows` holds the propagation of each kind id. Fingerprints that are not in the store are left out, and those that the
    (run, fence) of `held` does not hold any more: an old answer of a worker that woke up late.
    """
    transitions: list[Transition] = []
    told: list[Told] = []
    history: list[tuple[Any, ...]] = []
    identities: dict[int, tuple[Any, ...]] = {}
    with writing(store) as connection:
        known = _locked(connection, {fp for fp, _ in items})
        lives = {fp: life_of(row) for fp, (_, row) in known.items()}
        for fp, verdict in items:
            if fp not in known or not holds(connection, fp, held):
                continue
            id, row = known[fp]
            before, after = lives[fp], after_verdict(lives[fp], verdict, windows.get(row.kind, CAUTIOUS), now)
            lives[fp] = after
            if before.status is not after.status:
                transitions.append(Transition(fp, before.status, after.status, verdict))
            said = identity_text(verdict.identity)
            if said is not None and verdict.identity != row.identity:
                identities[id] = (said, id)
            history.append(_verdict_values(id, verdict, said, now))
            told += _news(row, before, after)
        update_many(connection, schema.credentials, LIFE, [(*life_values(lives[fp]), id) for fp, (id, _) in known.items()])
        update_many(connection, schema.credentials, ("identity",), list(identities.values()))
        insert_many(connection, schema.verdicts, VERDICT, history)
        put_many(connection, told, now)
        for incident in {about["incident"] for kind, about in told if kind == RESURRECTED}:
            _reopen(connection, incident, now)
    return transitions


def record_change(
    store: Store,
    fingerprint: str,
    effect: Effect,
    now: datetime,
    *,
    residual: timedelta | None = None,
    held: tuple[str, int] | None = None,
    acked: bool = True,
) -> bool:
    """Note a change that the provider acknowledged, or (not `acked`) that a person made by hand.

    `residual` is how long sessions may outlive it.

    False, and nothing is noted, when the (run, fence) that `held` the credential does not hold it any more: what came after is
    newer.
    """
    with writing(store) as connection:
        if not holds(connection, fingerprint, held):
            return False
        id, row = _one(connection, fingerprint)
        values: dict[str, Any] = dict(zip(LIFE, life_values(after_change(life_of(row), effect, now, acked=acked)), strict=True))
        if residual is not None:
            values["residual_until"] = max(micros(now + residual), maybe_micros(row.residual_until) or 0)
        connection.execute(sa.update(schema.credentials).where(schema.credentials.c.id == id).values(values))
    return True


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
        for fp, *row in connection.execute(query.where(among(connection, creds.fingerprint, fingerprints))):
            found.setdefault(fp, []).append(_verdict_row(row))
    return found


def _locked(connection: Connection, fingerprints: Iterable[str]) -> Known:
    """The rows, locked against other writers, always in the same order."""
    table = schema.credentials
    query = sa.select(table.c.id, *COLUMNS).select_from(SOURCE).order_by(table.c.id).with_for_update(of=table)
    found: Known = {}
    for id, *row in connection.execute(query.where(among(connection, table.c.fingerprint, fingerprints))).all():
        found[row[0]] = (id, credential_row(row))
    return found


def _one(connection: Connection, fingerprint: str) -> tuple[int, CredentialRow]:
    known = _locked(connection, [fingerprint])
    if not known:
        raise UsageError(f"There is no credential {fingerprint!r}.", next="revoker status lists them")
    return known[fingerprint]


def _verdict_values(id: int, verdict: Verdict, identity: str | None, now: datetime) -> tuple[Any, ...]:
    """The values of VERDICT."""
    seen = verdict.evidence
    evidence = (None, None, None, None) if seen is None else (seen.host, seen.status, seen.code, micros(seen.at))
    return (id, micros(now), verdict.validity.value, verdict.reason, *evidence, identity)


def _verdict_row(row: Sequence[Any]) -> VerdictRow:
    at, validity, reason, host, status, code, seen_at, identity = row
    known = VALIDITIES[validity] or Validity.UNKNOWN
    evidence = None if host is None else Evidence(host, status, code, moment(seen_at))
    return VerdictRow(moment(at), known, reason, evidence, None if identity is None else identity_from(identity))


def _news(row: CredentialRow, before: Life, after: Life) -> Iterator[Told]:
    """The events of a change of life: live for the first time, proven dead after it lived, alive again."""
    if before.live_at is None and after.live_at is not None:
        yield LIVE, _about(row, after)
    if before.status is Status.DEAD and after.status is Status.LIVE:
        yield RESURRECTED, _about(row, after)
    if before.status is not Status.DEAD and after.status is Status.DEAD and after.live_at is not None:
        yield DEAD, _about(row, after)


def _about(row: CredentialRow, life: Life) -> dict[str, str]:
    return {
        "fingerprint": row.fingerprint,
        "kind": row.kind,
        "provider": row.provider,
        "incident": row.incident,
        "reason": life.reason,
    }


def _reopen(connection: Connection, incident: str, now: datetime) -> None:
    table = schema.incidents
    closed = sa.update(table).where(table.c.id == incident, table.c.closed_at.is_not(None)).values(closed_at=None)
    if connection.execute(closed).rowcount:
        put(connection, "incident.reopened", {"incident": incident}, now)
