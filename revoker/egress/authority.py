"""The operator's own credentials, resolved from their references when they are used."""

from __future__ import annotations

from collections.abc import Callable

from revoker.config import Settings
from revoker.config_read import is_reference
from revoker.errors import UnresolvedReference
from revoker.model import Secret
from revoker.references import resolve


def secret(settings: Settings, provider_id: str, name: str) -> Secret | None:
    """A secret of `[authority.<provider>]`, or None when it is not configured. Raises UnresolvedReference."""
    raw = settings.authority.get(provider_id, {}).get(name)
    if raw is None:
        return None
    return resolve(raw, settings, vault=vault_reader(settings)) if is_reference(raw) else Secret(raw)


def vault_reader(settings: Settings) -> Callable[[str, str], Secret] | None:
    """A function that reads (path, field) from the configured Vault; None without one."""
    if settings.vault is None:
        return None

    def read(path: str, field: str) -> Secret:
        from revoker.egress.vault import open_vault

        found = open_vault(settings).read(path)
        if found is None or field not in found.data:
            raise UnresolvedReference(f"Vault has no {path}#{field}.", next="check the path and the field")
        return found.data[field]

    return read
