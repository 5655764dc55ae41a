"""Findings come in: batches of a few thousand, each one transaction, the same place counted once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from revoker.errors import StoreError, UsageError
from revoker.model import Credential, Finding, Secret, Status, ValueState
from revoker.secrets import Keys, seal, unseal
from revoker.store import schema
from revoker.store.database import Store, chunks, ignoring, serialize, writing
from revoker.store.rows import STATES, AddResult, canonical, parts_from, parts_text
from revoker.store.times import maybe_micros, micros

UNKNOWN_PROVIDER = "unknown"
VALUE = "value"  # the field that a sealed value is bound to
LONGEST = 4096  # characters of a path, a rule or a repository
CHUNK = 900
BETTER = (ValueState.ABSENT, ValueState.HASHED, ValueState.MASKED, ValueState.PARTIAL, ValueState.RAW)


@dataclass(slots=True)
class _Incoming:
    """One credential of a batch, merged from all its findings there."""

    cred: Credential
    parts: Mapping[str, str]
    secret_parts: Mapping[str, Secret]
    state: ValueState
    detected: int | None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store has of a credential already."""

    id: int
    incident: str
    parts: str
    state: ValueState
    detected: int | None
    sealed: bool  # False after a purge


def add_findings(store: Store, batch: Sequence[tuple[Finding, Credential | None]], incident: str, now: datetime) -> AddResult:
    """Add a batch, all or nothing. A finding without credential (masked, hashed, absent) is kept for the record only.

    Adding the same batch again changes nothing. Raises StoreError, also when the incident does not exist.
    """
    incoming = _merge(batch)
    with writing(store) as connection:
        serialize(connection, 2)
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
            one.parts = {**cred.parts, **one.parts}
        if cred.secret_parts and cred.secret_parts is not one.secret_parts:
            one.secret_parts = {**cred.secret_parts, **one.secret_parts}
        if finding.found_at is not None:
            one.detected = _earlier(one.detected, micros(finding.found_at))
        if finding.value_state is not one.state:
            one.state = max(one.state, finding.value_state, key=BETTER.index)
    return found


def _known(connection: Connection, fingerprints: Sequence[str]) -> dict[str, _Known]:
    table, sealed = schema.credentials.c, schema.sealed_values.c.credential_id
    query = sa.select(
        table.fingerprint, table.id, table.incident_id, table.parts, table.value_state, table.detected_at, sealed.is_not(None)
    ).select_from(schema.credentials.outerjoin(schema.sealed_values))
    found: dict[str, _Known] = {}
    for some in chunks(fingerprints, CHUNK):
        for fp, *rest in connection.execute(query.where(table.fingerprint.in_(some))):
            id, incident, parts, state, detected, is_sealed = rest
            found[fp] = _Known(id, incident, parts, STATES[state], detected, bool(is_sealed))
    return found


def _insert_new(connection: Connection, fresh: Mapping[str, _Incoming], incident: str, now: datetime) -> None:
    at = micros(now)
    rows = [
        {
            "fingerprint": fp,
            "kind": one.cred.kind,
            "provider": provider_id(one.cred.kind),
            "status": Status.NEW.value,
            "reason": "",
            "parts": parts_text(one.parts),
            "incident_id": incident,
            "value_state": one.state.value,
            "findings": 0,
            "ingested_at": at,
            "detected_at": one.detected,
            "refusals": 0,
            "next_check_at": at,
            "excluded": 0,
            "unknowns": 0,
        }
        for fp, one in fresh.items()
    ]
    if rows:
        connection.execute(sa.insert(schema.credentials), rows)


def _seal_new(connection: Connection, keys: Keys, fresh: Mapping[str, _Incoming], ids: Mapping[str, _Known]) -> None:
    rows = [_sealed(keys, ids[fp].id, one.cred, one.secret_parts) for fp, one in fresh.items()]
    if rows:
        connection.execute(sa.insert(schema.sealed_values), rows)


def _sealed(keys: Keys, id: int, cred: Credential, secret_parts: Mapping[str, Secret]) -> dict[str, Any]:
    blob = seal(keys, pack(cred.secret, secret_parts), record=cred.fingerprint, field=VALUE)
    return {"credential_id": id, "key_version": keys.seal.current, "blob": blob}


def _improve(connection: Connection, keys: Keys, incoming: Mapping[str, _Incoming], known: Mapping[str, _Known]) -> None:
    """What a later report adds to a known credential: more parts, the whole value, an earlier date. Nothing is taken away."""
    for fp, row in known.items():
        one = incoming[fp]
        changes: dict[str, Any] = {}
        if one.parts and not one.parts.items() <= (had := parts_from(row.parts)).items():
            changes["parts"] = parts_text({**one.parts, **had})
        if BETTER.index(one.state) > BETTER.index(row.state):
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
    connection.execute(sa.insert(table), [_sealed(keys, id, one.cred, {**one.secret_parts, **had})])


def _join(connection: Connection, ids: Sequence[int], incident: str) -> None:
    """Make the credentials members of the incident; it becomes the one that they are shown under."""
    if not ids:
        return
    connection.execute(ignoring(connection, schema.memberships), [{"incident_id": incident, "credential_id": id} for id in ids])
    table = schema.credentials
    for some in chunks(ids, CHUNK):
        connection.execute(
            sa.update(table).where(table.c.id.in_(some), table.c.incident_id != incident).values(incident_id=incident)
        )


def _insert_places(connection: Connection, found: Sequence[tuple[int, Finding]]) -> int:
    """Insert the places that are new, and add them to each credential's count."""
    if not found:
        return 0
    table = schema.findings
    last = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one()
    connection.execute(ignoring(connection, table), [{"credential_id": id, **place(finding)} for id, finding in found])
    added = sa.select(table.c.credential_id, sa.func.count()).where(table.c.id > last).group_by(table.c.credential_id)
    counts = [{"of": id, "more": count} for id, count in connection.execute(added)]
    if counts:
        creds = schema.credentials
        more = sa.update(creds).where(creds.c.id == sa.bindparam("of")).values(findings=creds.c.findings + sa.bindparam("more"))
        connection.execute(more, counts)
    return sum(row["more"] for row in counts)


def _insert_valueless(connection: Connection, found: Iterable[Finding], incident: str) -> None:
    rows = [{"incident_id": incident, "value_state": finding.value_state.value, **place(finding)} for finding in found]
    if rows:
        connection.execute(ignoring(connection, schema.valueless), rows)


def place(finding: Finding) -> dict[str, Any]:
    """The columns of a place. Its hash says whether two findings are the same."""
    at = finding.location
    words = (finding.rule, at.source, at.file, at.commit, at.image, at.layer, at.repository)
    rule, source, file, commit, image, layer, repository = (clean(word) for word in words)
    key = f"{rule}\x1f{source}\x1f{file}\x1f{at.line}\x1f{commit}\x1f{image}\x1f{layer}\x1f{repository}".encode()
    return {
        "place": blake2b(key, digest_size=16).digest(),
        "rule": rule or "",
        "source": source or "",
        "file": file,
        "line": at.line,
        "commit": commit,
        "image": image,
        "layer": layer,
        "repository": repository,
        "reported": clean(finding.reported),
        "found_at": maybe_micros(finding.found_at),
    }


def clean(text: str | None) -> str | None:
    """Text that every database takes: no lone surrogates, no NUL, not endless."""
    if text is None or (text.isascii() and len(text) <= LONGEST and "\x00" not in text):
        return text
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
