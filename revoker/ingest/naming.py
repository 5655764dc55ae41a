"""Findings to credentials: the kind, the public parts, the fingerprint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict

from revoker import catalog
from revoker.ingest import addresses, connection_strings, halves, nosql
from revoker.log import get_logger
from revoker.model import CANDIDATES, NOTHING, Credential, Finding, Secret, ValueState
from revoker.sdk import Kind

PAIRED_IDS = ("key_id", "role_id", "username")
MOST_REMEMBERED = 200_000
MOST_CANDIDATES = 12  # kinds that are listed for a value of a shape that many share
Fingerprint = Callable[[str, Secret], str]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A finding's credential, and why it is only counted and not to be verified, if so."""

    credential: Credential | None
    state: ValueState
    skipped: str | None = None  # masked, cut_off, no_value, unsupported, ambiguous, incomplete, unpaired, our_bug


@dataclass(slots=True)
class Namer:
    """Names credentials, and remembers what it named: most findings of a report are repetitions."""

    fingerprint: Fingerprint
    known: dict[tuple[object, ...], Named] = field(default_factory=dict)
    kind_of: dict[str, str] = field(default_factory=dict)  # a value that one label named stays what it is

    def name(self, finding: Finding) -> tuple[Finding, Named]:
        """The credential of a finding, and the finding as it is to be stored."""
        if finding.value is None:
            return finding, _no_value(finding.value_state)
        value, parts = finding.value.reveal(), finding.parts
        key = (value, finding.rule, *parts.items()) if parts else (value, finding.rule)
        named = None if finding.secret_parts else self.known.get(key)
        if named is None:
            named = self._named(value, finding)
            if not finding.secret_parts:
                self._remember(key, named)
        if named.state is not finding.value_state:
            finding = replace(finding, value_state=named.state)
        return finding, named

    def _remember(self, key: tuple[object, ...], named: Named) -> None:
        if len(self.known) >= MOST_REMEMBERED:
            self.known.clear()
            self.kind_of.clear()
        self.known[key] = named

    def _named(self, value: str, finding: Finding) -> Named:
        """What the value is; one that our own reading breaks on is kept whole, as a value of no known kind, and told."""
        try:
            return self._new(value, finding)
        except Exception as error:  # noqa: BLE001 - one hostile value must not end the reading of all others
            log.error("value_not_named", error=type(error).__name__)  # noqa: TRY400 - its text may hold the value
            secret = Secret(value)
            credential = Credential(catalog.UNKNOWN, self.fingerprint(catalog.UNKNOWN, secret), secret)
            return Named(credential, ValueState.RAW, "our_bug")

    def _new(self, value: str, finding: Finding) -> Named:
        if finding.parts.get("half") == "aws_id":
            return self._key_id_alone(value, finding)
        address = addresses.normal(value) or nosql.normal(value) or connection_strings.normal(value)
        value, parts = address if address is not None else (value, {})
        kind = self._kind(value, finding)
        perhaps = _candidates(value, finding, kind)
        if kind is None:
            secret = Secret(value)
            fingerprint = self.fingerprint(catalog.UNKNOWN, secret)
            credential = Credential(catalog.UNKNOWN, fingerprint, secret, perhaps, finding.secret_parts)
            return Named(credential, ValueState.RAW, "ambiguous" if perhaps else "unsupported")
        parts = {**_wanted(kind, finding.parts), **catalog.public_parts(kind, value), **parts, **perhaps}
        secret = Secret(value)
        credential = Credential(kind.id, self.fingerprint(kind.id, secret), secret, parts, finding.secret_parts)
        whole = all(parts.get(part) for part in kind.needs) and all(part in finding.secret_parts for part in kind.needs_secret)
        if whole:
            return Named(credential, ValueState.RAW)
        return Named(credential, ValueState.PARTIAL, finding.parts.get("why_half", "incomplete"))

    def _kind(self, value: str, finding: Finding) -> Kind | None:
        kinds = catalog.kinds()
        by_parts = _kind_by_parts(value, finding)
        if by_parts in kinds:
            return kinds[by_parts]
        names = catalog.name_kinds(value, **_said(finding))
        if names:
            return kinds[self.kind_of.setdefault(value, names[0])]
        return kinds.get(self.kind_of.get(value, ""))

    def _key_id_alone(self, key_id: str, finding: Finding) -> Named:
        """An AWS key id without its secret: known by the id, for it tells the account and the owner."""
        kind = aws_kind(key_id)
        if kind not in catalog.kinds():
            kind = catalog.UNKNOWN
        fingerprint = self.fingerprint(kind, Secret(key_id))
        credential = Credential(kind, fingerprint, Secret(""), {"key_id": key_id})
        return Named(credential, ValueState.PARTIAL, finding.parts.get("why_half", "incomplete"))


def aws_kind(key_id: str) -> str:
    """Temporary keys begin with ASIA and need a session token; they are a kind of their own."""
    return "aws_session" if key_id.startswith("ASIA") else "aws_access_key"


def _kind_by_parts(value: str, finding: Finding) -> str:
    """The kind that the other half names, or ''."""
    key_id = finding.parts.get("key_id", "")
    if halves.AWS_ID.fullmatch(key_id) and halves.is_aws_secret(value):
        return aws_kind(key_id)
    half = finding.parts.get("half")
    if half == "aws_secret":
        return "aws_session" if finding.secret_parts else "aws_access_key"
    if half == "secret_id" or (halves.UUID.fullmatch(value) and "role_id" in finding.parts):
        return "vault_approle_secret_id"
    return ""


class _Said(TypedDict):
    """What a report says of a value's kind."""

    label: str | None
    scanner: str
    variable: str | None


def _said(finding: Finding) -> _Said:
    source = finding.location.source
    return {"label": None if source == "env" else finding.rule, "scanner": source, "variable": finding.parts.get("variable")}


def _candidates(value: str, finding: Finding, kind: Kind | None) -> Mapping[str, str]:
    """The part that lists the other kinds that a value of a shared shape may be of; empty when a report named it for good."""
    if kind is not None and not kind.ambiguous:
        return NOTHING  # its own shape tells
    if kind is not None and kind.id == _kind_by_parts(value, finding):
        return {CANDIDATES: ""}  # the other half tells
    found = [id for id in catalog.candidates(value, **_said(finding)) if kind is None or id != kind.id]
    return {CANDIDATES: ", ".join(found[:MOST_CANDIDATES])} if found or kind is not None else NOTHING


def _wanted(kind: Kind, parts: Mapping[str, str]) -> dict[str, str]:
    """Of a report's claims only the ids of pairs and what the kind asks for; a report cannot add others."""
    wanted = (*PAIRED_IDS, *kind.needs, kind.host_from)
    return {name: parts[name] for name in wanted if name is not None and name in parts}


def _no_value(state: ValueState) -> Named:
    return Named(None, state, {ValueState.ABSENT: "no_value", ValueState.PARTIAL: "cut_off"}.get(state, "masked"))
