"""Who may say that credentials are ours: refused before anything is opened for them."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing

import pytest

from revoker.errors import ExitCode
from revoker.evidence import verify_pack
from tests.cli.conftest import Space


def report(space: Space) -> str:
    (space.folder / "nothing.json").write_text("[]")
    return "nothing.json"


def test_a_stranger_s_signature_opens_no_incident(empty: Space) -> None:
    refused = empty.cli("ingest", report(empty), "--attest", "ours", "--as", "mallory", "--key", "alice.key")
    assert refused.code == ExitCode.WAITING
    assert "no approver" in refused.err
    assert not (empty.folder / "revoker.db").exists()


def test_an_unsigned_one_is_refused_where_signatures_are_wanted(empty: Space) -> None:
    with (empty.folder / "revoker.toml").open("a") as config:
        config.write('[ownership]\nattest = "signed"\n')
    assert empty.cli("ingest", report(empty), "--attest", "ours").code == ExitCode.USAGE
    assert not (empty.folder / "revoker.db").exists()
    assert empty.cli("ingest", "nothing.json", "--attest", "ours", "--as", "alice", "--key", "alice.key").code == ExitCode.DONE


def test_a_private_key_that_others_may_read_is_refused(empty: Space) -> None:
    (empty.folder / "alice.key").chmod(0o644)
    refused = empty.cli("ingest", report(empty), "--attest", "ours", "--as", "alice", "--key", "alice.key")
    assert refused.code == ExitCode.SETUP
    assert "alice.key" in refused.err


@pytest.mark.slow
@pytest.mark.row("W-7")
def test_a_signed_one_opens_the_gate_and_a_written_one_does_not(space: Space) -> None:
    config = space.folder / "revoker.toml"
    config.write_text(config.read_text() + '[ownership]\nattest = "signed"\n')
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    incident = space.cli("ingest", "leak.env", "--json").json["incident"]
    sql = "INSERT INTO attestations (incident_id, who, why, until, at, signed_by, signature) VALUES (?, 'alice', 'ours', ?, 0, 'alice', 'x')"
    with closing(sqlite3.connect(space.folder / "revoker.db")) as store, store:
        store.execute(sql, (incident, 1 << 52))
    assert space.cli("verify", "--json").json["credentials"][0]["reason"] == "not_owned"
    assert space.cli("attest", incident, "--why", "our bot", "--as", "alice", "--key", "alice.key").code == ExitCode.DONE
    assert space.cli("verify", "--json").json["credentials"][0]["validity"] == "live"
    packed = space.cli("evidence", incident, "-o", "pack.zip", "--json")
    assert packed.code == ExitCode.DONE, packed.err  # what is no signature is packed as it is, and the pack's verifier tells it
    with zipfile.ZipFile(space.folder / "pack.zip") as pack:
        told = {one["why"]: one["key"] for one in json.loads(pack.read("attestations.json"))}
    assert told["ours"] == ""
    assert told["our bot"].startswith("ssh-ed25519 ")
    problems = list(verify_pack.check_attestations(verify_pack.files_of(str(space.folder / "pack.zip"))))
    assert problems == ["the attestation of alice is not signed with the key that stands beside it"]
