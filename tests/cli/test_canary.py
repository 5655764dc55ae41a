"""Bait is left alone until a person says otherwise by name, for a time: recorded, honoured by each step, and loud."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from revoker.config import load_settings
from revoker.errors import ExitCode
from revoker.store import canaries, events
from revoker.store.database import open_store
from tests.cli.conftest import Result, Space
from tests.cli.test_documents import check

WORD = "drill of the watch"


def bait(space: Space) -> str:
    """One live key that stands on the operator's own list; its fingerprint."""
    space.plant("A", "slack", "slack_bot_token")
    space.cli("ingest", "leak.env", "--attest", "ours", "--as", "alice")
    (one,) = space.cli("status", "--all", "--json").json["credentials"]
    config = space.folder / "revoker.toml"
    config.write_text(f'canaries = ["{one["fingerprint"]}"]\n' + config.read_text().replace("delete = 1", "delete = 2"))
    return str(one["fingerprint"])


def asked(space: Space) -> int:
    return len(space.fakes["slack"].log.all())


def approved(space: Space, digest: str, *names: str) -> Result:
    for name in names:
        assert space.cli("approve", digest, "--as", name, "--key", f"{name}.key").code in (ExitCode.DONE, ExitCode.WAITING)
    return space.cli("apply", digest)


@pytest.mark.slow
@pytest.mark.row("N-12")
def test_a_canary_is_touched_only_while_a_recorded_override_lets_it(space: Space) -> None:
    mark = bait(space)
    space.cli("verify")
    assert space.cli("status", "--all", "--json").json["credentials"][0]["reason"] == "canary"
    assert asked(space) == 0
    assert "0 of them may be asked" in space.cli("canary", "list").out

    said = space.cli("canary", "allow", mark[:12], "--why", WORD, "--as", "alice", "--until", "1h")
    assert said.code == ExitCode.DONE
    assert "CANARY" in said.out
    told = space.cli("verify")
    assert "CANARY ASKED" in told.err
    assert asked(space) > 0
    listed = space.cli("canary", "list", "--json")
    check("canary-list", listed)
    assert [(one["fingerprint"], one["allowed"]) for one in listed.json["canaries"]] == [(mark, True)]

    plan = space.cli("plan", "--playbook", "guided", "--as", "carol", "--json").json
    assert plan["credentials"][0]["canary"]["who"] == "alice"
    assert plan["credentials"][0]["ours_by"] == "an attestation"
    for text in (space.cli("show", mark[:12]).out, space.cli("report", "--format", "md").out, space.cli("report").out):
        assert "alice let it be asked and changed until" in text
        assert WORD in text
    assert "canary_allowed" in space.cli("audit", "export").out
    check("report", space.cli("report", "--json"))

    space.cli("canary", "forbid", mark[:12], "--as", "bob")
    before = asked(space)
    space.cli("verify", "--force")
    assert asked(space) == before
    assert "canary_forbidden" in space.cli("audit", "export").out


@pytest.mark.slow
@pytest.mark.row("N-12")
def test_a_change_of_a_canary_needs_two_and_stops_when_the_override_is_taken_back(space: Space) -> None:
    mark = bait(space)
    space.cli("canary", "allow", mark, "--why", WORD, "--as", "alice")
    space.cli("verify")
    plan = space.cli("plan", "--fingerprint", mark, "--playbook", "revoke-now", "--as", "carol", "--json").json
    assert (plan["mutations"], plan["approvals"]) == (1, 2)
    space.cli("canary", "forbid", mark, "--as", "bob")
    refused = approved(space, plan["digest"], "alice", "bob")
    assert refused.code == ExitCode.WAITING
    assert "override for this canary has ended" in refused.err
    assert not space.cli("runs", "--json").json["runs"]


def test_what_says_nothing_is_no_override(space: Space) -> None:
    mark = bait(space)
    for args, code in (
        (("--why", ""), ExitCode.USAGE),
        (("--why", WORD, "--until", "8d"), ExitCode.USAGE),
        (("--why", WORD, "--until", "soon"), ExitCode.USAGE),
        (("--why", WORD, "--as", "mallory", "--key", "alice.key"), ExitCode.WAITING),
    ):
        assert space.cli("canary", "allow", mark, "--as", "alice", *args).code == code, args
    (space.folder / "revoker.toml").write_text((space.folder / "revoker.toml").read_text() + '[ownership]\nattest = "signed"\n')
    assert space.cli("canary", "allow", mark, "--why", WORD, "--as", "alice").code == ExitCode.USAGE
    assert space.cli("canary", "allow", mark, "--why", WORD, "--as", "alice", "--key", "alice.key").code == ExitCode.DONE


def test_only_a_canary_can_be_allowed(space: Space) -> None:
    space.plant("A", "huggingface", "huggingface_token")
    space.cli("ingest", "leak.env", "--attest", "ours", "--as", "alice")
    mark = space.cli("status", "--all", "--json").json["credentials"][0]["fingerprint"]
    refused = space.cli("canary", "allow", mark, "--why", WORD, "--as", "alice")
    assert refused.code == ExitCode.USAGE
    assert "no canary" in refused.err


def test_an_override_ends_by_itself_and_everybody_is_told(space: Space) -> None:
    mark = bait(space)
    store = open_store(load_settings(space.folder / "revoker.toml"))
    start = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    canaries.allow(store, mark, "alice", WORD, start + timedelta(hours=1), start, signature=None)
    assert set(canaries.allowed(store, [mark], start)) == {mark}
    assert canaries.allowed(store, [mark], start + timedelta(hours=1)) == {}
    assert canaries.allowed(store, [mark], start - timedelta(seconds=1)) == {}
    (told,) = events.of_kind(store, canaries.ALLOWED)
    assert told.payload["who"] == "alice"


def test_no_canary_is_said_and_not_shown_as_an_empty_table(empty: Space) -> None:
    (empty.folder / "nothing.json").write_text("[]")
    empty.cli("ingest", "nothing.json", "--format", "gitleaks")
    told = empty.cli("canary", "list")
    assert (told.code, told.out.startswith("No canary is known.")) == (ExitCode.DONE, True)
    assert empty.cli("canary", "list", "--json").json["canaries"] == []
