"""Asks the real kingfisher and revoker about the same made-up keys and the same answers: `python -m tests.differential.compare`.

To be run in a namespace of its own (`unshare -rmn`); prints one JSON list.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

from revoker.config import NetworkSettings, Settings, VerifySettings
from tests.differential.subjects import ENDPOINTS, RULES, Given, answers
from tests.differential.world import World, world
from tests.providers.catalogue import OWNERS
from tests.providers.real import verify
from tests.providers.samples import credential_of

PATIENCE = 20  # seconds for an answer that comes: a busy machine must not look like a verdict
SHORT = 3  # seconds for one that does not
OUTCOMES = {"verified_active": "live", "verified_inactive": "dead"}


@dataclass(frozen=True)
class Row:
    """What both made of one answer."""

    kind: str
    rule: str
    answer: str
    status: int
    source: str
    kingfisher: str
    asked: int  # requests of kingfisher that arrived
    revoker: str
    reason: str
    revoker_asked: int


def kingfisher(here: World, rule: str, secret: str, seconds: int) -> str:
    """The verdict of the real binary, with its own rule, at its provider's own name."""
    tool = Path(sys.executable).with_name("kingfisher")
    command = [str(tool), "--no-update-check", "--allow-internal-ips", "validate", "--rule", rule]
    command += ["--timeout", str(seconds), "--retries", "0", "--format", "json", "-"]
    env = {"PATH": os.environ["PATH"], "HOME": str(here.folder), "SSL_CERT_FILE": str(here.ca)}
    said = subprocess.run(command, input=secret, env=env, capture_output=True, text=True, timeout=60, check=False)
    try:
        outcome = json.loads(said.stdout)["validation_outcome"]
    except (ValueError, KeyError):
        raise SystemExit(f"kingfisher {rule}: {said.stdout[:300]} {said.stderr[:300]}") from None
    return OUTCOMES.get(outcome, "unknown")


def row(here: World, kind: str, given: Given) -> Row:
    """Both tools, one after the other, at the same server."""
    provider, _ = OWNERS[kind]
    cred = credential_of(OWNERS[kind][1])
    endpoints = {name: url for name, url in ENDPOINTS.items() if name == provider.id}
    network = NetworkSettings(allow=(ip_network("127.0.0.1/32"),), ca_bundle=here.ca)
    known = Settings(
        network=network, endpoints=endpoints, verify=VerifySettings(timeout=timedelta(seconds=SHORT if given.hangs else PATIENCE))
    )
    here.given = given
    here.asked.clear()
    theirs = kingfisher(here, RULES[kind], cred.secret.reveal(), SHORT if given.hangs else PATIENCE)
    asked = len(here.asked)
    if asked == 0:
        raise SystemExit(f"kingfisher {RULES[kind]} asked nothing within {PATIENCE} s: this machine is too busy to compare")
    here.asked.clear()
    ours = verify(known, cred)
    return Row(
        kind,
        RULES[kind],
        given.name,
        given.status,
        given.source,
        theirs,
        asked,
        ours.validity.value,
        ours.reason,
        len(here.asked),
    )


def main(kinds: list[str]) -> None:
    """Compare the named kinds, or all."""
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as here:
        rows = [row(here, kind, given) for kind in kinds or sorted(RULES) for given in answers(kind)]
    sys.stdout.write(json.dumps([asdict(one) for one in rows]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
