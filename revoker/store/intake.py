"""Findings come in: batches of a few thousand, each one transaction, the same place counted once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.errors import StoreError, UsageError
from revoker.model import CANDIDATES, Credential, Finding, Secret, Status, ValueState
from revoker.secrets import Keys, seal, unseal
from revoker.store import schema
from revoker.store.database import Store, among, insert_many, serialize, writing
from revoker.store.rows import STATES, AddResult, canonical, parts_from, parts_text
from revoker.store.sealing import check_newest
from revoker.store.times import maybe_micros, micros

UNKNOWN_PROVIDER = "unknown"
VALUE = "value"  # the field that a sealed value is bound to
LONGEST = 4096  # characters of a path, a rule or a repository
BETTER = (ValueState.ABSENT, ValueState.HASHED, ValueState.MASKED, ValueState.PARTIAL, ValueState.RAW)


@dataclass(slots=True)
class _Incoming:
    """One credential of a batch, merged from all its findings there."""

    cred: Credential
    parts: Mapping[str, str]
    secret_parts: Mapping[str, Secret]
    state: ValueState
    detected: int | None


@dataclass(slots=True)
class _Known:
    """What the store has of a credential already, as it is in the row."""

    id: int
    incident: str
    parts: str
    state: str
    detected: int | None
    sealed: int  # 0 after a purge


def add_findings(store: Store, batch: Sequence[tuple[Finding, Credential | None]], incident: str, now: datetime) -> AddResult:
    """Add a batch, all or nothing. A finding without credential (masked, hashed, absent) is kept for the record only.

    Adding the same batch again changes nothing. Raises StoreError, also when the incident does not exist.
    """
    incoming = _merge(batch)
    with writing(store) as connection:
        serialize(connection, 2)
        check_newest(connection, store.keys)
        if connection.execute(sa.select(schema.incidents.c.id).where(schema.incidents.c.id == incident)).first() is None:
            raise StoreError(f"There is no incident {incident!r}.", safe="nothing was stored", next="open it first")
        known = _known(connection, list(incoming))
        fresh = {fp: one for fp, one in incoming.items() if fp not in known}
        _insert_new(connection, fresh, incident, now)
        _seal_new(connection, store.keys, fresh, added := _known(connection, list(fresh)))
        _improve(connection, store.keys, incoming, known)
        ids = {fp: row.id for fp, row in (known | added).items()}
        _join(
            connection,
            [ids[fp] for fp, row in known.items() if row.incident != incident] + [r.id for r in added.values()],
            incident,
        )
        places = _insert_places(connection, [(ids[cred.fingerprint], finding) for finding, cred in batch if cred is not None])
        _insert_valueless(connection, (finding for finding, cred in batch if cred is None), incident)
    return AddResult(findings=places, credentials=len(incoming), new=len(fresh))


def _merge(batch: Iterable[tuple[Finding, Credential | None]]) -> dict[str, _Incoming]:
    found: dict[str, _Incoming] = {}
    for finding, cred in batch:
        if cred is None:
            continue
        one = found.get(cred.fingerprint)
        if one is None:
            detected = maybe_micros(finding.found_at)
            found[cred.fingerprint] = _Incoming(cred, cred.parts, cred.secret_parts, finding.value_state, detected)
            continue
        if cred.parts and cred.parts is not one.parts:
            one.parts = _merged(cred.parts, one.parts)
        if cred.secret_parts and cred.secret_parts is not one.secret_parts:
            one.secret_parts = {**cred.secret_parts, **one.secret_parts}
        if finding.found_at is not None:
            one.detected = _earlier(one.detected, micros(finding.found_at))
        if finding.value_state is not one.state:
            one.state = max(one.state, finding.value_state, key=BETTER.index)
    return found


def _merged(new: Mapping[str, str], had: Mapping[str, str]) -> dict[str, str]:
    """What was known stays; but a report that names a value for good ends the list of what else it may be."""
    named = {CANDIDATES: ""} if "" in (new.get(CANDIDATES), had.get(CANDIDATES)) else {}
    return {**new, **had, **named}


def _known(connection: Connection, fingerprints: Sequence[str]) -> dict[str, _Known]:
    table, sealed = schema.credentials.c, schema.sealed_values.c.credential_id
    query = sa.select(
        table.fingerprint, table.id, table.incident_id, table.parts, table.value_state, table.detected_at, sealed.is_not(None)
    ).select_from(schema.credentials.outerjoin(schema.sealed_values))
    rows = connection.execute(query.where(among(connection, table.fingerprint, fingerprints))).all() if fingerprints else ()
    return {fp: _Known(*rest) for fp, *rest in rows}


def _insert_new(connection: Connection, fresh: Mapping[str, _Incoming], incident: str, now: datetime) -> None:
    at = micros(now)
    names = (
        "fingerprint", "kind", "provider", "parts", "value_state", "detected_at",
        "incident_id", "status", "reason", "refusals", "excluded", "unknowns", "ingested_at", "next_check_at",
    )  # fmt: skip
    same = (incident, Status.NEW.value, "", 0, 0, 0, at, at)
    rows = [
        (fp, one.cred.kind, provider_id(one.cred.kind), parts_text(one.parts), one.state.value, one.detected, *same)
        for fp, one in fresh.items()
    ]
    insert_many(connection, schema.credentials, names, rows)


def _seal_new(connection: Connection, keys: Keys, fresh: Mapping[str, _Incoming], ids: Mapping[str, _Known]) -> None:
    rows = [(ids[fp].id, *_sealed(keys, one.cred, one.secret_parts)) for fp, one in fresh.items()]
    insert_many(connection, schema.sealed_values, SEALED, rows)
    insert_many(connection, schema.tallies, ("credential_id", "findings"), [(id, 0) for id, *_ in rows])


SEALED = ("credential_id", "key_version", "blob")


def _sealed(keys: Keys, cred: Credential, secret_parts: Mapping[str, Secret]) -> tuple[int, bytes]:
    return keys.seal.current, seal(keys, pack(cred.secret, secret_parts), record=cred.fingerprint, field=VALUE)


def _improve(connection: Connection, keys: Keys, incoming: Mapping[str, _Incoming], known: Mapping[str, _Known]) -> None:
    """What a later report adds to a known credential: more parts, the whole value, an earlier date. Nothing is taken away."""
    for fp, row in known.items():
        one = incoming[fp]
        changes: dict[str, Any] = {}
        if one.parts and not one.parts.items() <= (had := parts_from(row.parts)).items():
            changes["parts"] = parts_text(_merged(one.parts, had))
        if one.state.value != row.state and BETTER.index(one.state) > BETTER.index(STATES[row.state]):
            changes["value_state"] = one.state.value
        if _earlier(row.detected, one.detected) != row.detected:
            changes["detected_at"] = one.detected
        if changes:
            connection.execute(sa.update(schema.credentials).where(schema.credentials.c.id == row.id).values(changes))
        if one.secret_parts or not row.sealed:
            _seal_again(connection, keys, row.id, one)


def _seal_again(connection: Connection, keys: Keys, id: int, one: _Incoming) -> None:
    """Add secret parts that were not known, and the value itself when it was purged."""
    table = schema.sealed_values
    blob = connection.execute(sa.select(table.c.blob).where(table.c.credential_id == id)).scalar()
    had = {} if blob is None else unpack(unseal(keys, blob, record=one.cred.fingerprint, field=VALUE))[1]
    if blob is not None and one.secret_parts.keys() <= had.keys():
        return
    connection.execute(sa.delete(table).where(table.c.credential_id == id))
    insert_many(connection, table, SEALED, [(id, *_sealed(keys, one.cred, {**one.secret_parts, **had}))])


def _join(connection: Connection, ids: Sequence[int], incident: str) -> None:
    """Make the credentials members of the incident; it becomes the one that they are shown under."""
    if not ids:
        return
    insert_many(connection, schema.memberships, ("incident_id", "credential_id"), [(incident, id) for id in ids], ignore=True)
    table = schema.credentials
    mine = (among(connection, table.c.id, ids), table.c.incident_id != incident)
    connection.execute(sa.update(table).where(*mine).values(incident_id=incident))


def _insert_places(connection: Connection, found: Sequence[tuple[int, Finding]]) -> int:
    """Insert the places that are new, and add them to each credential's count."""
    if not found:
        return 0
    table = schema.findings
    last = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one()
    insert_many(
        connection,
        table,
        ("credential_id", *PLACE),
        sorted(((id, *place(finding)) for id, finding in found), key=itemgetter(0)),
        ignore=True,
    )
    added = (
        sa.select(table.c.credential_id.label("of"), sa.func.count().label("more"))
        .where(table.c.id > last)
        .group_by("of")
        .subquery()
    )
    tally = schema.tallies
    counted = sa.update(tally).where(tally.c.credential_id == added.c.of).values(findings=tally.c.findings + added.c.more)
    connection.execute(counted)
    return int(connection.execute(sa.select(sa.func.count()).where(table.c.id > last)).scalar_one())


def _insert_valueless(connection: Connection, found: Iterable[Finding], incident: str) -> None:
    rows = [(incident, finding.value_state.value, *place(finding)) for finding in found]
    insert_many(connection, schema.valueless, ("incident_id", "value_state", *PLACE), rows, ignore=True)


PLACE = ("place", "rule", "source", "file", "line", "commit", "image", "layer", "repository", "reported", "found_at")


def place(finding: Finding) -> tuple[Any, ...]:
    """The values of PLACE. The hash says whether two findings are the same."""
    at = finding.location
    words = (finding.rule, at.source, at.file, at.commit, at.image, at.layer, at.repository, finding.reported)
    key = "\x1f".join([word or "" for word in words])
    if not key.isascii() or len(key) > LONGEST or "\x00" in key:
        words = tuple(word if word is None else clean(word) for word in words)  # type: ignore[assignment]
        key = "\x1f".join([word or "" for word in words])
    rule, source, file, commit, image, layer, repository, reported = words
    hashed = blake2b(f"{at.line}\x1f{key}".encode(), digest_size=8).digest()
    return hashed, rule, source, file, at.line, commit, image, layer, repository, reported, maybe_micros(finding.found_at)


def clean(text: str) -> str:
    """Text that every database takes: no lone surrogates, no NUL, not endless."""
    return text[:LONGEST].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def pack(secret: Secret, secret_parts: Mapping[str, Secret]) -> Secret:
    """A value and its secret parts as one text, to be sealed."""
    return Secret(canonical({"value": secret.reveal(), "parts": {name: part.reveal() for name, part in secret_parts.items()}}))


def unpack(packed: Secret) -> tuple[Secret, dict[str, Secret]]:
    """A value and its secret parts."""
    raw = json.loads(packed.reveal())
    return Secret(raw["value"]), {name: Secret(part) for name, part in raw["parts"].items()}


@cache
def provider_id(kind: str) -> str:
    """The provider of a kind; `unknown` for a kind that the catalogue does not have."""
    from revoker import catalog

    try:
        return catalog.provider_of(kind).id
    except UsageError:
        return UNKNOWN_PROVIDER


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)
