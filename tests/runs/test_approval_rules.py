"""The rules of approvals without a store: who counts, for what, for how long, at the limit to the second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from revoker import sshsig
from revoker.config import ApproverSettings, Settings
from revoker.errors import ApprovalRefused, ConfigError, UsageError
from revoker.runs import digests
from revoker.runs.approve import (
    EMERGENCY,
    LIFETIME,
    LONGEST,
    SKEW,
    Statement,
    check,
    missing,
    read_statement,
    sign_statement,
    statement,
)
from revoker.store.plans import Approval

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NAMES = ("alice", "bob", "carol", "dave")
KEYS = {name: Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n, name in enumerate(NAMES, 1)}
PLAN = "d" * 64


def person(name: str, **more: Any) -> ApproverSettings:
    return ApproverSettings(name, sshsig.public_line(KEYS[name]), **more)


PEOPLE = Settings(approvers=tuple(person(name) for name in NAMES))


def among(*people: ApproverSettings) -> Settings:
    named = {one.name for one in people}
    return Settings(approvers=(*people, *(person(name) for name in NAMES if name not in named)))


def plan(**changed: Any) -> dict[str, Any]:
    steps = [{"effect": "suspend"}, {"effect": "revoke"}, {"do": "verify"}]
    return {
        "created_at": digests.instant(NOW),
        "expires_at": digests.instant(NOW + timedelta(hours=12)),
        "credentials": [{"provider": "github", "steps": steps}, {"provider": "aws", "steps": []}],
        "approvals": 1,
        "requester": "dave",
        **changed,
    }


def yes(name: str = "alice", *, key: str = "", **changed: Any) -> Approval:
    """An approval as the named person signs it."""
    said = replace(Statement(PLAN, name, f"nonce of {name}", NOW, NOW + timedelta(hours=1)), **changed)
    signature = sshsig.sign(KEYS[key or name], said.text())
    return Approval(said.plan, said.approver, signature, said.nonce, said.signed_at, said.expires_at, emergency=said.emergency)


def refusal(given: Approval, document: Mapping[str, Any] | None = None, settings: Settings = PEOPLE, now: datetime = NOW) -> str:
    try:
        check(given, PLAN, document or plan(), settings, now)
    except ApprovalRefused as refused:
        return refused.message
    return ""


def test_a_good_approval_gives_its_person() -> None:
    assert check(yes("bob"), PLAN, plan(), PEOPLE, NOW) == person("bob")


def test_a_statement_is_text_that_anybody_can_read() -> None:
    said = statement(PLAN, "alice", NOW.replace(microsecond=5))
    assert said.text().decode() == (
        f"revoker approval, version 1\nplan: {PLAN}\napprover: alice\nnonce: {said.nonce}\n"
        "signed: 2026-11-25T12:00:00Z\nexpires: 2026-11-25T20:00:00Z\n"
    )
    assert (said.signed_at, said.expires_at - said.signed_at, said.emergency) == (NOW, LIFETIME, "")
    assert len(bytes.fromhex(said.nonce)) == 16
    assert said.nonce != statement(PLAN, "alice", NOW).nonce
    urgent = statement(PLAN, "alice", NOW, "the house burns")
    assert urgent.text().decode().endswith("expires: 2026-11-25T13:00:00Z\nemergency: the house burns\n")
    assert urgent.expires_at - urgent.signed_at == EMERGENCY
    assert urgent.emergency == "the house burns"
    for one in (said, urgent):
        assert read_statement(one.text()) == one


@pytest.mark.parametrize(
    "bend",
    [
        lambda text: text[:-1],
        lambda text: text + b"more\n",
        lambda text: text + b"emergency: a\nemergency: b\n",
        lambda text: text.replace(b"version 1", b"version 2"),
        lambda text: text.replace(b"plan: ", b"plan "),
        lambda text: text.replace(b"12:00:00Z", b"25:00:00Z"),
        lambda text: text.replace(b"12:00:00Z", b"12:00:00z"),
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"",
        lambda text: b"\xff" + text,
        lambda text: b"\n".join(text.split(b"\n")[:3]),
    ],
)
def test_any_other_text_is_no_statement(bend: Any) -> None:
    text = Statement(PLAN, "alice", "n", NOW, NOW + SECOND).text()
    assert read_statement(text) == Statement(PLAN, "alice", "n", NOW, NOW + SECOND)
    with pytest.raises(ApprovalRefused, match="no approval statement"):
        read_statement(bend(text))


def test_a_colon_in_a_value_belongs_to_it() -> None:
    for name in ("alice: the first", " alice"):
        said = Statement(PLAN, name, "n", NOW, NOW + SECOND, "because: it burns")
        assert read_statement(said.text()) == said


def test_a_file_is_signed_with_a_key_that_may_be_encrypted(tmp_path: Path) -> None:
    said = Statement(PLAN, "alice", "n", NOW, NOW + SECOND)
    word = b"correct " + b"horse"
    for encryption, password in ((NoEncryption(), None), (BestAvailableEncryption(word), lambda: word)):
        path = tmp_path / "key"
        path.write_bytes(KEYS["alice"].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption))
        path.chmod(0o600)
        signature = sign_statement(said, path, password)
        sshsig.verify(signature, said.text(), person("alice").key)
    with pytest.raises(ConfigError):
        sign_statement(said, path)


def test_the_reason_of_an_emergency_is_one_line() -> None:
    for text in ("two\nlines", "a\x1b[2J", "a\u2028b"):
        with pytest.raises(UsageError, match="one line"):
            statement(PLAN, "alice", NOW, text)


def test_the_person_the_plan_and_the_key_must_be_the_ones() -> None:
    assert "mallory is no approver" in refusal(replace(yes(), approver="mallory"))
    assert "for another plan" in refusal(yes(plan="e" * 64))
    assert "another key" in refusal(yes("alice", key="bob"))


@pytest.mark.parametrize("field", ["nonce", "signed_at", "expires_at", "emergency"])
def test_every_field_is_under_the_signature(field: str) -> None:
    given = yes()
    other = {
        "nonce": "other",
        "signed_at": given.signed_at + SECOND,
        "expires_at": given.expires_at - SECOND,
        "emergency": "now",
    }[field]
    emergency = among(person("alice", emergency=True))
    assert "does not fit the statement" in refusal(replace(given, **{field: other}), settings=emergency)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lasts", "emergency", "fine"),
    [
        (timedelta(), "", False),
        (-SECOND, "", False),
        (SECOND, "", True),
        (LONGEST, "", True),
        (LONGEST + SECOND, "", False),
        (EMERGENCY, "fire", True),
        (EMERGENCY + SECOND, "fire", False),
    ],
)
def test_how_long_a_yes_may_last(lasts: timedelta, emergency: str, fine: bool) -> None:
    given = yes(expires_at=NOW + lasts, emergency=emergency)
    said = refusal(given, settings=among(person("alice", emergency=True)))
    assert said == ("" if fine else f"Such an approval lasts at most {1 if emergency else 24} hours.")


@pytest.mark.row("F8")
@pytest.mark.parametrize(
    ("signed", "fine"),
    [(SKEW, True), (SKEW + SECOND, False), (-SKEW, True), (-SKEW - SECOND, False), (timedelta(), True)],
)
def test_a_clock_may_be_five_minutes_off(signed: timedelta, fine: bool) -> None:
    given = yes(signed_at=NOW + signed, expires_at=NOW + timedelta(hours=2))
    assert refusal(given) == ("" if fine else "The approval was signed before the plan was made, or in the future.")


def test_a_yes_and_a_plan_end_to_the_second() -> None:
    over = "The approval or its plan is expired."
    given = yes()
    assert refusal(given, now=given.expires_at - SECOND) == ""
    assert refusal(given, now=given.expires_at) == over
    short = plan(expires_at=digests.instant(NOW + timedelta(minutes=30)))
    assert refusal(given, short, now=NOW + timedelta(minutes=30) - SECOND) == ""
    assert refusal(given, short, now=NOW + timedelta(minutes=30)) == over


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ({}, ""),
        ({"providers": ("github", "aws")}, ""),
        ({"providers": ("github",)}, "alice may not approve changes at aws."),
        ({"providers": ("gitlab",)}, "alice may not approve changes at github."),
        ({"effects": ("suspend", "revoke")}, ""),
        ({"effects": ("suspend", "revoke", "issue")}, ""),
        ({"effects": ("suspend",)}, "alice may not approve revoke."),
        ({"effects": ("issue",)}, "alice may not approve revoke."),
        ({"providers": ("github", "aws"), "effects": ("revoke",)}, "alice may not approve suspend."),
    ],
)
def test_a_person_s_scope(scope: dict[str, Any], said: str) -> None:
    assert refusal(yes(), settings=among(person("alice", **scope))) == said


def test_an_emergency_is_for_those_who_are_named_for_it() -> None:
    given = yes(emergency="fire")
    assert refusal(given) == "alice may not approve alone in an emergency."
    assert refusal(given, settings=among(person("alice", emergency=True))) == ""


def left(*given: Approval, settings: Settings = PEOPLE, now: datetime = NOW, **changed: Any) -> tuple[int, tuple[str, ...]]:
    return missing(given, PLAN, plan(**changed), settings, now)


@pytest.mark.parametrize(
    ("wanted", "names", "result"),
    [
        (0, (), (0, ())),
        (1, (), (1, ())),
        (1, ("alice",), (0, ("alice",))),
        (1, ("dave",), (0, ("dave",))),
        (1, ("bob", "alice"), (0, ("alice", "bob"))),
        (2, ("alice",), (1, ("alice",))),
        (2, ("alice", "alice"), (1, ("alice",))),
        (2, ("alice", "dave"), (1, ("alice",))),
        (2, ("carol", "alice"), (0, ("alice", "carol"))),
        (3, ("carol", "alice"), (1, ("alice", "carol"))),
        ("2", ("carol", "alice"), (0, ("alice", "carol"))),
    ],
)
def test_how_many_are_missing(wanted: int, names: tuple[str, ...], result: tuple[int, tuple[str, ...]]) -> None:
    assert left(*(yes(name) for name in names), approvals=wanted) == result


def test_what_does_not_count_does_not_stop_what_does() -> None:
    used = replace(yes("alice"), consumed_at=NOW)
    assert left(used, approvals=1) == (1, ())
    assert left(used, yes("bob"), approvals=1) == (0, ("bob",))
    assert left(yes("alice", plan="e" * 64), yes("bob"), approvals=1) == (0, ("bob",))
    assert left(yes("alice"), yes("bob"), approvals=1, now=NOW + timedelta(hours=1)) == (1, ())


def test_two_names_with_one_key_are_one_person_and_the_first_is_told() -> None:
    twice = among(person("alice"), replace(person("alice"), name="ally", key=person("alice").key + " laptop"))
    as_ally = yes("ally", key="alice")
    assert left(as_ally, yes("alice"), settings=twice, approvals=2) == (1, ("ally",))


def test_the_requester_s_key_under_another_name_is_the_requester_s() -> None:
    twice = Settings(approvers=(*PEOPLE.approvers, replace(person("dave"), name="david")))
    given = (yes("david", key="dave"), yes("bob"))
    assert left(*given, settings=twice, approvals=2) == (1, ("bob",))
    assert left(*given, settings=twice, approvals=1) == (0, ("bob", "david"))
    assert left(*given, settings=twice, approvals=2, requester="carol") == (0, ("bob", "david"))


def test_one_yes_in_an_emergency_is_enough_the_requester_s_too() -> None:
    settings = among(person("alice", emergency=True), person("dave", emergency=True))
    assert left(yes("alice", emergency="fire"), settings=settings, approvals=3) == (0, ("alice",))
    assert left(yes("dave", emergency="fire"), settings=settings, approvals=2) == (0, ("dave",))
    assert left(yes("dave", emergency="fire"), yes("bob"), settings=settings, approvals=2) == (0, ("bob", "dave"))
    used = replace(yes("alice", emergency="fire"), consumed_at=NOW)
    assert left(used, settings=settings, approvals=2) == (2, ())
