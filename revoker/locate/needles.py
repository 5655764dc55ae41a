"""What is looked for: each value as an HMAC by a key of this process alone. Values found in Vault are hashed and dropped."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from revoker.egress.vault_kv import leaves
from revoker.model import Credential, Secret

SECRET = "secret"  # noqa: S105 - the name of the main part


@dataclass(frozen=True, slots=True)
class Needle:
    """One part of one credential."""

    fingerprint: str
    part: str
    public: bool  # a key id: it counts only beside a secret part of the same credential


@dataclass(frozen=True, slots=True)
class Match:
    """A field that holds a part of a credential."""

    needle: Needle
    field: str


class Needles:
    """All that one search looks for."""

    def __init__(self, credentials: Iterable[Credential]) -> None:
        self._key = os.urandom(32)
        self._by_hash: dict[bytes, list[Needle]] = {}
        self.fingerprints: list[str] = []
        for cred in credentials:
            self.fingerprints.append(cred.fingerprint)
            self._add(cred.secret, Needle(cred.fingerprint, SECRET, public=False))
            for name, value in cred.secret_parts.items():
                self._add(value, Needle(cred.fingerprint, name, public=False))
            for name, text in cred.parts.items():
                self._add(Secret(text), Needle(cred.fingerprint, name, public=True))

    def matches(self, tree: Mapping[str, Any]) -> Sequence[Match]:
        """The fields of a document that hold a value that is looked for; public parts only beside a secret one."""
        found = [Match(needle, name) for name, leaf in leaves(tree) for needle in self._known(leaf)]
        held = {match.needle.fingerprint for match in found if not match.needle.public}
        return [match for match in found if match.needle.fingerprint in held]

    def _add(self, value: Secret, needle: Needle) -> None:
        if value:
            self._by_hash.setdefault(self._hash(value), []).append(needle)

    def _known(self, leaf: Secret) -> Sequence[Needle]:
        return self._by_hash.get(self._hash(leaf), ())

    def _hash(self, value: Secret) -> bytes:
        """Blanks around a value do not make it another one."""
        return hmac.digest(self._key, value.reveal().strip().encode("utf-8", "surrogatepass"), hashlib.sha256)
