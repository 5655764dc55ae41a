"""A certificate authority of this test run, and one server certificate for this machine's names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM."""

    ca: Path
    chain: Path
    key: Path


def certificates(folder: Path, *names: str) -> Certificates:
    """Make an authority and a certificate for localhost and 127.0.0.1, or for the given names."""
    authority = trustme.CA()
    leaf = authority.issue_cert(*(names or ("localhost", "127.0.0.1")))
    made = Certificates(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(str(made.ca))
    leaf.private_key_pem.write_to_path(str(made.key))
    for blob in leaf.cert_chain_pems:
        blob.write_to_path(str(made.chain), append=True)
    made.key.chmod(0o600)
    return made
