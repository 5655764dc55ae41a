"""What persons sign beside approvals: that an incident's findings are ours, that a canary may be asked for a time.

As with an approval, the text is built again from the stored fields whenever it counts, so that a row of the store that was
edited, or moved from another store, vouches for nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revoker import sshsig
from revoker.config import Settings
from revoker.errors import RevokerError

NAMESPACE = b"revoker-statement"  # not the one of approvals: no signature is good for both
ATTESTATION, OVERRIDE = "attestation", "canary override"


@dataclass(frozen=True, slots=True)
class Statement:
    """One word of one person, with an end."""

    says: str  # ATTESTATION or OVERRIDE
    store: str  # the store's id
    about: str  # the incident's id, or the canary's fingerprint
    who: str
    why: str
    at: datetime
    until: datetime

    def text(self) -> bytes:
        """The canonical text, one line of JSON; this, to the byte, is signed."""
        fields = {"says": self.says, "store": self.store, "about": self.about, "who": self.who, "why": self.why}
        times = {"at": self.at.astimezone(UTC).isoformat(), "until": self.until.astimezone(UTC).isoformat()}
        return json.dumps({"revoker": "statement, version 1", **fields, **times}, sort_keys=True).encode()

    def sign(self, key: Ed25519PrivateKey) -> str:
        """The signature over it, as `ssh-keygen -Y sign -n revoker-statement` makes it."""
        return sshsig.sign(key, self.text(), NAMESPACE)

    def is_signed(self, signature: str | None, settings: Settings) -> bool:
        """True when the signature is that of the person's configured key over exactly these words."""
        person = next((one for one in settings.approvers if one.name == self.who), None)
        return person is not None and signature is not None and fits(self.text(), signature, person.key)


def fits(text: bytes, signature: str, public_line: str) -> bool:
    """True when a statement's text is signed with a key, given as its OpenSSH line."""
    try:
        sshsig.verify(signature, text, public_line, NAMESPACE)
    except RevokerError:
        return False
    return True
