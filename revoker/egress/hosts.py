"""What a firewall must open for a configuration."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from revoker.config import Settings
from revoker.config_read import is_reference
from revoker.egress.policy import endpoint, from_url
from revoker.errors import EgressRefused
from revoker.sdk import Provider


def hosts(settings: Settings, providers: Iterable[Provider] | None = None) -> list[str]:
    """All `host:port` that revoker may dial, sorted. With a proxy it is the proxy and what is the operator's own."""
    if providers is None:
        from revoker import catalog

        providers = catalog.providers().values()
    found: set[str] = set()
    for provider in providers:
        found.update(_of(provider, settings))
    if settings.vault is not None:
        found.add(_shown(settings.vault.addr))
    webhook = settings.notify.webhook
    if webhook is not None and not is_reference(webhook):
        found.add(_shown(webhook))
    found.update(host if ":" in host else f"{host}:*" for host in settings.ownership.hosts)
    found.update(account.rpartition("@")[2] for account in settings.keys.ssh_hosts)
    found.update(settings.keys.tls_hosts)
    if settings.network.proxy is not None:
        parts = urlsplit(settings.network.proxy)
        found.add(f"{parts.hostname}:{parts.port or 3128}")
    return sorted(found)


def _of(provider: Provider, settings: Settings) -> Iterable[str]:
    named = settings.endpoints.get(provider.id)
    if isinstance(named, str) and provider.id == "aws":
        return [_shown(named)]
    wanted: list[str | None] = list(provider.hosts) or [None]
    if named is not None and not isinstance(named, str):
        wanted += list(named)
    found = []
    for host in wanted:
        try:
            where = endpoint(provider, host, settings)
        except EgressRefused:
            continue
        if where is not None:
            found.append(f"{where.origin.host}:{where.origin.port}")
    return found


def _shown(url: str) -> str:
    origin = from_url("/".join(url.split("/")[:3])).origin
    return f"{origin.host}:{origin.port}"
