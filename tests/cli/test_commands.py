"""Commands on fake providers: what they find, what they say, and how they end."""

from __future__ import annotations

import secrets
import time

import pytest

from revoker.errors import ExitCode
from revoker.lab import samples
from tests.cli.conftest import Space


def test_an_empty_store_is_done(empty: Space) -> None:
    assert empty.cli("status").code == ExitCode.SETUP  # there is no store yet
    (empty.folder / "nothing.json").write_text("[]")
    assert empty.cli("ingest", "nothing.json", "--format", "gitleaks").code == ExitCode.DONE
    listed = empty.cli("status", "--json")
    assert listed.code == ExitCode.DONE
    assert listed.json["credentials"] == []


def test_from_report_to_verdicts(space: Space) -> None:
    space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    space.plant("HF_TOKEN", "huggingface", "huggingface_token", state="deleted")
    took = space.cli("ingest", "leak.env", "--title", "laptop", "--attest", "our laptop", "--as", "alice", "--json")
    assert took.code == ExitCode.DONE
    assert (took.json["findings"], took.json["credentials"], took.json["new"]) == (2, 2, 2)
    incident = took.json["incident"]
    assert space.cli("status").code == ExitCode.UNKNOWN  # not asked yet
    verified = space.cli("verify", "--json")
    assert verified.code == ExitCode.LIVE
    by_kind = {c["kind"]: c for c in verified.json["credentials"]}
    assert by_kind["groq_api_key"]["status"] == "live"
    assert by_kind["huggingface_token"]["status"] == "dead"
    assert verified.json["asked"] == 2
    assert space.cli("verify", "--json").json["fresh"] == 2
    assert space.cli("status", "--status", "dead").code == ExitCode.DONE
    assert space.cli("status", "--provider", "groq", "--incident", incident).code == ExitCode.LIVE
    assert space.cli("status", "--kind", "huggingface_token", "--json").json["counts"]["dead"] == 1


def test_nothing_is_asked_without_a_word_that_it_is_ours(space: Space) -> None:
    space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    incident = space.cli("ingest", "leak.env", "--json").json["incident"]
    verified = space.cli("verify", "--json")
    assert verified.json["credentials"][0]["reason"] == "not_owned"
    assert "NOT ASKED" in verified.err
    assert "revoker attest" in verified.err
    assert not space.fakes["groq"].log.all()
    assert space.cli("attest", incident, "--why", "our laptop", "--as", "alice").code == ExitCode.DONE
    assert space.cli("verify", "--json").json["counts"]["live"] == 1


@pytest.mark.row("F16")
def test_a_wave_of_refusals_is_said_and_not_believed(space: Space) -> None:
    for number in range(8):
        space.plant(f"K{number}", "groq", "groq_api_key")
    incident = space.cli("ingest", "leak.env", "--json").json["incident"]
    space.cli("attest", incident, "--why", "our laptop", "--as", "alice")
    assert "An outage is suspected" not in space.cli("verify").err
    for number in range(8):
        space.fakes["groq"].book.change(f"id-K{number}", "disabled")
    verified = space.cli("verify", "--force", "--json")
    assert (verified.json["frozen"], verified.json["counts"]["live"]) == (["groq"], 8)
    assert "groq: most of what was live is refused at once. An outage is suspected" in verified.err


def test_a_host_that_is_not_ours_is_said_as_well(space: Space) -> None:
    """An attestation speaks for credentials, and not for the hosts that they carry."""
    (space.folder / "leak.env").write_text(
        f"DATABASE_URL=postgresql://app:{secrets.token_hex(12)}@db.elsewhere.internal:5432/app\n"
    )
    incident = space.cli("ingest", "leak.env", "--json").json["incident"]
    space.cli("attest", incident, "--why", "our laptop", "--as", "alice")
    verified = space.cli("verify", "--json")
    assert [one["reason"] for one in verified.json["credentials"]] == ["host_not_owned"]
    assert "NOT ASKED: nothing shows that 1 of them are ours" in verified.err


def test_ingesting_the_same_again_adds_nothing(space: Space) -> None:
    space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    first = space.cli("ingest", "leak.env", "--json").json
    again = space.cli("ingest", "leak.env", "--incident", first["incident"], "--json").json
    assert (first["new"], again["new"]) == (1, 0)


def test_a_damaged_report_is_partial(space: Space) -> None:
    (space.folder / "cut.json").write_text('[{"RuleID": "x", "Secret": "y"')
    took = space.cli("ingest", "cut.json", "--format", "gitleaks", "--json")
    assert took.code == ExitCode.PARTIAL
    assert took.json["incomplete"] or took.out == ""


@pytest.mark.parametrize("command", ["status", "verify", "plan", "report", "metrics", "purge --why old"])
def test_a_name_that_nothing_has_is_an_error_and_no_empty_answer(space: Space, command: str) -> None:
    """A job would read "no credential is live" from an answer about nothing."""
    space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    incident = space.cli("ingest", "leak.env", "--json").json["incident"]
    for option, name, hint in (
        ("--incident", incident[:-1], "revoker status"),
        ("--kind", "groq_api_kay", "groq_api_key?"),
        ("--provider", "grok", "groq?"),
    ):
        answer = space.cli(*command.split(), option, name)
        assert answer.code == ExitCode.USAGE, (command, option)
        assert hint in answer.err, answer.err
    assert not space.fakes["groq"].log.all()


def test_a_missing_report_is_a_usage_error_and_opens_no_incident(space: Space) -> None:
    assert space.cli("ingest", "no-such-file.json").code == ExitCode.USAGE
    assert space.cli("status").code == ExitCode.SETUP


def test_show_tells_a_credential_by_a_part_of_its_fingerprint(space: Space) -> None:
    secret = space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    space.cli("ingest", "leak.env", "--attest", "ours")
    fingerprint = space.cli("verify", "--json").json["credentials"][0]["fingerprint"]
    shown = space.cli("show", fingerprint[:10], "--json")
    assert shown.code == ExitCode.LIVE
    assert shown.json["verdicts"][0]["reason"] == shown.json["reason"]
    text = space.cli("show", fingerprint[:10]).out
    assert "confirmed live" in text
    assert secret not in text + shown.out
    assert space.cli("show", "fp_none").code == ExitCode.USAGE


def test_accept_closes_the_incident(space: Space) -> None:
    space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    space.cli("ingest", "leak.env", "--attest", "ours")
    space.cli("verify")
    fingerprint = space.cli("status", "--json").json["credentials"][0]["fingerprint"]
    accepted = space.cli("accept", fingerprint, "--why", "test tenant", "--as", "alice")
    assert accepted.code == ExitCode.DONE
    assert "is closed" in accepted.err
    assert space.cli("status", "--json").json["counts"]["accepted"] == 1
    assert space.cli("report", "--json").json["incidents"][0]["closed_at"]
    assert space.cli("audit", "verify").code == ExitCode.DONE


def test_the_kill_switch_is_shown_and_audited(space: Space) -> None:
    (space.folder / "nothing.json").write_text("[]")
    space.cli("ingest", "nothing.json", "--format", "gitleaks")
    assert space.cli("stop", "--as", "alice", "--why", "drill").code == ExitCode.DONE
    assert "kill switch is on (by alice since 20" in space.cli("status").err
    assert "on by alice since 20" in space.cli("doctor", "--offline").out
    assert "kill switch" in space.cli("doctor", "--offline").out
    assert space.cli("start", "--as", "alice").code == ExitCode.DONE
    exported = space.cli("audit", "export").out
    assert '"stopped"' in exported
    assert '"started"' in exported


def test_an_edited_export_is_found(space: Space) -> None:
    (space.folder / "nothing.json").write_text("[]")
    space.cli("ingest", "nothing.json", "--format", "gitleaks")
    space.cli("stop", "--as", "alice", "--why", "first")
    space.cli("start", "--as", "alice")
    space.cli("audit", "export", "-o", "log.jsonl")
    assert space.cli("audit", "verify", "log.jsonl", "--keyed", "--anchors", "anchor.jsonl", "--json").json["ok"] is True
    log = space.folder / "log.jsonl"
    log.write_text(log.read_text().replace("first", "other"))
    checked = space.cli("audit", "verify", "log.jsonl", "--json")
    assert checked.code == ExitCode.SETUP
    assert checked.json["ok"] is False


@pytest.mark.row("F25")
def test_recheck_finds_what_came_back_to_life(space: Space) -> None:
    space.plant("GROQ_API_KEY", "groq", "groq_api_key", state="disabled")
    space.cli("ingest", "leak.env", "--attest", "ours")
    assert space.cli("verify").code == ExitCode.DONE
    space.fakes["groq"].book.change("id-GROQ_API_KEY", "live")
    assert space.cli("recheck", "--json").json["due"] == 0  # due after an hour
    assert space.cli("verify", "--force", "--json").json["counts"]["live"] == 1
    assert space.cli("metrics", "--json").json["metrics"]["resurrections"] == 1
    assert "revoker_resurrections 1" in space.cli("metrics", "--format", "prometheus").out


def test_what_nobody_vouches_for_any_more_is_not_passed_over(space: Space) -> None:
    space.plant("GROQ_API_KEY", "groq", "groq_api_key", state="disabled")
    space.cli("ingest", "leak.env", "--attest", "ours", "--until", "1s")
    assert space.cli("verify").code == ExitCode.DONE
    time.sleep(1.1)
    verified = space.cli("verify", "--force", "--json")
    assert (verified.code, "NOT WATCHED ANY MORE" in verified.err) == (ExitCode.UNKNOWN, True)


def test_watch_ends_after_its_rounds(space: Space) -> None:
    (space.folder / "nothing.json").write_text("[]")
    space.cli("ingest", "nothing.json", "--format", "gitleaks")
    watched = space.cli("watch", "--rounds", "2", "--every", "1s", "--json")
    assert watched.code == ExitCode.DONE
    assert watched.out.count('"revoker/watch/1"') == 2


def test_doctor_says_what_is_missing(empty: Space) -> None:
    found = empty.cli("doctor", "--offline", "--json")
    assert found.code == ExitCode.SETUP
    checks = {one["check"]: one for one in found.json["checks"]}
    assert checks["configuration"]["ok"] is True
    assert checks["store"]["ok"] is False
    assert checks["store"]["next"]
    assert checks["approvers"]["ok"] is True


def test_init_writes_a_private_configuration_once(empty: Space) -> None:
    from revoker.cli.app import run

    assert run(["init", "--folder", "new"]) == ExitCode.DONE
    assert (empty.folder / "new" / "revoker.toml").stat().st_mode & 0o777 == 0o600
    assert (empty.folder / "new" / "revoker.db").exists()
    assert run(["init", "--folder", "new"]) == ExitCode.USAGE
    assert run(["status", "--config", "new/revoker.toml"]) == ExitCode.DONE


def test_playbooks_are_listed_shown_and_checked(empty: Space) -> None:
    listed = empty.cli("playbooks", "--json").json["playbooks"]
    assert {"contain", "revoke-now"} <= {one["id"] for one in listed}
    assert "revoke" in empty.cli("playbooks", "show", "revoke-now").out
    (empty.folder / "bad.toml").write_text('title = "x"\nefects = []\n')
    assert empty.cli("playbooks", "lint", "bad.toml").code == ExitCode.SETUP
    assert empty.cli("playbooks", "show", "nothing").code == ExitCode.USAGE


def test_providers_are_listed_and_shown(empty: Space) -> None:
    listed = empty.cli("providers", "--json").json["providers"]
    assert {"groq", "openai"} <= {one["id"] for one in listed}
    shown = empty.cli("providers", "show", "groq_api_key")
    assert "proof of death" in shown.out
    suspended = " ".join(empty.cli("providers", "show", "google_api_key").out.split())
    assert "leaves live, ip_restricted: contained while the provider's own record" in suspended
    actions = empty.cli("providers", "show", "google_api_key", "--json").json["actions"]
    assert {one["id"]: one["leaves"] for one in actions if one["leaves"]} == {"suspend": ["ip_restricted"]}
    assert empty.cli("providers", "show", "nothing").code == ExitCode.USAGE
    near = empty.cli("providers", "show", "groq_api_kee")
    assert (near.code, "did you mean groq_api_key?" in near.err) == (ExitCode.USAGE, True)


def test_an_incident_is_named_by_its_title_too(empty: Space) -> None:
    (empty.folder / "one.env").write_text("GROQ_API_KEY=" + samples.make("groq_api_key") + "\n")
    (empty.folder / "two.env").write_text("GROQ_API_KEY=" + samples.make("groq_api_key") + "\n")
    told = empty.cli("ingest", "one.env", "--title", "The first leak")
    assert ": 1 finding, 1 credential, 1 new." in told.out
    empty.cli("ingest", "two.env", "--title", "Another")
    shown = empty.cli("status", "--incident", "The first leak")
    assert "1 credential:" in shown.out
    assert "The first leak" in shown.out
    assert "Another" not in shown.out
    again = empty.cli("ingest", "two.env", "--incident", "The first leak", "--json")
    assert again.json["incident"].endswith("-1")
    assert "2 credentials:" in empty.cli("status", "--incident", "The first leak").out


def test_a_name_of_nothing_is_no_good_news(empty: Space) -> None:
    (empty.folder / "one.env").write_text("GROQ_API_KEY=" + samples.make("groq_api_key") + "\n")
    empty.cli("ingest", "one.env")
    (one,) = empty.cli("status", "--json").json["credentials"]
    mistyped = one["fingerprint"][:-1] + ("0" if one["fingerprint"][-1] != "0" else "1")
    for words in (("--fingerprint", mistyped), ("--incident", "INC-1"), ("--kind", "groq"), ("--status", "alive")):
        refused = empty.cli("verify", *words)
        assert (refused.code, "Next:" in refused.err) == (ExitCode.USAGE, True), words
    assert empty.cli("show", mistyped).code == ExitCode.USAGE
    assert empty.cli("status", "--fingerprint", one["fingerprint"]).code == ExitCode.UNKNOWN


def test_a_report_in_each_format(space: Space) -> None:
    secret = space.plant("GROQ_API_KEY", "groq", "groq_api_key")
    space.cli("ingest", "leak.env", "--attest", "ours")
    space.cli("verify")
    for name in ("r.html", "r.md", "r.csv", "r.json", "r.txt"):
        assert space.cli("report", "-o", name).code == ExitCode.LIVE
        made = (space.folder / name).read_text()
        assert "groq_api_key" in made
        assert secret not in made
        assert (space.folder / name).stat().st_mode & 0o777 == 0o600
    assert "D24" in space.cli("report").out


@pytest.mark.row("S-10")
def test_a_report_is_not_written_through_a_link(space: Space) -> None:
    (space.folder / "nothing.json").write_text("[]")
    space.cli("ingest", "nothing.json", "--format", "gitleaks")
    (space.folder / "target").write_text("keep")
    (space.folder / "r.html").symlink_to(space.folder / "target")
    assert space.cli("report", "-o", "r.html").code == ExitCode.USAGE
    assert (space.folder / "target").read_text() == "keep"


def test_what_a_run_cannot_give_is_said(space: Space) -> None:
    space.plant("SLACK_BOT_TOKEN", "slack", "slack_bot_token")
    space.cli("ingest", "leak.env", "--attest", "ours")
    space.cli("verify")
    planned = space.cli("plan", "--playbook", "guided", "--json").json
    assert planned["limits"]["beyond"] == []
    assert [entry["priority"] for entry in planned["credentials"]] == [3]
    space.cli("apply", planned["digest"])
    run = space.cli("runs", "--json").json["runs"][0]["id"]
    undone = space.cli("undo", run, "--why", "billing is down", "--as", "alice")
    assert undone.code == ExitCode.USAGE
    assert "suspended nothing" in undone.err
    moved = space.cli("resume", run, "--moved", "--as", "alice")
    assert moved.code == ExitCode.USAGE
    assert "does not wait for its consumers" in moved.err
    left = space.cli("resume", run, "--detach")
    assert left.code == ExitCode.SETUP
    assert "Workers need PostgreSQL" in left.err
    assert space.cli("orphans", "--reconcile", "--json").json["orphans"] == []
    assert space.cli("runs", "--json").json["runs"][0]["state"] == "waiting"
