"""What a firewall must open: the hosts of the provider files, and those that the configuration names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from revoker.config import Settings
from revoker.config_read import is_reference
from revoker.egress.policy import endpoint, from_url
from revoker.errors import EgressRefused
from revoker.sdk import Provider

PROXY_PORT, POSTGRESQL_PORT = 3128, 5432


@dataclass(frozen=True, slots=True)
class Opening:
    """One host that may be dialled, why, and by whose word."""

    host: str
    port: int | None  # None: any port, as `[ownership] hosts` may say
    providers: tuple[str, ...] = ()
    key: str = ""  # the key of the configuration that names it; empty: a provider file does

    @property
    def shown(self) -> str:
        """`host:port`, the host in brackets when it is an IPv6 address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{'*' if self.port is None else self.port}"


def hosts(settings: Settings, providers: Iterable[Provider] | None = None) -> list[Opening]:
    """All that revoker may dial with this configuration: the operator's own first, then the providers'."""
    if providers is None:
        from revoker import catalog

        providers = catalog.providers().values()
    found = list(_of_configuration(settings))
    named = {(one.host, one.port) for one in found}
    used: dict[tuple[str, int], list[str]] = {}
    for provider in sorted(providers, key=lambda one: one.id):
        for opening in _of_provider(provider, settings):
            if opening.key:
                found.append(opening)
            elif (opening.host, opening.port) not in named and opening.port is not None:
                used.setdefault((opening.host, opening.port), []).append(provider.id)
    found += [Opening(host, port, tuple(ids)) for (host, port), ids in used.items()]
    return sorted(dict.fromkeys(found), key=lambda one: (not one.key, one.host, one.port or 0, one.key))


def untold(settings: Settings) -> list[str]:
    """The keys whose address stands in a reference: it may be a secret, so its host is not listed."""
    return [key for key, url in _addresses(settings) if is_reference(url)]


def _addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each address of the configuration with its key, references too."""
    if settings.vault is not None:
        yield "[vault] addr", settings.vault.addr
    if settings.notify.webhook is not None:
        yield "[notify] webhook", settings.notify.webhook
    if settings.audit.timestamp_url is not None:
        yield "[audit] timestamp_url", settings.audit.timestamp_url
    for consumer in settings.consumers:
        for name, url in (("webhook", consumer.webhook), ("kubernetes", consumer.kubernetes)):
            if url is not None:
                yield f"[[consumer]] {consumer.name} {name}", url
    if is_reference(settings.store.url):
        yield "[store] url", settings.store.url


def _of_configuration(settings: Settings) -> Iterator[Opening]:
    for key, url in _addresses(settings):
        if not is_reference(url):
            yield _at(url, key)
    if settings.network.proxy is not None:
        parts = urlsplit(settings.network.proxy)
        yield Opening(parts.hostname or "", parts.port or PROXY_PORT, (), "[network] proxy")
    database = urlsplit(settings.store.url)
    if database.scheme.startswith("postgresql") and database.hostname:
        yield Opening(database.hostname, database.port or POSTGRESQL_PORT, (), "[store] url")
    for host in settings.ownership.hosts:
        yield _split(host, "[ownership] hosts")
    for account in settings.keys.ssh_hosts:
        yield _split(account.rpartition("@")[2], "[keys] ssh_hosts")
    for host in settings.keys.tls_hosts:
        yield _split(host, "[keys] tls_hosts")


def _of_provider(provider: Provider, settings: Settings) -> Iterator[Opening]:
    named = settings.endpoints.get(provider.id)
    key = f"[endpoints] {provider.id}"
    if isinstance(named, str):
        yield _at(named, key, provider.id)
        if provider.id == "aws":  # one server plays all of AWS
            return
    elif named is not None:
        for url in named.values():
            yield _at(url, key, provider.id)
    for host in provider.hosts:
        try:
            where = endpoint(provider, host, settings)
        except EgressRefused:
            continue
        if where is not None and where.origin.host == host.casefold():
            yield Opening(where.origin.host, where.origin.port, (provider.id,))


def _at(url: str, key: str, *providers: str) -> Opening:
    """The host of an address. Its path may be a secret, so it is left out first."""
    origin = from_url("/".join(url.split("/")[:3])).origin
    return Opening(origin.host, origin.port, providers, key)


def _split(text: str, key: str) -> Opening:
    """`host`, `host:port` or `[address]:port`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or (host.count(":") and not host.endswith("]")):  # a bare name or address
        return Opening(text.strip("[]"), None, (), key)
    return Opening(host.strip("[]"), int(port), (), key)
