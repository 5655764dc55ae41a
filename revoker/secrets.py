"""Keys, fingerprints and sealing. One root key, kept apart from the database, gives all keys.

The root text is one line for each version: `v1 BASE64`. Fingerprints and the audit log always use version 1, so that
they outlive a rotation; sealing uses the newest, and unsealing the one that the blob names.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from revoker.config import Settings, base
from revoker.errors import StoreError, UnresolvedReference
from revoker.model import Secret
from revoker.references import read_private, resolve
from revoker.roots import ROOT, Carried, format_roots, parse_carried, parse_roots, write_root

__all__ = ["format_roots", "parse_roots", "write_root"]

NONCE = 12  # bytes, random for each blob
FORMAT = 2  # of a sealed blob: format, key version (2 bytes), nonce, ciphertext with tag; tied to store, record and field
EARLY = 1  # the same without the store: read in a store that was made with it and whose key was not rotated since
SHORTEST = 3 + NONCE + 16  # bytes of a blob of nothing: head, nonce, tag
ROOT_CONTEXT = b"revoker root key"


class VaultTransit(Protocol):
    """HMAC-SHA-256 by Vault's transit engine: `transit/hmac/NAME/sha2-256` with that key version. Gives the raw 32 bytes.

    https://developer.hashicorp.com/vault/api-docs/secret/transit#generate-hmac
    """

    def __call__(self, name: str, message: bytes, version: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Sealer:
    """The sealing keys by version, and the one in use."""

    keys: Mapping[int, bytes] = field(repr=False)
    current: int


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys, in memory only."""

    fingerprint_key: bytes = field(repr=False)
    seal: Sealer
    audit_key: bytes = field(repr=False)
    store: str = ""  # the id of the store that seals: two stores may have the same root key
    oldest: int = FORMAT  # the oldest format of a blob that is opened

    def __reduce__(self) -> str:
        raise TypeError("keys cannot be pickled")


def load_keys(settings: Settings, *, create: bool = False, vault_transit: VaultTransit | None = None) -> Keys:
    """The keys behind [store] key. `create` makes the key file when there is none. Raises StoreError or UnresolvedReference."""
    reference = settings.store.key
    scheme, _, name = reference.partition(":")
    if scheme == "vault-transit":
        return derive_keys(_transit_roots(name, vault_transit))
    if scheme == "file":
        path = base(settings) / Path(name).expanduser()
        if create and not path.exists():
            write_root(path, {1: os.urandom(ROOT)})
        text = read_private(path).decode("utf-8", "replace")
        return derive_keys(parse_roots(text), parse_carried(text))
    if scheme == "vault-wrapped":
        raise UnresolvedReference("The root key is wrapped and stands in the store itself.", next="give a store that exists")
    text = resolve(reference, settings).reveal()
    return derive_keys(parse_roots(text), parse_carried(text))


def derive_keys(roots: Mapping[int, bytes], carried: Carried | None = None) -> Keys:
    """The keys of one or more versions of the root, with what was carried over of the first one."""
    seal = {version: hkdf(root, b"revoker seal 1") for version, root in roots.items()}
    first = carried or first_keys(roots[min(roots)])
    return Keys(first.fingerprint, Sealer(MappingProxyType(seal), max(seal)), first.audit)


def first_keys(root: bytes) -> Carried:
    """The keys of fingerprints and the audit log, which come of version 1 alone."""
    return Carried(hkdf(root, b"revoker fingerprint 1"), hkdf(root, b"revoker audit 1"))


def hkdf(root: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 without salt, one block (RFC 5869): 32 bytes. The stdlib's HMAC keeps start-up short."""
    extracted = hmac.digest(b"\x00" * 32, root, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def fingerprint(keys: Keys, kind: str, value: Secret) -> str:
    """The keyed hash that stands for a credential everywhere: `fp_` and 32 hex characters."""
    message = kind.encode() + b"\x00" + value.reveal().encode("utf-8", "surrogatepass")
    return "fp_" + hmac.digest(keys.fingerprint_key, message, hashlib.sha256).hex()[:32]


def seal(keys: Keys, secret: Secret, *, record: str, field: str) -> bytes:
    """Encrypt with AES-256-GCM, tied to its store, record and field, so that a blob fits nowhere else."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head = bytes([FORMAT]) + keys.seal.current.to_bytes(2, "big")
    nonce = os.urandom(NONCE)
    plain = secret.reveal().encode("utf-8", "surrogatepass")
    return head + nonce + AESGCM(keys.seal.keys[keys.seal.current]).encrypt(nonce, plain, _bound(keys, head, record, field))


def unseal(keys: Keys, blob: bytes, *, record: str, field: str) -> Secret:
    """Decrypt. Raises StoreError for a wrong key, a changed blob, or one of another store, record or field."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head, nonce, body = blob[:3], blob[3 : 3 + NONCE], blob[3 + NONCE :]
    key = keys.seal.keys.get(sealed_with(blob))
    known = is_sealed(blob) and head[0] >= keys.oldest
    if known and sealed_with(blob) > keys.seal.current:
        raise StoreError("A value is sealed with a newer key: the key was rotated.", next="start this command again")
    if not known or key is None:
        raise _unreadable(record)
    try:
        return Secret(AESGCM(key).decrypt(nonce, body, _bound(keys, head, record, field)).decode("utf-8", "surrogatepass"))
    except (InvalidTag, UnicodeDecodeError):
        raise _unreadable(record) from None


def is_sealed(blob: bytes) -> bool:
    """True for what has the form of a sealed blob."""
    return len(blob) >= SHORTEST and blob[0] in (EARLY, FORMAT)


def sealed_with(blob: bytes) -> int:
    """The version of the key that sealed a blob."""
    return int.from_bytes(blob[1:3], "big")


def add_root(settings: Settings) -> int:
    """Add a new version to the key file and give its number; runs.key_rotation seals the stored values again."""
    path, text = key_file(settings)
    roots = parse_roots(text)
    version = max(roots) + 1
    write_root(path, {**roots, version: os.urandom(ROOT)}, parse_carried(text), replace=True)
    return version


def retire_roots(settings: Settings) -> None:
    """Leave only the newest version in the key file. What version 1 made beside seals is carried over."""
    path, text = key_file(settings)
    roots = parse_roots(text)
    carried = parse_carried(text) or first_keys(roots[min(roots)])
    write_root(path, {max(roots): roots[max(roots)]}, carried, replace=True)


def key_file(settings: Settings) -> tuple[Path, str]:
    """The key file and its text. Raises StoreError when the key is no file."""
    scheme, _, name = settings.store.key.partition(":")
    if scheme != "file":
        raise StoreError(
            f"The root key is at {scheme}:, where only you can change it.",
            next="add a line `vN BASE64` there, or raise the number of vault-transit:NAME@N; then rotate again",
        )
    path = base(settings) / Path(name).expanduser()
    return path, read_private(path).decode("utf-8", "replace")


def _transit_roots(name: str, transit: VaultTransit | None) -> dict[int, bytes]:
    """`NAME` or `NAME@N`: the roots of versions 1 to N, each an HMAC that only Vault can make."""
    if transit is None:
        raise UnresolvedReference(
            "The root key is in Vault's transit engine, and no Vault is configured.", next="configure [vault]"
        )
    key, _, newest = name.partition("@")
    if not key or (newest and not newest.isdigit()):
        raise UnresolvedReference("The reference is vault-transit:NAME or vault-transit:NAME@VERSION.")
    roots = {version: transit(key, ROOT_CONTEXT, version) for version in range(1, int(newest or 1) + 1)}
    if any(len(root) != ROOT for root in roots.values()):
        raise StoreError("Vault's transit engine gave something that is no HMAC-SHA-256.")
    return roots


def _bound(keys: Keys, head: bytes, record: str, field: str) -> bytes:
    store = () if head[0] == EARLY else (keys.store.encode(),)
    return b"\x00".join((b"revoker", head, *store, record.encode(), field.encode()))


def _unreadable(record: str) -> StoreError:
    return StoreError(
        "A sealed value does not open: it was changed, moved, or sealed with another key.",
        fingerprint=record if record.startswith("fp_") else "",
        safe="nothing was sent or changed",
        next="check [store] key, or restore database and key from the same backup",
    )
