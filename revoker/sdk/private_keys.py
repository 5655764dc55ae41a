"""What a private key says about itself: its public half, worked out on this machine and never sent in any other form.

cryptography does the work; it is imported when the first key is looked at.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revoker.model import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

MAGIC = b"openssh-key-v1\0"
NUMBERS = {b"ssh-rsa": 6, b"ssh-ed25519": 2, b"ssh-dss": 5}  # the fields of a private section before its comment; ECDSA has 3
MOST_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class PublicHalf:
    """The public half of a key: all that a place is ever asked about."""

    algorithm: str = ""  # RSA, ECDSA, ED25519 ...
    bits: int = 0
    ssh: str = ""  # `ssh-ed25519 AAAA...`; "" for a sort that SSH does not know
    spki: str = ""  # SHA-256 over the SubjectPublicKeyInfo, in hex
    comment: str = ""
    encrypted: bool = False  # a passphrase hides the private half, so nothing proves that the two belong together

    @property
    def fingerprint(self) -> str:
        """`SHA256:...` as OpenSSH, GitHub and GitLab write it; "" without an SSH form."""
        return ssh_fingerprint(self.ssh) if self.ssh else ""


_known: dict[bytes, PublicHalf | None] = {}


def ssh_fingerprint(line: str) -> str:
    """The SHA-256 fingerprint of a public key line (`type base64 comment`); "" when it is none."""
    words = line.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def public_half(secret: Secret) -> PublicHalf | None:
    """The public half of a PEM or OpenSSH private key.

    A key that is not encrypted is checked as a whole: its private numbers must belong to its public ones, so that a file
    with somebody else's public half is none. None for what is no private key.
    """
    text = secret.reveal()
    name = hashlib.sha256(
        text.encode("utf-8", "replace")
    ).digest()  # an RSA key takes a tenth of a second, so it is worked out once
    if name not in _known:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[name] = _public_half(text)
    return _known[name]


def public_facts(secret: Secret) -> dict[str, str]:
    """The public half as the public parts of a credential: `public_key` (SHA256:...), `spki`, `algorithm`, `bits`, `comment`."""
    half = public_half(secret)
    if half is None:
        return {}
    told = {
        "public_key": half.fingerprint,
        "spki": half.spki,
        "algorithm": half.algorithm,
        "bits": str(half.bits or ""),
        "comment": half.comment,
        "passphrase": "needed" if half.encrypted else "none",
    }
    return {name: value for name, value in told.items() if value}


def _public_half(text: str) -> PublicHalf | None:
    from cryptography.hazmat.primitives import serialization

    raw = text.encode("utf-8", "replace") + b"\n"
    openssh = b"BEGIN OPENSSH" in raw[:40]
    load: Any = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        public = load(raw, None).public_key()
    except TypeError:  # cryptography's answer to a key with a passphrase
        return _in_the_clear(text) if openssh else PublicHalf(encrypted=True)
    except Exception:  # noqa: BLE001 - a stranger's bytes; besides ValueError, OpenSSL's own errors come out as they are
        return None
    return _described(public, _comment(text) if openssh else "")


def _described(public: PublicKeyTypes, comment: str = "", *, encrypted: bool = False) -> PublicHalf:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    spki = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    try:
        line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    except (ValueError, UnsupportedAlgorithm):
        line = ""
    name = type(public).__name__.removeprefix("_").removesuffix("PublicKey").removesuffix("Public").upper()
    algorithm = {"ELLIPTICCURVE": "ECDSA", "EC": "ECDSA"}.get(name, name)
    return PublicHalf(algorithm, int(getattr(public, "key_size", 256)), line, spki, comment, encrypted)


def _in_the_clear(text: str) -> PublicHalf:
    """The public half that an encrypted OpenSSH file shows; a claim, for the private half is hidden."""
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        _, public, _ = _sections(text)
        kind, _ = _string(public)
        line = kind + b" " + base64.b64encode(public)
        return _described(load_ssh_public_key(line), encrypted=True)
    except Exception:  # noqa: BLE001 - a stranger's bytes; whatever is wrong with them, the key stays an encrypted one
        return PublicHalf(encrypted=True)


def _comment(text: str) -> str:
    """The comment of an OpenSSH key that has no passphrase, cleaned: it stands behind the private numbers."""
    try:
        _, _, private = _sections(text)
        kind, rest = _string(private[8:])
        for _ in range(NUMBERS.get(kind, 3)):
            _, rest = _string(rest)
        said, _ = _string(rest)
    except (ValueError, IndexError):
        return ""
    return "".join(c for c in said.decode("utf-8", "replace") if c.isprintable())[:200]


def _sections(text: str) -> tuple[bytes, bytes, bytes]:
    """The cipher, the first public key and the private section of an OpenSSH key file. Raises ValueError."""
    raw = base64.b64decode("".join(text.split("\n")[1:-1]), validate=True)
    if not raw.startswith(MAGIC):
        raise ValueError("no OpenSSH key")
    cipher, rest = _string(raw[len(MAGIC) :])
    for _ in range(2):  # the key derivation and its options
        _, rest = _string(rest)
    public, rest = _string(rest[4:])
    private, _ = _string(rest)
    return cipher, public, private


def _string(raw: bytes) -> tuple[bytes, bytes]:
    """A length-prefixed string, and what follows it. Raises ValueError when it is cut off."""
    size = int.from_bytes(raw[:4], "big")
    if len(raw) < 4 + size:
        raise ValueError("cut off")
    return raw[4 : 4 + size], raw[4 + size :]
