"""The signed archive: a manifest with each file's hash, signed with the store's own key and, if wanted, a person's."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revoker import sshsig
from revoker.evidence.pack import Pack
from revoker.secrets import hkdf

if TYPE_CHECKING:
    from revoker.store.database import Store

NAMESPACE = b"revoker-evidence"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same evidence gives the same bytes


def signing_key(store: Store) -> Ed25519PrivateKey:
    """The store's own key for evidence. It comes from the root key, so that it is nowhere at rest."""
    return Ed25519PrivateKey.from_private_bytes(hkdf(store.keys.audit_key, f"evidence {store.id}".encode()))


def public_line(store: Store) -> str:
    """The OpenSSH line that a pack of this store verifies with."""
    return f"{sshsig.public_line(signing_key(store))} revoker-{store.id[:12]}"


def archive(store: Store, pack: Pack, persons: Mapping[str, Ed25519PrivateKey]) -> bytes:
    """The zip file."""
    files = {**pack.files, "evidence.pub": (public_line(store) + "\n").encode()}
    manifest = {
        **pack.manifest,
        "signers": {name: sshsig.public_line(key) for name, key in persons.items()},
        "files": {name: hashlib.sha256(body).hexdigest() for name, body in sorted(files.items())},
    }
    body = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    files["manifest.json"] = body
    files["manifest.json.sig"] = sshsig.sign(signing_key(store), body, NAMESPACE).encode()
    files |= {f"signatures/{name}.sig": sshsig.sign(key, body, NAMESPACE).encode() for name, key in persons.items()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o600 << 16
            out.writestr(info, content, zipfile.ZIP_DEFLATED)
    return made.getvalue()
