"""SSH signatures over text: the format of `ssh-keygen -Y sign`, Ed25519 only.

https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from revoker.errors import ApprovalRefused, ConfigError
from revoker.references import read_private

NAMESPACE = b"revoker-approval"
MAGIC = b"SSHSIG"
ED25519 = b"ssh-ed25519"
HASHES = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
LONGEST = 8192


def sign(key: Ed25519PrivateKey, message: bytes, namespace: bytes = NAMESPACE) -> str:
    """An armoured signature over a message, good for one purpose: that of its namespace."""
    public = _pack(ED25519, key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    made = _pack(ED25519, key.sign(_signed_data(b"sha512", message, namespace)))
    blob = MAGIC + struct.pack(">I", 1) + _pack(public, namespace, b"", b"sha512", made)
    text = base64.b64encode(blob).decode()
    return "\n".join([BEGIN, *(text[at : at + 70] for at in range(0, len(text), 70)), END, ""])


def verify(armoured: str, message: bytes, public_line: str, namespace: bytes = NAMESPACE) -> None:
    """Check a signature against an OpenSSH public key line. Raises ApprovalRefused."""
    key, hash_name, signature = _opened(armoured, namespace)
    wanted = public_key(public_line)
    if key != wanted.public_bytes(Encoding.Raw, PublicFormat.Raw):
        raise ApprovalRefused("The signature was made with another key than the approver's.")
    try:
        wanted.verify(signature, _signed_data(hash_name, message, namespace))
    except InvalidSignature:
        raise ApprovalRefused("The signature does not fit the statement.") from None


def signer_line(armoured: str, namespace: bytes = NAMESPACE) -> str:
    """The OpenSSH line of the key that made a signature. Raises ApprovalRefused."""
    key, _, _ = _opened(armoured, namespace)
    return f"ssh-ed25519 {base64.b64encode(_pack(ED25519, key)).decode()}"


def public_key(line: str) -> Ed25519PublicKey:
    """The key of an OpenSSH public key line. Raises ConfigError for anything but Ed25519."""
    words = line.split()
    try:
        algorithm, raw = _unpack(base64.b64decode(words[1], validate=True), 2)
    except (IndexError, ValueError, struct.error):
        algorithm, raw = b"", b""
    if algorithm != ED25519 or words[0].encode() != ED25519 or len(raw) != 32:
        raise ConfigError("An approver's key must be an OpenSSH ssh-ed25519 public key.")
    return Ed25519PublicKey.from_public_bytes(raw)


def private_key(path: Path, password: Callable[[], bytes] | None = None) -> Ed25519PrivateKey:
    """An approver's own private key, which nobody else may read. `password` is asked only for an encrypted one.

    Raises ConfigError, and UnresolvedReference for a file that others may read.
    """
    raw = read_private(path)
    try:
        try:
            key = load_ssh_private_key(raw, None)
        except (TypeError, ValueError):
            if password is None:
                raise
            key = load_ssh_private_key(raw, password())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"The private key {path.name} cannot be read ({type(error).__name__}).") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"The private key {path.name} is no Ed25519 key.", next="ssh-keygen -t ed25519")
    return key


def public_line(key: Ed25519PrivateKey) -> str:
    """The OpenSSH line of a private key's public half."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _signed_data(hash_name: bytes, message: bytes, namespace: bytes) -> bytes:
    return MAGIC + _pack(namespace, b"", hash_name, HASHES[hash_name](message).digest())


def _opened(armoured: str, wanted: bytes) -> tuple[bytes, bytes, bytes]:
    """Public key, hash name and signature of an armoured signature in the wanted namespace. Raises ApprovalRefused."""
    command = f"ssh-keygen -Y sign -n {wanted.decode()} -f KEY FILE"
    refused = ApprovalRefused("This is no Ed25519 SSH signature.", next=command)
    lines = armoured.strip().splitlines()
    if len(armoured) > LONGEST or len(lines) < 3 or lines[0].strip() != BEGIN or lines[-1].strip() != END:
        raise refused
    try:
        blob = base64.b64decode("".join(line.strip() for line in lines[1:-1]), validate=True)
        if blob[:6] != MAGIC or struct.unpack(">I", blob[6:10]) != (1,):
            raise refused
        public, namespace, reserved, hash_name, made = _unpack(blob[10:], 5)
        (key_kind, key), (made_kind, signature) = _unpack(public, 2), _unpack(made, 2)
    except (binascii.Error, ValueError, struct.error):
        raise refused from None
    if namespace != wanted:
        raise ApprovalRefused("The signature was made for another purpose.", next=command)
    if key_kind != ED25519 or made_kind != ED25519 or reserved or hash_name not in HASHES:
        raise refused
    return key, hash_name, signature


def _pack(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _unpack(blob: bytes, count: int) -> list[bytes]:
    """Exactly `count` length-prefixed strings. Raises ValueError or struct.error."""
    parts = []
    for _ in range(count):
        (length,) = struct.unpack(">I", blob[:4])
        if length > len(blob) - 4:
            raise ValueError("a part is longer than the whole")
        parts.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    if blob:
        raise ValueError("bytes are left over")
    return parts
