"""The store's root key in Vault's transit engine: it never leaves Vault, and each start asks for one HMAC.

https://developer.hashicorp.com/vault/api-docs/secret/transit#generate-hmac
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from revoker.config import Settings
from revoker.errors import StoreError
from revoker.secrets import VaultTransit
from revoker.wrapped import Wrapping


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


def wrapping(settings: Settings) -> Wrapping | None:
    """Root keys wrapped by a derived transit key of the configured Vault; None without a [vault]."""
    return Transit(settings) if settings.vault is not None else None


class Transit:
    """See wrapped.Wrapping. One call each.

    https://developer.hashicorp.com/vault/api-docs/secret/transit
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def make(self, name: str, context: bytes) -> str:
        if self._key(name) is None:
            self._call("POST", f"keys/{name}", {"type": "aes256-gcm96", "derived": True})
        return str(self._call("POST", f"datakey/wrapped/{name}", {"context": _text(context)})["ciphertext"])

    def wrap(self, name: str, context: bytes, plain: bytes) -> str:
        return str(self._call("POST", f"encrypt/{name}", {"context": _text(context), "plaintext": _text(plain)})["ciphertext"])

    def open(self, name: str, context: bytes, wrapped: str) -> bytes:
        found = self._call("POST", f"decrypt/{name}", {"context": _text(context), "ciphertext": wrapped}, changes=False)
        try:
            return base64.b64decode(str(found["plaintext"]), validate=True)
        except (KeyError, binascii.Error):
            raise StoreError("Vault's transit engine gave something that is no key.") from None

    def rewrap(self, name: str, context: bytes, wrapped: str) -> str:
        return str(self._call("POST", f"rewrap/{name}", {"context": _text(context), "ciphertext": wrapped})["ciphertext"])

    def newest(self, name: str) -> int:
        found = self._key(name)
        if found is None:
            raise StoreError(f"Vault's transit engine has no key {name} any more.", next="restore it from Vault's backup")
        return int(found["latest_version"])

    def rotate(self, name: str) -> None:
        self._call("POST", f"keys/{name}/rotate", {})

    def forbid_older(self, name: str, version: int) -> None:
        self._call("POST", f"keys/{name}/config", {"min_decryption_version": version})

    def _key(self, name: str) -> Mapping[str, Any] | None:
        """What the engine says of a key. Raises StoreError for one without derivation: a wrapped root would fit anywhere."""
        from revoker.egress.vault import open_vault

        listed = {str(key) for key in (self._list() or ())}
        if name not in listed:
            return None
        found: Mapping[str, Any] = open_vault(self._settings).call("GET", f"/v1/transit/keys/{name}", changes=False)["data"]
        if found.get("derived") is not True:
            raise StoreError(f"The transit key {name} is not derived.", next="make one with derived=true, under another name")
        return found

    def _list(self) -> list[object]:
        from revoker.egress.vault import open_vault
        from revoker.errors import AuthorityError

        try:
            found = open_vault(self._settings).call("GET", "/v1/transit/keys?list=true", changes=False)
        except AuthorityError as error:
            if "(404)" in error.message:  # no key at all yet
                return []
            raise
        keys = (found.get("data") or {}).get("keys")
        return keys if isinstance(keys, list) else []

    def _call(self, method: str, path: str, body: Any, *, changes: bool = True) -> Mapping[str, Any]:
        from revoker.egress.vault import open_vault

        answer = open_vault(self._settings).call(method, f"/v1/transit/{path}", body, changes=changes)
        data = answer.get("data")
        return data if isinstance(data, Mapping) else {}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
