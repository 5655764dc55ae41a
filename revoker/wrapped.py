"""The root key wrapped by Vault's transit engine: `[store] key = "vault-wrapped:NAME"`.

Each version of the root is a random data key. The store's `meta` table holds it wrapped by the transit key NAME, which is
derived: its context is the store and the row, so that a wrapped root fits nowhere else and can still be rewrapped
(associated data would not survive that). Values are sealed here, by the data key, each tied to its record and field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from revoker.errors import StoreError, UnresolvedReference
from revoker.roots import ROOT, Carried
from revoker.secrets import Keys, derive_keys

SCHEME = "vault-wrapped:"
PREFIX = "root_v"
CARRIED = "root_carried"


class Wrapping(Protocol):
    """A derived key of the transit engine. Its calls raise RevokerError.

    https://developer.hashicorp.com/vault/api-docs/secret/transit
    """

    def make(self, name: str, context: bytes) -> str:
        """A new data key of 32 bytes, wrapped. Makes the transit key when there is none."""
        ...

    def wrap(self, name: str, context: bytes, plain: bytes) -> str: ...

    def open(self, name: str, context: bytes, wrapped: str) -> bytes: ...

    def rewrap(self, name: str, context: bytes, wrapped: str) -> str: ...

    def newest(self, name: str) -> int:
        """The newest version of the transit key."""
        ...

    def rotate(self, name: str) -> None: ...

    def forbid_older(self, name: str, version: int) -> None:
        """Let no version below this one decrypt any more."""
        ...


def context(store_id: str, row: str) -> bytes:
    """What a wrapped root is tied to."""
    return f"revoker {store_id} {row}".encode()


def first_rows(name: str, wrapping: Wrapping | None, store_id: str) -> dict[str, str]:
    """The rows of a new store: version 1, wrapped."""
    row = f"{PREFIX}1"
    return {row: _needed(wrapping).make(name, context(store_id, row))}


def unwrap(rows: Mapping[str, str], name: str, wrapping: Wrapping | None, store_id: str) -> Keys:
    """The keys behind the wrapped rows. Raises StoreError or what Vault's answer means."""
    opened = {row: _needed(wrapping).open(name, context(store_id, row), text) for row, text in rows.items() if is_root(row)}
    versions = {int(row.removeprefix(PREFIX)): key for row, key in opened.items() if row != CARRIED}
    if not versions or any(len(key) != ROOT for key in versions.values()):
        raise StoreError(
            "The store holds no wrapped root key.", next="[store] key names another sort of key than it was made with"
        )
    carried = opened.get(CARRIED)
    return derive_keys(versions, Carried(carried[:ROOT], carried[ROOT:]) if carried is not None else None)


def is_root(row: str) -> bool:
    """True for a row of `meta` that holds a wrapped key."""
    return row == CARRIED or (row.startswith(PREFIX) and row.removeprefix(PREFIX).isdigit())


def version_of(wrapped: str) -> int:
    """The transit key's version in `vault:v2:BASE64`."""
    part = wrapped.split(":")[1:2]
    return int(part[0][1:]) if part and part[0][1:].isdigit() else 0


def _needed(wrapping: Wrapping | None) -> Wrapping:
    if wrapping is None:
        raise UnresolvedReference(
            "The root key is wrapped by Vault's transit engine, and no Vault is configured.", next="configure [vault]"
        )
    return wrapping
