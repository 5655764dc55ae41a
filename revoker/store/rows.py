"""What the store gives out about credentials, and how a row becomes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from revoker.lifecycle import Life
from revoker.model import NOTHING, Evidence, Identity, Status, Validity, ValueState, Verdict
from revoker.store.schema import credentials as table
from revoker.store.schema import tallies
from revoker.store.times import maybe_micros, maybe_moment, moment

STATUSES = {status.value: status for status in Status}
VALIDITIES: dict[str | None, Validity | None] = {None: None, **{validity.value: validity for validity in Validity}}
STATES = {state.value: state for state in ValueState}


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """All that is known of a credential, without its secret. Times are aware, UTC."""

    fingerprint: str
    kind: str
    provider: str
    status: Status
    validity: Validity | None
    reason: str
    parts: Mapping[str, str]
    identity: Identity | None
    incident: str  # the newest one that it was reported in
    value_state: ValueState
    findings: int
    ingested_at: datetime
    detected_at: datetime | None  # the earliest commit or image date of its findings
    live_at: datetime | None  # first live confirmation
    contained_at: datetime | None
    acked_at: datetime | None  # last change that the provider acknowledged
    refused_at: datetime | None  # first refusal of the current streak
    last_refused_at: datetime | None
    refusals: int
    dead_at: datetime | None
    checked_at: datetime | None
    next_check_at: datetime | None
    residual_until: datetime | None  # the end of what outlives it (sessions, tokens)
    accepted_by: str | None
    accepted_why: str | None
    excluded: bool
    unknowns: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which credentials: each an empty tuple for all. A fingerprint may be a unique beginning."""

    incident: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    fingerprint: tuple[str, ...] = ()
    status: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AddResult:
    """What one batch added."""

    findings: int  # places that were not known before
    credentials: int  # different credentials in the batch
    new: int  # credentials that were not known before


@dataclass(frozen=True, slots=True)
class Transition:
    """A status that a verdict changed."""

    fingerprint: str
    before: Status
    after: Status
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One verdict of the history."""

    at: datetime
    validity: Validity
    reason: str
    evidence: Evidence | None
    identity: Identity | None


COLUMNS = (
    table.c.fingerprint,
    table.c.kind,
    table.c.provider,
    table.c.status,
    table.c.validity,
    table.c.reason,
    table.c.parts,
    table.c.identity,
    table.c.incident_id,
    table.c.value_state,
    tallies.c.findings,
    table.c.ingested_at,
    table.c.detected_at,
    table.c.live_at,
    table.c.contained_at,
    table.c.acked_at,
    table.c.refused_at,
    table.c.last_refused_at,
    table.c.refusals,
    table.c.dead_at,
    table.c.checked_at,
    table.c.next_check_at,
    table.c.residual_until,
    table.c.accepted_by,
    table.c.accepted_why,
    table.c.excluded,
    table.c.unknowns,
)  # in the order of CredentialRow
SOURCE = table.join(tallies)  # every credential has a tally


def credential_row(row: Sequence[Any]) -> CredentialRow:
    """The row of COLUMNS as a value."""
    (fingerprint, kind, provider, status, validity, reason, parts, identity, incident, state, findings, ingested, detected, live,
     contained, acked, refused, last_refused, refusals, dead, checked, next_check, residual, by, why, excluded, unknowns) = row  # fmt: skip
    return CredentialRow(
        fingerprint,
        kind,
        provider,
        STATUSES[status],
        VALIDITIES[validity],
        reason,
        parts_from(parts),
        None if identity is None else identity_from(identity),
        incident,
        STATES[state],
        findings,
        moment(ingested),
        None if detected is None else moment(detected),
        None if live is None else moment(live),
        None if contained is None else moment(contained),
        None if acked is None else moment(acked),
        None if refused is None else moment(refused),
        None if last_refused is None else moment(last_refused),
        refusals,
        None if dead is None else moment(dead),
        None if checked is None else moment(checked),
        None if next_check is None else moment(next_check),
        None if residual is None else moment(residual),
        by,
        why,
        bool(excluded),
        unknowns,
    )


def life_of(row: CredentialRow) -> Life:
    """The part of a row that the lifecycle rules work on."""
    return Life(
        status=row.status,
        validity=row.validity,
        reason=row.reason,
        live_at=row.live_at,
        contained_at=row.contained_at,
        acked_at=row.acked_at,
        refused_at=row.refused_at,
        last_refused_at=row.last_refused_at,
        refusals=row.refusals,
        dead_at=row.dead_at,
        checked_at=row.checked_at,
        next_check_at=row.next_check_at,
        unknowns=row.unknowns,
    )


LIFE = (
    "status", "validity", "reason", "live_at", "contained_at", "acked_at", "refused_at", "last_refused_at", "refusals",
    "dead_at", "checked_at", "next_check_at", "unknowns",
)  # fmt: skip


def life_values(life: Life) -> tuple[Any, ...]:
    """A life as the values of LIFE."""
    return (
        life.status.value,
        None if life.validity is None else life.validity.value,
        life.reason,
        maybe_micros(life.live_at),
        maybe_micros(life.contained_at),
        maybe_micros(life.acked_at),
        maybe_micros(life.refused_at),
        maybe_micros(life.last_refused_at),
        life.refusals,
        maybe_micros(life.dead_at),
        maybe_micros(life.checked_at),
        maybe_micros(life.next_check_at),
        life.unknowns,
    )


def canonical(document: Any) -> str:
    """JSON in one spelling: sorted names, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parts_text(parts: Mapping[str, str]) -> str:
    """Public parts as text."""
    return canonical(dict(parts)) if parts else "{}"


@lru_cache(maxsize=1024)
def parts_from(text: str) -> Mapping[str, str]:
    """Public parts from text."""
    return NOTHING if text == "{}" else MappingProxyType(json.loads(text))


@lru_cache(maxsize=1024)
def identity_text(identity: Identity | None) -> str | None:
    """An identity as text; None when it says nothing."""
    if identity is None or identity == Identity():
        return None
    return canonical(
        {
            "account": identity.account,
            "principal": identity.principal,
            "scopes": list(identity.scopes),
            "expires_at": maybe_micros(identity.expires_at),
            "last_used_at": maybe_micros(identity.last_used_at),
        }
    )


@lru_cache(maxsize=1024)
def identity_from(text: str) -> Identity:
    """An identity from text."""
    raw = json.loads(text)
    return Identity(
        account=raw["account"],
        principal=raw["principal"],
        scopes=tuple(raw["scopes"]),
        expires_at=maybe_moment(raw["expires_at"]),
        last_used_at=maybe_moment(raw["last_used_at"]),
    )
