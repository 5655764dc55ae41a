"""The ownership gate: before the first byte leaves, a proof that the credential is ours.

A canary, an example, a stranger's key or a host that the operator does not own is never dialled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from revoker.config import Settings
from revoker.model import Credential, Identity, Location, Owned, Verdict
from revoker.sdk import Kind, Provider, skip

CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Claim:
    """What speaks for a credential being ours, apart from the value itself."""

    attested: bool = False  # a valid attestation covers its incident
    locations: tuple[Location, ...] = ()
    owned: Owned | None = None  # what the operator's own API said
    canary: bool = False  # a recorded override lets this bait be asked; whose it is must be proven all the same


def why_not(provider: Provider, kind: Kind, cred: Credential, settings: Settings, claim: Claim, now: datetime) -> Verdict | None:
    """The verdict that stands instead of a call, or None when the provider may be asked."""
    missing = [part for part in kind.needs if not cred.parts.get(part)]
    missing += [part for part in kind.needs_secret if part not in cred.secret_parts]
    if missing or not cred.secret:  # half of a pair: an id without its secret
        return skip("incomplete")
    if is_own_canary(cred, settings) and not claim.canary:
        return skip(CANARY)
    for check in kind.offline:
        verdict = check(cred, now)
        if verdict is not None and not (claim.canary and verdict.reason == CANARY):
            return verdict
    found = proof(provider, kind, cred, settings, claim)
    return found if isinstance(found, Verdict) else None


def is_canary(kind: Kind, cred: Credential, settings: Settings, now: datetime) -> bool:
    """True for bait: on the operator's own list, or recognised by what the value says."""
    if is_own_canary(cred, settings):
        return True
    told = (check(cred, now) for check in kind.offline)
    return any(verdict is not None and verdict.reason == CANARY for verdict in told)


def is_own_canary(cred: Credential, settings: Settings) -> bool:
    """True when the operator's own list names this credential, by fingerprint or by a public part."""
    named = set(settings.canaries)
    return bool(named) and (cred.fingerprint in named or not named.isdisjoint(cred.parts.values()))


def owned_accounts(provider_id: str, settings: Settings) -> frozenset[str]:
    """The accounts that the operator declares as its own at one provider."""
    ownership = settings.ownership
    short = {"aws": ownership.aws_accounts, "github": ownership.github_orgs, "openai": ownership.openai_orgs}
    return frozenset((*short.get(provider_id, ()), *ownership.accounts.get(provider_id, ())))


def is_foreign(provider_id: str, identity: Identity | None, settings: Settings) -> bool:
    """True when the provider's own answer contradicts the declared accounts: no change, the notify way."""
    owned = owned_accounts(provider_id, settings)
    return bool(owned) and identity is not None and identity.account is not None and identity.account not in owned


def proof(provider: Provider, kind: Kind, cred: Credential, settings: Settings, claim: Claim) -> str | Verdict:
    """What shows that a credential is ours, in words for people; or the verdict that stands because nothing does."""
    ownership = settings.ownership
    if kind.host_from is not None and not _host_owned(provider, kind.host_from, cred, settings):
        return skip("host_not_owned")
    if ownership.assume:
        return "assumed, [ownership] assume"
    account = kind.account(cred) if kind.account else None
    owned = owned_accounts(provider.id, settings)
    if account is not None and owned:
        return f"account {account}, read offline and declared" if account in owned else skip("not_owned")
    # A host that came with the finding was compared above; without one, the operator's instance proves nothing about whose it is.
    came_with_host = kind.host_from is not None and bool(cred.parts.get(kind.host_from))
    if came_with_host:
        return "its host, declared"
    if _source_owned(claim.locations, ownership.sources):
        return "all its places, declared in [ownership] sources"
    if claim.owned is not None and (claim.owned.account is None or not owned or claim.owned.account in owned):
        return claim.owned.how
    return "an attestation" if claim.attested else skip("not_owned")


def _host_owned(provider: Provider, part: str, cred: Credential, settings: Settings) -> bool:
    """A host that came with the credential must be named by the operator, exactly (`host` or `host:port`).

    When none came, the operator's own `[endpoints]` says where this provider is.
    """
    host = cred.parts.get(part, "").casefold()
    if not host:
        return provider.id in settings.endpoints
    port = cred.parts.get("port")
    owned = {h.casefold() for h in settings.ownership.hosts}
    return host in owned or f"{host}:{port}" in owned or provider.id in settings.endpoints


def _source_owned(locations: Iterable[Location], patterns: Iterable[str]) -> bool:
    """True when every known place of the finding lies in a declared source (`git:host/org/*`, `image:org/*`)."""
    sources = [s for place in locations for s in _sources(place)]
    globs = tuple(patterns)
    return bool(sources) and bool(globs) and all(any(fnmatchcase(s, g) for g in globs) for s in sources)


def public_place(places: Iterable[Location], patterns: Iterable[str]) -> str:
    """The first source of a finding that the operator declares as public, or nothing."""
    globs = tuple(patterns)
    return next((s for place in places for s in _sources(place) if any(fnmatchcase(s, g) for g in globs)), "")


def _sources(place: Location) -> list[str]:
    found = []
    if place.repository:
        found.append("git:" + place.repository.removeprefix("https://").removeprefix("ssh://git@").removesuffix(".git"))
    if place.image:
        found.append("image:" + place.image)
    return found or ["file:" + (place.file or "")]
