"""The evidence pack of a whole response: its own verifier, run alone, takes it; and no changed one."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revoker.errors import ExitCode
from tests.cli.conftest import Space

pytestmark = pytest.mark.slow
ALICE = ("--as", "alice", "--key", "alice.key")
Files = dict[str, bytes]


@pytest.fixture
def made(space: Space) -> tuple[Space, Path, str]:
    """A Slack token that was revoked and proven dead, beside another incident; the pack, and the trusted key."""
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    assert space.cli("respond", "leak.env", "--attest", "ours", "--playbook", "revoke-now", *ALICE).code == ExitCode.DONE
    (space.folder / "leak.env").unlink()
    space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    space.cli("ingest", "leak.env", "--attest", "another matter of carol", "--as", "carol")
    incident = space.cli("report", "--status", "dead", "--json").json["incidents"][0]["id"]
    packed = space.cli("evidence", incident, *ALICE, "-o", "pack.zip", "--json")
    assert packed.code == ExitCode.DONE, packed.err
    return space, space.folder / "pack.zip", space.cli("evidence", "--public-key").out.strip()


def verified(pack: Path, *more: str) -> tuple[int, str]:
    """The verifier of the pack itself, in an interpreter that sees none of our code."""
    script = pack.parent / "verify.py"
    with zipfile.ZipFile(pack) as archive:
        script.write_bytes(archive.read("verify.py"))
    ran = subprocess.run(
        [sys.executable, "-I", "-S", str(script), str(pack), *more],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
    )
    return ran.returncode, ran.stdout + ran.stderr


def files(pack: Path) -> Files:
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(pack: Path, content: Files, *, rehash: bool = False) -> Path:
    """The pack with other content; with `rehash` the manifest's hashes fit again, as a forger would do it."""
    if rehash:
        manifest = json.loads(content["manifest.json"])
        manifest["files"] = {name: hashlib.sha256(content[name]).hexdigest() for name in manifest["files"] if name in content}
        content = {**content, "manifest.json": json.dumps(manifest, indent=1, sort_keys=True).encode()}
    target, out = pack.parent / "forged.zip", io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in content.items():
            archive.writestr(name, body)
    target.write_bytes(out.getvalue())
    return target


@pytest.mark.row("W-12")
def test_the_pack_verifies_alone(made: tuple[Space, Path, str]) -> None:
    _, pack, key = made
    code, said = verified(pack, "--key", key)
    assert (code, "1 dead" in said, "Not checked" in said) == (0, True, False), said
    code, said = verified(pack)
    assert code == 0
    assert "compare it" in said
    assert pack.stat().st_mode & 0o777 == 0o600


@pytest.mark.row("S-9")
def test_no_secret_and_nothing_of_another_incident_is_in_it(made: tuple[Space, Path, str]) -> None:
    space, pack, _ = made
    everything = b"\n".join(files(pack).values())
    assert not [name for name, secret in space.planted.items() if secret.encode() in everything]
    assert b"carol" not in everything
    assert b"alice" in everything


@pytest.mark.row("W-12")
def test_no_changed_file_passes(made: tuple[Space, Path, str]) -> None:
    _, pack, key = made
    whole = files(pack)
    for name in whole:
        changed = {**whole, name: whole[name][:-3] + bytes([whole[name][-3] ^ 1]) + whole[name][-2:]}
        assert _code(written(pack, changed), pack, key) == 1, name
        gone = {other: body for other, body in whole.items() if other != name}
        if name != "verify.py" and not name.startswith("signatures/"):
            assert _code(written(pack, gone), pack, key) == 1, name
    assert _code(written(pack, {**whole, "more.txt": b"x"}), pack, key) == 1


def _code(forged: Path, original: Path, key: str) -> int:
    """The original's verifier over a forged pack."""
    script = original.parent / "verify.py"
    script.write_bytes(files(original)["verify.py"])
    return subprocess.run(
        [sys.executable, "-I", "-S", str(script), str(forged), "--key", key], check=False, capture_output=True, timeout=120
    ).returncode


@pytest.mark.row("W-12")
def test_a_forger_with_a_key_of_his_own_is_told_by_the_trusted_one(made: tuple[Space, Path, str]) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from revoker import sshsig

    _, pack, key = made
    own, content = Ed25519PrivateKey.generate(), files(pack)
    content["evidence.pub"] = sshsig.public_line(own).encode()
    forged = files(written(pack, content, rehash=True))
    forged["manifest.json.sig"] = sshsig.sign(own, forged["manifest.json"], b"revoker-evidence").encode()
    forged.pop("signatures/alice.sig")
    again = written(pack, forged)
    assert verified(again)[0] == 0, "with the key in the pack it looks whole: that is why the verifier asks for a trusted one"
    assert verified(again, "--key", key)[0] == 1


def edited(name: str, change: Callable[[Any], None]) -> Callable[[Files], None]:
    def apply(content: Files) -> None:
        document = json.loads(content[name])
        change(document)
        content[name] = json.dumps(document).encode()

    return apply


def _drop_refusals(document: Any) -> None:
    document[0]["verdicts"] = [one for one in document[0]["verdicts"] if one["validity"] != "dead"]


def _one_refusal(document: Any) -> None:
    dead = [one for one in document[0]["verdicts"] if one["validity"] == "dead"]
    document[0]["verdicts"] = [one for one in document[0]["verdicts"] if one["validity"] != "dead"] + dead[-1:]


def _late_acceptance(document: Any) -> None:
    document[0]["verdicts"].append({**document[0]["verdicts"][-1], "validity": "live", "at": "2099-01-01T00:00:00+00:00"})


def _other_approver(document: Any) -> None:
    document[0]["statement"] = document[0]["statement"].replace("alice", "mallory")


def _other_reason(document: Any) -> None:
    document[0]["why"] = "theirs"


def _longer_word(document: Any) -> None:
    document[0]["until"] = "2099-01-01T00:00:00Z"


def _other_statement(document: Any) -> None:
    document[0]["why"] = "theirs"
    document[0]["statement"] = document[0]["statement"].replace('"ours"', '"theirs"')


def _no_approval(document: Any) -> None:
    document.clear()


def _other_run(document: Any) -> None:
    document[0]["id"] = "run_of_nobody"


def _cut(content: Files) -> None:
    content["audit.jsonl"] = b"\n".join(content["audit.jsonl"].splitlines()[:-1])


def _edit_audit(content: Files) -> None:
    content["audit.jsonl"] = content["audit.jsonl"].replace(b'"approver":"alice"', b'"approver":"mallory"')


def _edit_plan(content: Files) -> None:
    name = next(one for one in content if one.startswith("plans/"))
    content[name] = content[name].replace(b"revoke-now", b"notify-own")


FORGERIES = {
    "no refusal": edited("credentials.json", _drop_refusals),
    "one refusal": edited("credentials.json", _one_refusal),
    "accepted since": edited("credentials.json", _late_acceptance),
    "another approver": edited("approvals.json", _other_approver),
    "another attestation": edited("attestations.json", _other_reason),
    "a longer attestation": edited("attestations.json", _longer_word),
    "another statement": edited("attestations.json", _other_statement),
    "no approval": edited("approvals.json", _no_approval),
    "a change without audit": edited("runs.json", _other_run),
    "audit cut": _cut,
    "audit edited": _edit_audit,
    "plan edited": _edit_plan,
}


@pytest.mark.row("W-12")
def test_a_false_story_is_told_even_when_it_is_signed(made: tuple[Space, Path, str]) -> None:
    """Even the holder of the store's key cannot sign an inconsistent one: each check stands by itself."""
    from revoker import sshsig
    from revoker.evidence.archive import signing_key

    space, pack, key = made
    for name, forge in FORGERIES.items():
        content = files(pack)
        forge(content)
        assert content != files(pack), name
        content.pop("signatures/alice.sig")
        again = files(written(pack, content, rehash=True))
        again["manifest.json.sig"] = sshsig.sign(
            _store_key(space, signing_key), again["manifest.json"], b"revoker-evidence"
        ).encode()
        code, said = verified(written(pack, again), "--key", key)
        assert code == 1, (name, said)


def _store_key(space: Space, make: Callable[[Any], Any]) -> Any:
    from revoker.config import load_settings
    from revoker.store import open_store

    return make(open_store(load_settings(space.folder / "revoker.toml")))


def test_what_is_no_pack_is_said(made: tuple[Space, Path, str], tmp_path: Path) -> None:
    _, pack, key = made
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK\x03\x04 nothing")
    assert _code(bad, pack, key) == 1


@pytest.mark.row("W-13")
def test_a_person_is_erased_and_the_evidence_still_verifies(made: tuple[Space, Path, str]) -> None:
    space, _, key = made
    shown = space.cli("person", "show", "alice", "--json").json
    assert {"audit_log.data", "approvals.approver"} <= {one["place"] for one in shown["places"]}
    assert space.cli("person", "erase", "alice", "--as", "bob", "--why", "request 7").code == ExitCode.DONE
    assert space.cli("person", "show", "alice", "--json").json["places"] == []
    stored = b"".join(path.read_bytes() for path in space.folder.glob("revoker.db*"))
    assert b"alice" not in stored
    assert space.cli("audit", "verify", "--json").json["ok"] is True
    incident = space.cli("report", "--status", "dead", "--json").json["incidents"][0]["id"]
    assert space.cli("evidence", incident, "-o", "after.zip").code == ExitCode.DONE
    after = space.folder / "after.zip"
    assert b"alice" not in b"\n".join(body for name, body in files(after).items())
    code, said = verified(after, "--key", key)
    assert (code, "Not checked: 2 signatures over words that named a person" in said) == (0, True), said


@pytest.mark.row("W-13")
def test_nobody_is_erased_while_the_words_are_needed(space: Space) -> None:
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    space.cli("ingest", "leak.env", "--attest", "ours", "--as", "carol")
    space.cli("verify")
    named = space.cli("show", space.cli("status", "--json").json["credentials"][0]["fingerprint"], "--json").json
    principal = named["identity"]["principal"]
    assert principal
    refused = space.cli("person", "erase", principal, "--as", "bob", "--why", "request 8")
    assert refused.code == ExitCode.USAGE
    assert "nothing was erased" in refused.err
    assert space.cli("person", "erase", "xx", "--as", "bob", "--why", "too short").code == ExitCode.USAGE
