"""What a Vault server is and can do, found without changing anything and without special rights.

Vault Community, Vault Enterprise and OpenBao differ; what one lacks is said, with what is done instead.
https://openbao.org/docs/ https://developer.hashicorp.com/vault/api-docs/system/health
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from revoker.egress.vault import Vault
from revoker.egress.vault_errors import body_of
from revoker.model import NOTHING

OPENBAO, COMMUNITY, ENTERPRISE, UNKNOWN = "OpenBao", "Vault Community", "Vault Enterprise", "Vault or OpenBao"
ENGINES = ("kv", "transit", "pki", "database", "aws", "gcp", "azure")  # of the catalogue, those that playbooks can be about
AUTH = ("token", "approle", "jwt", "kubernetes", "aws", "gcp", "azure")


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that not every server has. `has` is None when it cannot be told; `instead` says what is done without it."""

    name: str
    has: bool | None
    instead: str


@dataclass(frozen=True, slots=True)
class Server:
    """A server as `sys/health`, its mounts and its plugin catalogue describe it."""

    product: str
    version: str
    sealed: bool
    standby: bool
    features: tuple[Feature, ...] = ()
    plugins: Mapping[str, frozenset[str]] = field(default_factory=lambda: NOTHING)  # auth, database, secret; empty: not told

    def has(self, name: str) -> bool | None:
        """Whether the server has a feature; None when it cannot be told."""
        return next((one.has for one in self.features if one.name == name), None)


def probe(vault: Vault) -> Server:
    """Ask health, the catalogue and the KV mount. Raises Parked when the server cannot be reached."""
    health = body_of(vault.session.plain("GET", "/v1/sys/health"))
    version = str(health.get("version") or "")
    sealed = health.get("sealed") is True
    plugins, built = _catalogue(vault) if not sealed else ({}, "")
    product = product_of(health, version, built or ("" if sealed else _running(vault)))
    standby = health.get("standby") is True
    return Server(product, version, sealed, standby, features_of(product, version), plugins)


def product_of(health: Mapping[str, Any], version: str, built: str) -> str:
    """The product by how its built-in plugins are marked (`+builtin.bao`), then by its version (`1.18.0+ent`)."""
    if built.endswith(".bao"):
        return OPENBAO
    if "+ent" in version or health.get("enterprise") is True:
        return ENTERPRISE
    return COMMUNITY if built.endswith(".vault") else UNKNOWN


def features_of(product: str, version: str) -> tuple[Feature, ...]:
    """What a product of a version has of that which not all have."""
    bao, known = product == OPENBAO, None if product == UNKNOWN else False
    at = numbers(version)
    spaces = at >= (2, 3) if bao else True if product == ENTERPRISE else known
    return (
        Feature("namespaces", spaces, "one namespace: [vault] namespace must stay empty"),
        Feature("scan", at >= (2, 2) if bao else known, "vault find lists folder by folder"),
        Feature("paged list", bao or known, "a folder is listed in one answer"),
        Feature(
            "patch", True if bao else at >= (1, 9) if known is False else None, "a version is written whole, with check-and-set"
        ),
        Feature("metadata check-and-set", at >= (2, 4) if bao else known, "custom metadata is patched, or written over"),
        Feature(
            "cloud engines",
            False if bao else True if known is False else None,
            "AWS, GCP and Azure keys are rotated by the provider's own API",
        ),
        Feature(
            "'invalid token' text",
            False if bao else at >= (1, 17) if known is False else None,
            "a token is judged by the authority's lookup",
        ),
    )


def numbers(version: str) -> tuple[int, ...]:
    """`2.7.2` as numbers; empty for what is no version, which is less than any."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(part) for part in found.groups(default="0")) if found else ()


def _catalogue(vault: Vault) -> tuple[dict[str, frozenset[str]], str]:
    """The plugins by type, and how a built-in one is marked; both empty when our token may not ask."""
    answer = vault.session.ask("GET", "/v1/sys/plugins/catalog")
    data = (body_of(answer).get("data") or {}) if answer.status == 200 else {}
    named = {sort: frozenset(map(str, data[sort])) for sort in ("auth", "database", "secret") if isinstance(data.get(sort), list)}
    marks = [
        str(one.get("version") or "") for one in data.get("detailed") or () if isinstance(one, Mapping) and one.get("builtin")
    ]
    return named, marks[0] if marks else ""


def _running(vault: Vault) -> str:
    """How the KV mount's plugin is marked; any token with a right below the mount may ask."""
    mount = vault.session.vault.mount.strip("/")
    answer = vault.session.ask("GET", f"/v1/sys/internal/ui/mounts/{mount}/revoker")
    return str((body_of(answer).get("data") or {}).get("running_plugin_version") or "") if answer.status == 200 else ""
