"""What a plan is pinned to: one canonical text and its SHA-256, the provider's definition, the policy."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import revoker
from revoker import catalog
from revoker.config import Settings


def canonical(document: Mapping[str, Any]) -> bytes:
    """One text for one meaning: sorted keys, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(document)).hexdigest()


@cache
def definition(provider_id: str) -> str:
    """The version of a provider's definition: its source files, and the sdk that it is made of.

    Of a third party's provider it is the whole package that the entry point names, whatever its files are.
    """
    package = catalog.package_of(provider_id)
    sources = list((Path(revoker.__file__).parent / "sdk").glob("*.py"))
    sources += _ours(provider_id) if package is None else _theirs(package)
    text = hashlib.sha256(f"{revoker.__version__}:{provider_id}".encode())
    for source in sorted(sources):
        raw = source.read_bytes()
        text.update(f"{source.name}:{len(raw)}:".encode() + raw)
    return text.hexdigest()[:32]


def _ours(provider_id: str) -> Iterator[Path]:
    provider = catalog.providers()[provider_id]
    for home in [module for module in list(sys.modules.values()) if getattr(module, "PROVIDER", None) is provider]:
        path = Path(str(home.__file__))
        yield from path.parent.glob("*.py") if hasattr(home, "__path__") else [path]


def _theirs(package: str) -> Iterator[Path]:
    home = sys.modules[package]
    for folder in getattr(home, "__path__", ()):
        yield from (path for path in Path(folder).rglob("*") if path.is_file() and path.suffix != ".pyc")
    if home.__file__:
        yield Path(home.__file__)


def policy(settings: Settings) -> str:
    """The version of what the operator decided: who may approve what, whose it is, who acts, and where a new secret goes.

    Of an authority it is the references and ids, never a secret; of Vault its address and namespace, not how we log in.
    """
    names = ("approvals", "approvers", "limits", "ownership", "destinations", "consumers", "endpoints", "canaries", "authority")
    decided = {name: _plain(getattr(settings, name)) for name in names}
    vault = settings.vault and [settings.vault.addr, settings.vault.namespace]
    return digest({**decided, "vault": vault})[:32]


def instant(moment: datetime) -> str:
    """A time in UTC to the second: 2026-11-24T21:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """The time that instant() wrote. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(part) for part in value), key=repr)  # a set has another order in each process
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
