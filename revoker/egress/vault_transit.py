"""The store's root key in Vault's transit engine: it never leaves Vault, and each start asks for one HMAC.

https://developer.hashicorp.com/vault/api-docs/secret/transit#generate-hmac
"""

from __future__ import annotations

import base64
import binascii

from revoker.config import Settings
from revoker.errors import StoreError
from revoker.secrets import VaultTransit


def transit(settings: Settings) -> VaultTransit | None:
    """The HMAC of a transit key by the configured Vault; None without a [vault]."""
    if settings.vault is None:
        return None

    def hmac(name: str, message: bytes, version: int) -> bytes:
        from revoker.egress.vault import open_vault

        body = {"input": base64.b64encode(message).decode(), "key_version": version}
        answer = open_vault(settings).call("POST", f"/v1/transit/hmac/{name}/sha2-256", body, changes=False)
        found = str(answer.get("data", {}).get("hmac", ""))
        named, _, value = found.rpartition(":")  # vault:v1:BASE64
        if named != f"vault:v{version}":
            raise StoreError("Vault's transit engine answered with another version of the key than was asked for.")
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            raise StoreError("Vault's transit engine gave something that is no HMAC.") from None

    return hmac
