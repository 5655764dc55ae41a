"""What a private key is used for: certificates over its public half, and tokens that an app signs with it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from revoker.model import Secret


@dataclass(frozen=True, slots=True)
class Certificate:
    """What matters of an X.509 certificate here."""

    serial: str  # hex in pairs with colons, as Vault writes it
    subject: str
    spki: str  # SHA-256 over its SubjectPublicKeyInfo, in hex
    not_before: datetime
    not_after: datetime

    def state(self, now: datetime) -> str:
        """`valid`, `expired` or `not_yet_valid`."""
        if now > self.not_after:
            return "expired"
        return "valid" if now >= self.not_before else "not_yet_valid"


def certificates_in(raw: bytes) -> list[Certificate]:
    """The certificates of a PEM text, or the one of a DER value. Raises ValueError when there is none to be read."""
    from cryptography import x509

    found = x509.load_pem_x509_certificates(raw) if b"-----BEGIN" in raw else [x509.load_der_x509_certificate(raw)]
    return [_told(one) for one in found]


def _told(cert: object) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if not isinstance(cert, x509.Certificate):
        raise ValueError("no certificate")  # noqa: TRY004 - callers catch one error
    digits = f"{cert.serial_number:x}"
    digits = digits.rjust(len(digits) + len(digits) % 2, "0")
    spki = cert.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    subject = "".join(c for c in cert.subject.rfc4514_string() if c.isprintable())[:200]
    return Certificate(
        ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)),
        subject,
        hashlib.sha256(spki).hexdigest(),
        cert.not_valid_before_utc,
        cert.not_valid_after_utc,
    )


def app_jwt(key: Secret, issuer: str, now: datetime, *, seconds: int = 120) -> Secret | None:
    """A token that an app signs with its RSA key to say who it is (RS256); None for a key that is no RSA key.

    It begins a minute ago, for clocks that differ, and ends soon: it opens only what the app's own endpoint shows.
    """
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    raw = key.reveal().encode("utf-8", "replace")
    try:
        private = serialization.load_pem_private_key(raw, None)
    except Exception:  # noqa: BLE001 - a stranger's bytes; besides ValueError, OpenSSL's own errors come out as they are
        return None
    if not isinstance(private, rsa.RSAPrivateKey):
        return None
    at = int(now.astimezone(UTC).timestamp())
    said = [{"alg": "RS256", "typ": "JWT"}, {"iat": at - 60, "exp": at + seconds, "iss": issuer}]
    signed = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in said)
    signature = private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return Secret(f"{signed}.{_base64url(signature)}")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
