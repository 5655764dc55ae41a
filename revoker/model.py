"""The nouns of revoker, as frozen values. This module imports nothing of ours."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NoReturn

NOTHING: Mapping[str, Any] = MappingProxyType({})

CANDIDATES = "candidates"  # the public part that lists the other kinds a value may be of; empty once a report named it
SUSPENDED_BY_US = "suspended_by_us"  # the reason of a live answer to one that our own suspension holds, by its provider's record


class Validity(StrEnum):
    """Whether a credential works at its provider. Only a declared answer makes LIVE or DEAD."""

    LIVE = "live"
    DEAD = "dead"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Status(StrEnum):
    """Where a credential stands over its life."""

    NEW = "new"
    LIVE = "live"
    CONTAINED = "contained"  # suspended, and can be restored
    DYING = "dying"  # changed or refused once; the proof of death is not complete
    DEAD = "dead"
    ACCEPTED = "accepted"  # a named person took the risk
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Effect(StrEnum):
    """What a change at a provider does."""

    ISSUE = "issue"
    SUSPEND = "suspend"
    RESTORE = "restore"
    REVOKE = "revoke"
    END_SESSIONS = "end_sessions"


class ValueState(StrEnum):
    """How much of the secret a report gave us."""

    RAW = "raw"
    PARTIAL = "partial"  # one half of a pair
    MASKED = "masked"
    HASHED = "hashed"
    ABSENT = "absent"


class Proof(StrEnum):
    """How a target id is known to belong to this very secret, strongest first."""

    SECRET_IS_CREDENTIAL = "secret_is_credential"  # noqa: S105 - a name, not a secret: the request carries it
    SELF_ENDPOINT = "self_endpoint"  # the provider's "who am I" answered with the id
    EMBEDDED = "embedded"  # the id is a part of the secret or of its pair
    UNIQUE_HASH = "unique_hash"  # the provider lists a full hash or value, and one matches


class Secret:
    """A raw secret value that cannot be printed, pickled, copied, hashed or compared by accident."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Give the raw value. Every caller is a place to review."""
        return self.__value

    def same_as(self, other: Secret) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.__value.encode("utf-8", "surrogatepass"), other.reveal().encode("utf-8", "surrogatepass"))

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> NoReturn:
        raise TypeError("a Secret has no text; call reveal() where the value must leave")

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a Secret has no text; call reveal() where the value must leave")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("compare Secrets with same_as()")

    def __hash__(self) -> NoReturn:
        raise TypeError("a Secret cannot be a key; use its fingerprint")

    def __bool__(self) -> bool:
        return bool(self.__value)


@dataclass(frozen=True, slots=True)
class Location:
    """One place where a scanner saw a secret."""

    source: str  # the scanner: gitleaks, trufflehog, kingfisher, csv, env, list
    file: str | None = None
    line: int | None = None
    commit: str | None = None
    image: str | None = None
    layer: str | None = None
    repository: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One scanner's report of one secret at one place. Everything in it is a claim, not a fact."""

    rule: str  # the scanner's own rule id
    location: Location
    value: Secret | None
    value_state: ValueState = ValueState.RAW
    parts: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # public: key_id, host, username
    secret_parts: Mapping[str, Secret] = field(default_factory=lambda: NOTHING)  # session_token
    reported: str | None = None  # the scanner's own status, a hint only
    found_at: datetime | None = None  # commit or image date


@dataclass(frozen=True, slots=True, eq=False)
class Credential:
    """A secret with its kind and the public parts that a provider needs beside it."""

    kind: str
    fingerprint: str
    secret: Secret
    parts: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    secret_parts: Mapping[str, Secret] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on. Never holds a body or a secret."""

    host: str
    status: int | None
    code: str | None  # the provider's own error code, cleaned and capped
    at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a credential is at its provider."""

    account: str | None = None
    principal: str | None = None
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Owned:
    """What shows that a credential is the operator's own, in words for people, and the account that holds it."""

    how: str
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A validity with its reason slug, and what it rests on."""

    validity: Validity
    reason: str
    evidence: Evidence | None = None
    identity: Identity | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """The target of an action, proven to belong to this very secret."""

    credential: Credential
    target: str  # the provider's id: a key id, a token id, a database role
    proof: Proof
    how: str  # one sentence for the plan
    account: str | None = None
    extra: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # more public ids: user, project


@dataclass(frozen=True, slots=True)
class Unbound:
    """Why no target could be bound; the step becomes a manual one."""

    reason: str  # slug: no_match, several_matches, label_only, no_authority, refused
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Issued:
    """A new credential that a provider just made. Lives in memory only until it is stored or revoked."""

    target: str
    secret: Secret
    parts: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    secret_parts: Mapping[str, Secret] = field(
        default_factory=lambda: NOTHING
    )  # the password inside a URI, for a field of its own


@dataclass(frozen=True, slots=True, eq=False)
class Receipt:
    """Proof of one action. `already` means that the state was there before the call."""

    action: str
    effect: Effect
    target: str
    already: bool = False
    detail: str = ""
    evidence: Evidence | None = None
    issued: Issued | None = None
