"""Where a byte may go: hosts from the provider or the operator, addresses from our own tables, nothing else.

`ipaddress.is_private` is not used: it takes NAT64, 6to4, 192.0.0.192 and Azure's 168.63.129.16 for public.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from revoker.config import Settings
from revoker.errors import EgressRefused
from revoker.model import Credential
from revoker.sdk import Provider

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DENIED_V4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; 100.100.100.200 is a metadata service
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent
        "169.254.0.0/16",  # link-local, most metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",  # 192.0.0.192 is a metadata service
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")  # all else (loopback, mapped, NAT64, unique local, site-local, multicast) is denied
DENIED_V6 = tuple(IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
METADATA = tuple(  # where a cloud hands its machines credentials: reached only when the operator names the very address
    IPv4Network(net) if "." in net else IPv6Network(net)
    for net in (
        "169.254.0.0/16",  # AWS, Google, Azure, Oracle, DigitalOcean, OpenStack; ECS, EKS; Tencent, Scaleway
        "100.100.100.200/32",  # Alibaba
        "100.96.0.96/32",  # Volcengine
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.192/32",  # Oracle's older one
        "fd00:ec2::/32",  # AWS: 254 for machines, 23 for EKS pods, 253 for names
        "fd20:ce::254/128",  # Google
        "fd00:c1::a9fe:a9fe/128",  # Oracle
        "fd00:42::42/128",  # Scaleway
        "fe80::a9fe:a9fe/128",  # OpenStack
    )
)
HOLDS_V4 = tuple(  # IPv6 addresses that lead to an IPv4 address, and how many bits stand behind it
    (IPv6Network(net), behind)
    for net, behind in (
        ("::ffff:0:0/96", 0),
        ("::ffff:0:0:0/96", 0),  # translated (RFC 2765)
        ("64:ff9b::/96", 0),  # NAT64
        ("64:ff9b:1::/48", 0),  # NAT64 of a network's own, with the usual prefix of 96 bits
        ("2002::/16", 80),  # 6to4
        ("::/96", 0),
    )
)

HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\Z")
PATH = re.compile(r"/(?!/)[!$&'()*+,;=:@/?%A-Za-z0-9._~\[\]{}|^-]*\Z")
DOTS = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|\?|$)", re.IGNORECASE)
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, host and port: what a connection pool belongs to."""

    scheme: str
    host: str
    port: int

    @property
    def shown(self) -> str:
        """The host as verdicts and certificates of evidence show it."""
        return self.netloc

    @property
    def netloc(self) -> str:
        """The host, in brackets when it is IPv6, with the port unless it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if PORTS.get(self.scheme) == self.port else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An origin with the base path that the operator's own instance may have (`/api/v3`)."""

    origin: Origin
    base: str = ""

    def url(self, path: str) -> str:
        """The exact address of a path. Raises EgressRefused for what could lead anywhere else."""
        if not PATH.match(path) or DOTS.search(path):
            raise EgressRefused("A path that could lead elsewhere was refused.", safe="nothing was sent")
        return f"{self.origin.url}{self.base}{path}"


def address_allowed(address: Address, allow: Iterable[Network], *, clear: bool = False) -> bool:
    """True for a public address, and for what the operator's [network] allow holds; metadata only when named exactly.

    In the clear (plain http) only the operator's own networks are reached. An IPv6 address that leads to an IPv4 address must be
    allowed, and so must what it leads to.
    """
    nets = tuple(allow)
    named = [net for net in nets if net.version == address.version and address in net]
    if any(net.version == address.version and _bare(address) in net for net in METADATA):
        return any(net.num_addresses == 1 for net in named)
    inner = embedded(address)
    if inner is not None and not address_allowed(inner, nets, clear=clear):
        return False
    return bool(named) or (not clear and _is_public(address))


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to (mapped, NAT64, 6to4), or None."""
    if isinstance(address, IPv4Address) or int(address) <= 1:  # :: and ::1 are no IPv4 addresses
        return None
    behind = next((bits for net, bits in HOLDS_V4 if _bare(address) in net), None)
    return None if behind is None else IPv4Address(int(address) >> behind & 0xFFFF_FFFF)


def _bare(address: Address) -> Address:
    """The address without the name of an interface."""
    return IPv6Address(int(address)) if isinstance(address, IPv6Address) else address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in net for net in DENIED_V4)
    return address.scope_id is None and address in GLOBAL_V6 and not any(address in net for net in DENIED_V6)


def literal(host: str) -> Address | None:
    """The address that a host is written as, or None for a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def check_addresses(found: Iterable[str], allow: Iterable[Network], *, clear: bool = False) -> tuple[str, ...]:
    """All answers of one look-up, when every one of them may be dialled. Raises EgressRefused."""
    nets, addresses = tuple(allow), tuple(dict.fromkeys(found))
    for text in addresses:
        address = literal(text)
        if address is None or not address_allowed(address, nets, clear=clear):
            raise EgressRefused(
                "A host resolves to an address that may not be dialled.",
                safe="nothing was sent",
                next="if the address is yours, add its network to [network] allow",
            )
    return addresses


def endpoint(provider: Provider, host: str | None, settings: Settings, credential: Credential | None = None) -> Endpoint | None:
    """Where a provider's host is reached; None when the provider has no host and the operator named none.

    Raises EgressRefused for a host that neither the provider nor the operator declared.
    """
    named = settings.endpoints.get(provider.id)
    first = provider.hosts[0] if provider.hosts else None
    wanted = host or first
    found = _by_operator(named, wanted, first)
    if found is not None:
        return from_url(found)
    if provider.id in ("vault", "openbao") and host is None and settings.vault is not None:
        return from_url(settings.vault.addr)
    if wanted is not None and wanted in provider.hosts:
        return Endpoint(Origin("https", _checked_host(wanted), 443))
    if wanted is None or wanted in provider.operator_hosts:
        return None
    if credential is not None and is_owned(provider, wanted, settings, credential):
        return _owned_endpoint(wanted)
    raise EgressRefused("A host that neither the provider nor the configuration names was refused.", safe="nothing was sent")


def _by_operator(named: str | Mapping[str, str] | None, wanted: str | None, first: str | None) -> str | None:
    if isinstance(named, str):
        return named if wanted == first or wanted is None else None
    if named is None:
        return None
    return named.get(wanted) if wanted is not None else next(iter(named.values()), None)


def is_owned(provider: Provider, host: str, settings: Settings, credential: Credential) -> bool:
    """True when the credential's kind names its own host, this is it, and the operator lists it as its own."""
    part = next((kind.host_from for kind in provider.kinds if kind.id == credential.kind), None)
    if part is None:
        return False
    name, _, port = host.partition(":")
    theirs = credential.parts.get(part, "").casefold()
    if theirs not in (host.casefold(), name.casefold()):
        return False
    owned = {entry.casefold() for entry in settings.ownership.hosts}
    port = port or credential.parts.get("port", "")
    return host.casefold() in owned or name.casefold() in owned or f"{name.casefold()}:{port}" in owned


def _owned_endpoint(host: str) -> Endpoint:
    name, _, port = host.casefold().partition(":")
    return Endpoint(Origin("https", _checked_host(name), _port(port)))


@lru_cache(maxsize=256)
def from_url(url: str) -> Endpoint:
    """The endpoint of an operator's base address. Raises EgressRefused when it is no plain http or https address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise EgressRefused("A configured endpoint is no address.", safe="nothing was sent") from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in PORTS or not parts.hostname or not plain:
        raise EgressRefused("A configured endpoint must be a plain http or https address.", safe="nothing was sent")
    return Endpoint(Origin(parts.scheme, _checked_host(parts.hostname), port or PORTS[parts.scheme]), parts.path.rstrip("/"))


def _checked_host(host: str) -> str:
    """A lower-case name or address literal. Raises EgressRefused for anything fancier (IDN, user@, spaces, digits only)."""
    name = host.casefold()
    if literal(name) is not None:
        return name
    if not HOST.match(name) or name.rpartition(".")[2].isdigit() or name.rpartition(".")[2].startswith("0x"):
        raise EgressRefused("A host that is no plain name was refused.", safe="nothing was sent")
    return name


def _port(text: str) -> int:
    if not text:
        return 443
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        raise EgressRefused("A port that is none was refused.", safe="nothing was sent")
    return int(text)


def check_origin(origin: Origin, allow: Iterable[Network]) -> None:
    """Refuse an address literal that may not be dialled, before anything else is done with it."""
    address = literal(origin.host)
    if address is not None:
        check_addresses([str(address)], allow, clear=origin.scheme == "http")
