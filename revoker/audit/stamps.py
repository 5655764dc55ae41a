"""RFC 3161 time stamps over the state of the audit log: a third party's word that it was so at that time."""

from __future__ import annotations

import base64
from datetime import datetime
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    Verifier,
    VerifierBuilder,
    decode_timestamp_response,
)

from revoker.audit.anchors import Anchor, statement
from revoker.errors import AuditError


def query(anchor: Anchor) -> tuple[bytes, int]:
    """The query for a stamp over an anchor's state, and its nonce."""
    made = TimestampRequestBuilder(data=statement(anchor), hash_algorithm=HashAlgorithm.SHA256, nonce=True, cert_req=True).build()
    return made.as_bytes(), int(made.nonce or 0)


def checked(anchor: Anchor, answer: bytes, ca: Path, nonce: int | None = None) -> datetime:
    """When the authority stamped this very state. Raises AuditError when the stamp is for another one, or another's."""
    try:
        stamp = decode_timestamp_response(answer)
        _verifier(ca, nonce).verify_message(stamp, statement(anchor))
    except (VerificationError, ValueError) as error:
        raise AuditError(f"The time stamp over {anchor.count} entries does not verify ({type(error).__name__}).") from None
    return _time(stamp)


def token(answer: bytes) -> str:
    """A stamp as it stands in the anchor file."""
    return base64.b64encode(answer).decode()


def problems(anchors: list[Anchor], ca: Path) -> list[str]:
    """What is wrong with the stamps among the anchors."""
    found = []
    for anchor in anchors:
        try:
            if anchor.token:
                checked(anchor, base64.b64decode(anchor.token, validate=True), ca)
        except AuditError as error:
            found.append(error.message)
        except ValueError:
            found.append(f"The time stamp over {anchor.count} entries is damaged.")
    return found


def _verifier(ca: Path, nonce: int | None) -> Verifier:
    try:
        roots = x509.load_pem_x509_certificates(ca.read_bytes())
    except OSError as error:
        raise AuditError(f"The certificate authority {ca} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise AuditError(f"The certificate authority {ca} is no PEM file.") from None
    builder = VerifierBuilder(roots=list(roots))
    return (builder if nonce is None else builder.nonce(nonce)).build()


def _time(stamp: TimeStampResponse) -> datetime:
    return stamp.tst_info.gen_time
