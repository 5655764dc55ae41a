"""Whose refusal was it? A server's refusal kills nothing that another server may have issued.

Tokens of self-managed GitLab, Sentry or GitHub Enterprise Server look like those of the public service. Where a refused one
is not tied to the server that refused it, nothing is known: it may live at the other one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from revoker.config import Settings
from revoker.model import CANDIDATES, Credential, Location, Validity, Verdict
from revoker.sdk import Kind, Provider

ELSEWHERE = "perhaps_another_host"
ANOTHER_KIND = "perhaps_another_kind"


def doubted(
    provider: Provider,
    kind: Kind,
    cred: Credential,
    verdict: Verdict,
    settings: Settings,
    *,
    accepted_once: bool,
    places: Callable[[], Iterable[Location]],
) -> Verdict:
    """The verdict, or `unknown` in place of a refusal by a server that nothing ties the credential to.

    A server that accepted it once ties it; so does a host that came with the finding. `places` is only looked up when needed.
    """
    if verdict.validity is not Validity.DEAD or verdict.evidence is None or accepted_once:
        return verdict
    if cred.parts.get(CANDIDATES):  # its shape is of other kinds too, and no report said for good which it is
        return replace(verdict, validity=Validity.UNKNOWN, reason=ANOTHER_KIND)
    if verdict.reason in kind.local_refusals:  # from another address it may be let in
        return replace(verdict, validity=Validity.UNKNOWN)
    if kind.only_named_places:  # a key could open what nobody named; [keys] complete says that there is no such thing
        tied = settings.keys.complete and provider.id == "keys"
    elif kind.host_from is not None:
        tied = bool(cred.parts.get(kind.host_from))
    else:
        tied = not kind.also_at or _tied(provider, kind, verdict.evidence.host, settings, places)
    return verdict if tied else replace(verdict, validity=Validity.UNKNOWN, reason=ELSEWHERE)


def _tied(provider: Provider, kind: Kind, asked: str, settings: Settings, places: Callable[[], Iterable[Location]]) -> bool:
    """By configuration: the operator names the public service. By the finding: all its repositories are there.

    An operator's own instance ties what was not found at the public service. Without either, only a form that is seldom
    issued elsewhere counts.
    """
    named = settings.endpoints.get(provider.id)
    if named is not None and asked in provider.hosts:
        return True
    repositories = {_host(place.repository) for place in places() if place.repository}
    if named is not None:
        return not any(_is_public(provider, host) for host in repositories)
    return all(_is_public(provider, host) for host in repositories) if repositories else kind.seldom_elsewhere


def _is_public(provider: Provider, host: str) -> bool:
    """True for the public service's own name, and for the site whose API it is (github.com of api.github.com)."""
    return any(host == known or known.endswith(f".{host}") for known in provider.hosts) and "." in host


def _host(repository: str) -> str:
    """The host of a repository's address: https, ssh, git@host:path, or bare."""
    text = repository if "://" in repository else "ssh://" + repository.replace(":", "/", 1)
    try:
        return (urlsplit(text).hostname or "").casefold()
    except ValueError:
        return ""
