"""Plans, approvals, runs and the guided response on fake providers, until the proof of death."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from revoker.errors import ExitCode
from revoker.report.terminal import Table, plain
from tests.cli.conftest import Space

pytestmark = pytest.mark.slow
ALICE = ("--as", "alice", "--key", "alice.key")


def leaked(space: Space) -> str:
    """A Slack token that revokes itself by API; verified live. Gives the incident."""
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    incident: str = space.cli("ingest", "leak.env", "--attest", "ours", "--json").json["incident"]
    assert space.cli("verify").code == ExitCode.LIVE
    return incident


def test_a_plan_says_what_why_and_who(space: Space) -> None:
    leaked(space)
    made = space.cli("plan", "--playbook", "revoke-now", "--as", "bob", "--json")
    assert made.code == ExitCode.WAITING
    assert made.json["schema"] == "revoker/plan/1"
    assert made.json["requester"] == "bob"
    assert made.json["approvals"] >= 1
    entry = made.json["credentials"][0]
    assert entry["playbook"] == "revoke-now"
    assert entry["reasons"]
    text = space.cli("plan", "--playbook", "revoke-now").out
    assert "revoke" in text
    assert "needed." in text
    assert not space.fakes["slack"].log.changes()


def test_an_approved_plan_is_carried_out_to_the_proof(space: Space) -> None:
    incident = leaked(space)
    digest = space.cli("plan", "--playbook", "revoke-now", "--as", "bob", "--json").json["digest"]
    refused = space.cli("apply", digest)
    assert refused.code == ExitCode.WAITING
    assert not space.fakes["slack"].log.changes()
    assert space.cli("approve", digest[:10], "--as", "mallory", "--key", "alice.key").code == ExitCode.WAITING
    approved = space.cli("approve", digest[:10], *ALICE, "--json")
    assert approved.code == ExitCode.DONE
    assert approved.json["approved_by"] == ["alice"]
    applied = space.cli("apply", digest[:10], "--json")
    assert applied.code == ExitCode.DONE, applied.out + applied.err
    assert applied.json["runs"][0]["state"] == "done"
    assert "is closed" in applied.err
    listed = space.cli("status", "--incident", incident, "--json")
    assert listed.code == ExitCode.DONE
    assert listed.json["counts"]["dead"] == 1
    report = space.cli("report", "--json").json
    assert report["metrics"]["d24"] == 1.0
    assert report["credentials"][0]["runs"][0]["receipts"][0]["effect"] == "revoke"
    again = space.cli("apply", digest[:10])
    assert (again.code, "started before" in again.err) == (ExitCode.WAITING, True)  # a plan is applied once
    assert space.cli("runs", "--state", "done", "--json").json["runs"][0]["plan"] == digest
    assert space.cli("resume").code == ExitCode.DONE


def test_a_plan_that_was_edited_in_the_store_is_not_approved(space: Space) -> None:
    leaked(space)
    digest = space.cli("plan", "--playbook", "revoke-now", "--as", "bob", "--json").json["digest"]
    with closing(sqlite3.connect(space.folder / "revoker.db")) as store, store:
        changed = store.execute("UPDATE plans SET document = replace(document, '\"revoke-now\"', '\"guided\"')").rowcount
    assert changed == 1
    refused = space.cli("approve", digest, *ALICE)
    assert (refused.code, "does not fit its digest" in refused.err) == (ExitCode.WAITING, True)


def test_an_approval_signed_elsewhere_by_ssh_keygen(space: Space) -> None:
    leaked(space)
    digest = space.cli("plan", "--playbook", "revoke-now", "--as", "bob", "--json").json["digest"]
    said = space.cli("approve", digest, "--as", "alice", "--statement")
    (space.folder / "yes").write_text(said.out)
    keygen = ["ssh-keygen", "-Y", "sign", "-n", "revoker-approval", "-f", "alice.key", "yes"]
    try:
        subprocess.run(keygen, cwd=space.folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no ssh-keygen is installed")
    assert space.cli("approve", digest, "--as", "alice", "--signature", "yes.sig").code == ExitCode.DONE
    (space.folder / "yes").write_text(said.out.replace("alice", "bob"))
    assert space.cli("approve", digest, "--as", "bob", "--signature", "yes.sig").code == ExitCode.WAITING


def test_respond_goes_from_the_report_to_the_proof(space: Space) -> None:
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    done = space.cli("respond", "leak.env", "--attest", "ours", "--playbook", "revoke-now", *ALICE, "-o", "r.html", "--json")
    assert done.code == ExitCode.DONE, done.err
    assert done.json["counts"]["dead"] == 1
    assert done.json["runs"][0]["state"] == "done"
    assert "proven dead" in (space.folder / "r.html").read_text()


def test_what_cannot_be_undone_needs_two_others(space: Space) -> None:
    config = space.folder / "revoker.toml"
    config.write_text(config.read_text().replace("delete = 1", "delete = 2"))
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    ask = ("respond", "leak.env", "--attest", "ours", "--playbook", "revoke-now")
    assert space.cli(*ask, *ALICE).code == ExitCode.WAITING
    assert not space.fakes["slack"].log.changes()
    assert space.cli(*ask, *ALICE, "--as", "bob", "--key", "bob.key").code == ExitCode.DONE


def test_respond_waits_for_others_and_says_how(space: Space) -> None:
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    done = space.cli("respond", "leak.env", "--attest", "ours", "--playbook", "revoke-now")
    assert done.code == ExitCode.WAITING
    assert "revoker approve " in done.err
    assert "revoker apply " in done.err
    assert not space.fakes["slack"].log.changes()


def test_respond_plan_only_changes_nothing(space: Space) -> None:
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    done = space.cli("respond", "leak.env", "--attest", "ours", "--playbook", "revoke-now", "--plan-only")
    assert done.code == ExitCode.LIVE
    assert not space.fakes["slack"].log.changes()


def test_yes_does_not_replace_an_approval(space: Space) -> None:
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    done = space.cli("respond", "leak.env", "--attest", "ours", "--playbook", "revoke-now", "--yes")
    assert done.code == ExitCode.WAITING
    assert not space.fakes["slack"].log.changes()


def test_a_run_can_be_cancelled_once(space: Space) -> None:
    leaked(space)
    digest = space.cli("plan", "--playbook", "guided", "--json").json["digest"]
    applied = space.cli("apply", digest, "--json")
    assert applied.code == ExitCode.WAITING
    run = applied.json["runs"][0]["id"]
    assert space.cli("cancel", run).code == ExitCode.DONE
    assert space.cli("cancel", run).code == ExitCode.USAGE
    assert space.cli("runs", "--json").json["runs"][0]["state"] == "cancelled"


def test_runs_of_nothing_are_no_good_news(space: Space) -> None:
    """A mistyped name said `No runs.` with exit code 0, and so did an incident's title."""
    leaked(space)
    title = space.cli("report", "--json").json["incidents"][0]["title"]
    digest = space.cli("plan", "--playbook", "guided", "--json").json["digest"]
    space.cli("apply", digest)
    assert len(space.cli("runs", "--incident", title, "--json").json["runs"]) == 1
    for words, hint in ((("--incident", "INC-0"), "revoker status"), (("--state", "parkd"), "parked")):
        told = space.cli("runs", *words)
        assert (told.code, hint in told.err) == (ExitCode.USAGE, True), words
    for flag in ("--done", "--moved"):
        told = space.cli("resume", flag, "--as", "erin")
        assert (told.code, "none was named" in told.err) == (ExitCode.USAGE, True)


def test_what_to_do_next_stands_whole_in_the_table_of_runs() -> None:
    """The message of a parked run ends with the command that goes on; a pipe had cut it."""
    told = "x" * 400 + " Next: revoker resume RUN --moved --as NAME"
    made = Table(("run", "message"), [("run_1", told)], fold=("message",))
    assert told in plain(made)
    assert "…" in plain(Table(("run", "message"), [("run_1", told)]))


def test_a_step_by_hand_goes_on_when_the_person_did_it(space: Space) -> None:
    leaked(space)
    digest = space.cli("plan", "--playbook", "guided", "--json").json["digest"]
    assert space.cli("apply", digest).code == ExitCode.WAITING
    space.fakes["slack"].book.change("id-SLACK_BOT_TOKEN", "deleted")
    assert space.cli("resume", "--force").code in (ExitCode.DONE, ExitCode.WAITING)
    assert space.cli("resume", "--force").code == ExitCode.DONE
    assert space.cli("status", "--json").json["counts"]["dead"] == 1


def test_keys_and_names_come_in_pairs(space: Space) -> None:
    (space.folder / "leak.env").write_text("")
    wrong = space.cli("respond", "leak.env", "--as", "alice", "--key", "a.key", "--key", "b.key")
    assert wrong.code == ExitCode.USAGE


@pytest.mark.row("S-10")
def test_private_files_stay_private(space: Space) -> None:
    leaked(space)
    space.cli("report", "-o", "r.html")
    own = [path for path in Path(space.folder).iterdir() if path.name.startswith(("revoker.db", "revoker.key", "r.html"))]
    assert own
    assert all(path.stat().st_mode & 0o077 == 0 for path in own)


@pytest.mark.parametrize(("name", "told"), [("missing.sig", "missing cannot be read"), ("yes.sig", "yes.sig cannot be read")])
def test_a_signature_that_is_not_there_is_told(space: Space, name: str, told: str) -> None:
    leaked(space)
    digest = space.cli("plan", "--playbook", "revoke-now", "--as", "bob", "--json").json["digest"]
    (space.folder / "yes").write_text("nothing")
    refused = space.cli("approve", digest, "--as", "alice", "--signature", name)
    assert (refused.code, told in refused.err) == (ExitCode.USAGE, True), refused.err


def test_a_signature_of_other_bytes_is_refused(space: Space) -> None:
    leaked(space)
    digest = space.cli("plan", "--playbook", "revoke-now", "--as", "bob", "--json").json["digest"]
    (space.folder / "yes").write_text(space.cli("approve", digest, "--as", "alice", "--statement").out)
    (space.folder / "yes.sig").write_bytes(bytes(range(256)))
    refused = space.cli("approve", digest, "--as", "alice", "--signature", "yes.sig")
    assert (refused.code, "internal error" in refused.err) == (ExitCode.WAITING, False), refused.err
