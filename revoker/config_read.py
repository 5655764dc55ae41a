"""Reads single values of the configuration file: each reader gives the typed value or a ConfigError that names the key."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from revoker.errors import ConfigError
from revoker.model import NOTHING, Effect

Network = IPv4Network | IPv6Network

REFERENCES = ("env:", "file:", "vault:", "keyring:")
REFERENCE_HINT = "write env:NAME, file:PATH, vault:PATH#FIELD or keyring:NAME, and keep the value there"
DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
SECRET_NAME = re.compile(r"secret|token|password|passphrase|private|key$|credential", re.IGNORECASE)
PUBLIC_NAME = re.compile(r"(?:_id|_arn|_url|_name|username|user|email|region|account|organization|host)$", re.IGNORECASE)
HOST_PORT = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:]{2,45}\]):\d{1,5}")
OPAQUE = re.compile(r"[A-Za-z0-9_\-+=]{20,}")


@dataclass(frozen=True, slots=True)
class Where:
    """A place in the configuration: the dotted key for messages, and the folder that relative paths start from."""

    key: str
    base: Path

    def at(self, name: str) -> Where:
        """The place of one key of this table."""
        return Where(f"{self.key}.{name}" if self.key else name, self.base)

    def wrong(self, wanted: str) -> ConfigError:
        """The error for a value that does not fit. The value itself is never shown: it may be a secret."""
        return ConfigError(f"The configuration key {self.key} must be {wanted}.", next="see docs/config.md")


Reader = Callable[[Any, Where], Any]


def text(raw: object, where: Where) -> str:
    """A string that is not empty."""
    if isinstance(raw, str) and raw.strip():
        return raw
    raise where.wrong("a text")


def vault_path(raw: object, where: Where) -> str:
    """A path in Vault, in which a reference is written {name}."""
    value = text(raw, where)
    if re.search(r"[{}?#\s]", re.sub(r"\{[a-z_]+\}", "", value)) or ".." in value:
        raise where.wrong("a path such as secret/billing/aws or secret/aws/{account}")
    return value


def flag(raw: object, where: Where) -> bool:
    """A boolean."""
    if isinstance(raw, bool):
        return raw
    raise where.wrong("true or false")


def whole(raw: object, where: Where) -> int:
    """A whole number, zero or more."""
    if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0:
        return raw
    raise where.wrong("a whole number, 0 or more")


def positive(raw: object, where: Where) -> int:
    """A whole number, one or more."""
    if whole(raw, where) == 0:
        raise where.wrong("a whole number, 1 or more")
    return whole(raw, where)


def duration(raw: object, where: Where) -> timedelta:
    """A duration such as "10s", "90m", "1h30m" or "7d"."""
    pairs = DURATION.findall(raw) if isinstance(raw, str) else []
    if not pairs or "".join(n + unit for n, unit in pairs) != raw:
        raise where.wrong('a duration such as "10s", "90m", "1h30m" or "7d"')
    try:
        return sum((timedelta(**{UNITS[unit]: int(n)}) for n, unit in pairs), timedelta())
    except OverflowError:
        raise where.wrong("a shorter duration") from None


def path(raw: object, where: Where) -> Path:
    """A path; a relative one starts at the configuration file's folder."""
    return where.base / Path(text(raw, where)).expanduser()


def maybe(read: Reader) -> Reader:
    """The reader for a key that may be "" to say: none."""
    return lambda raw, where: None if raw == "" else read(raw, where)


def texts(raw: object, where: Where) -> tuple[str, ...]:
    """A list of strings."""
    if not isinstance(raw, list):
        raise where.wrong("a list of texts")
    return tuple(text(item, where) for item in raw)


def host_ports(raw: object, where: Where) -> tuple[str, ...]:
    """A list of `host:port` (`[address]:port` for IPv6)."""
    found = texts(raw, where)
    if not all(HOST_PORT.fullmatch(one) and 0 < int(one.rpartition(":")[2]) < 65_536 for one in found):
        raise where.wrong('a list of hosts such as "www.acme.example:443"')
    return tuple(one.casefold() for one in found)


def ssh_accounts(raw: object, where: Where) -> tuple[str, ...]:
    """A list of `user@host:port`."""
    pairs = [one.rpartition("@")[::2] for one in texts(raw, where)]
    hosts = [host for _, host in pairs]
    if not all(re.fullmatch(r"[\w.$-]{1,64}", user) for user, _ in pairs) or not all(HOST_PORT.fullmatch(host) for host in hosts):
        raise where.wrong('a list of accounts such as "deploy@web1.acme.example:22"')
    return tuple(f"{user}@{host}" for (user, _), host in zip(pairs, host_ports(hosts, where), strict=True))


def effects(raw: object, where: Where) -> tuple[str, ...]:
    """A list of effects of changes."""
    return tuple(one_of(*(effect.value for effect in Effect))(item, where) for item in texts(raw, where))


def table(raw: object, where: Where) -> Mapping[str, Any]:
    """A table."""
    if isinstance(raw, dict):
        return raw
    raise where.wrong("a table")


def one_of(*allowed: str) -> Reader:
    """The reader for one of a few words."""

    def read(raw: object, where: Where) -> str:
        if isinstance(raw, str) and raw in allowed:
            return raw
        raise where.wrong("one of " + ", ".join(allowed))

    return read


def table_of(read: Reader) -> Reader:
    """The reader for a table with free names."""

    def read_table(raw: object, where: Where) -> Mapping[str, Any]:
        return MappingProxyType({name: read(value, where.at(name)) for name, value in table(raw, where).items()})

    return read_table


def networks(raw: object, where: Where) -> tuple[Network, ...]:
    """A list of addresses or networks in CIDR form."""
    try:
        return tuple(ip_network(item) for item in texts(raw, where))
    except ValueError:
        raise where.wrong('a list of networks such as "127.0.0.1/32"') from None


def url(raw: object, where: Where) -> str:
    """An http or https address without a user name or password in it."""
    return web_address(text(raw, where), where)


def web_address(raw: str, where: Where) -> str:
    """The address when it is http or https, has a host and no password; else an error."""
    try:
        parts = urlsplit(raw)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        raise where.wrong("an http or https address") from None
    if not fits:
        raise where.wrong("an http or https address")
    if parts.username is not None or parts.password is not None:
        raise literal(where)
    return raw


def url_or_reference(raw: object, where: Where) -> str:
    """An address, or a reference to one: the paths of many webhook addresses are secrets."""
    plain = text(raw, where)
    if is_reference(plain):
        return reference(plain, where)
    if any(looks_secret(part) for part in urlsplit(plain).path.split("/")):
        raise literal(where)
    return web_address(plain, where)


def endpoint(raw: object, where: Where) -> str | Mapping[str, str]:
    """A base address, or a table host -> base address."""
    if isinstance(raw, dict):
        return MappingProxyType({host: url(value, where.at(host)) for host, value in raw.items()})
    return url(raw, where)


def is_reference(value: str) -> bool:
    """True when the text names a place that holds a secret, and is none itself."""
    return value.startswith(REFERENCES)


def reference(raw: object, where: Where) -> str:
    """A reference to a secret. A literal is refused."""
    value = text(raw, where)
    scheme, _, rest = value.partition(":")
    if not is_reference(value) or not rest:
        raise literal(where)
    if scheme == "vault" and not all(rest.partition("#")[::2]):
        raise where.wrong("vault:PATH#FIELD")
    return value


def key_reference(raw: object, where: Where) -> str:
    """Where the root key is: env:, file:, keyring:, vault-wrapped:NAME or vault-transit:NAME."""
    value = text(raw, where)
    if value.startswith("vault-wrapped:") and re.fullmatch(r"[\w.-]{1,100}", value.partition(":")[2]) is None:
        raise where.wrong("vault-wrapped:NAME, with the name of a key of the transit engine")
    if value.startswith(("vault-transit:", "vault-wrapped:")):
        return value
    if value.startswith("vault:"):
        raise where.wrong("env:NAME, file:PATH, keyring:NAME, vault-wrapped:NAME or vault-transit:NAME")
    return reference(value, where)


def store_url(raw: object, where: Where) -> str:
    """A database address without a password, or a reference to a full one."""
    value = text(raw, where)
    if is_reference(value):
        return reference(value, where)
    if not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise where.wrong("sqlite:///FILE, postgresql+psycopg://HOST/NAME, or a reference to such an address")
    if re.search(r"//[^/@]*:[^/@]+@", value) or re.search(r"[?&]password=", value):
        raise literal(where)
    return value


def authority(raw: object, where: Where) -> str:
    """A value of [authority.*]: a reference for what is secret, plain text for names and ids."""
    value = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else text(raw, where)
    name = where.key.rpartition(".")[2]
    if is_reference(value):
        return reference(value, where)
    if PUBLIC_NAME.search(name):
        return value
    if SECRET_NAME.search(name) or looks_secret(value):
        raise literal(where)
    return value


def ssh_key(raw: object, where: Where) -> str:
    """One line of an OpenSSH ed25519 public key."""
    words = text(raw, where).split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        blob = b""
    if words[0] != "ssh-ed25519" or len(blob) != 51 or not blob.startswith(b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"):
        raise where.wrong('an OpenSSH public key line such as "ssh-ed25519 AAAA... name"')
    return " ".join(words[:2])


def literal(where: Where) -> ConfigError:
    """The error for a secret that stands in the file itself."""
    return ConfigError(
        f"The configuration key {where.key} holds a secret value; only references are allowed there.",
        safe="nothing was sent; the value was not used",
        next=REFERENCE_HINT,
    )


def looks_secret(value: str) -> bool:
    """True for a long run of random letters and digits. A help against slips, not a scanner."""
    runs: Iterable[str] = OPAQUE.findall(value)
    return any(re.search(r"\d", run) and re.search(r"[A-Za-z]", run) and _entropy(run) > 3.6 for run in runs)


def _entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


def nothing() -> Mapping[str, Any]:
    """The empty table, as a default."""
    return NOTHING
