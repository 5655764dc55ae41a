"""Declared answers, field by field: what fits, what does not, and what the verdict carries on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from revoker import catalog
from revoker.model import Credential, Evidence, Identity, Secret, Validity, Verdict
from revoker.sdk import Reader, Reply, dead, judge, live, skip, undeclared, unsure
from revoker.sdk.answers import Answer, Check, decided, declared, declares, expired_offline
from tests.providers.fake_api import run

NOW = datetime(2026, 11, 25, tzinfo=UTC)
SOON = timedelta(seconds=30)


def body(json: Any = None, status: int | None = 200, text: str = "", **more: Any) -> Reply:
    return Reply("api.example.test", status, json=json, text=text, **more)


@pytest.mark.parametrize(
    ("answer", "reply", "fits"),
    [
        (live(), body({}), True),
        (live(), body({}, status=201), False),
        (live(json=False), body(status=201), False),
        (live(), body([]), False),
        (live(has=("0.id",)), body([{"id": 7}]), True),
        (live(has=("0.id",)), body([]), False),
        (live(has=("id",)), body("id"), False),
        (live(has=("id", "name")), body({"id": 7}), False),
        (live(), body("ok"), False),
        (live(), body(7), False),
        (live(), body(None), False),
        (live(json=False), body(None), True),
        (dead(401, codes=("gone",)), body({}, 401, code="gone"), True),
        (dead(401, codes=("gone", "over")), body({}, 401, code="over"), True),
        (dead(401, codes=("gone",)), body({"error": "gone"}, 401, code="busy"), False),
        (dead(401, codes=("gone",)), body({}, 401), False),
        (dead(401, at="error.code", codes=("7",)), body({"error": {"code": 7}}, 401, code="busy"), True),
        (dead(401, at="error.code", codes=("7",)), body({"error": {"code": 8}}, 401, code="7"), False),
        (dead(401, says="Bad Key"), body({}, 401, text="a bAd kEy."), True),
        (dead(401, says="Bad Key"), body({}, 401, text="a good key"), False),
        (dead(401, says="Straße"), body({}, 401, text="STRASSE"), True),
    ],
)
def test_what_fits_a_declared_answer(answer: Answer, reply: Reply, fits: bool) -> None:
    assert answer.fits(reply) is fits


FIELDS: dict[str, Any] = {
    "at": "error.code",
    "codes": ("a", "b"),
    "says": "words",
    "json": False,
    "page": "https://docs.example.test",
}


def test_an_answer_is_declared_field_by_field() -> None:
    assert live() == Answer(200, Validity.LIVE, "authenticated")
    assert dead() == Answer(401, Validity.DEAD, "refused")
    assert unsure(403, "no_scope") == Answer(403, Validity.UNKNOWN, "no_scope")
    assert decided(Validity.DEAD, "not_listed", "when it is not in the list") == Answer(
        None, Validity.DEAD, "not_listed", when="when it is not in the list"
    )
    assert live(206, "part", has=("id",), **FIELDS) == Answer(206, Validity.LIVE, "part", has=("id",), **FIELDS)
    assert dead(410, "gone", has=("id",), **FIELDS) == Answer(410, Validity.DEAD, "gone", has=("id",), **FIELDS)
    assert unsure(403, "no_scope", **FIELDS) == Answer(403, Validity.UNKNOWN, "no_scope", **FIELDS)
    page = "https://docs.example.test"
    told = decided(Validity.LIVE, "login", "in words", status=101, page=page)
    assert told == Answer(101, Validity.LIVE, "login", page=page, when="in words")
    assert not dead().has
    assert not dead().codes


def test_a_check_asks_as_it_was_written_and_tells_its_answers() -> None:
    cred, api = Credential("k", "fp_1", Secret("made-up")), cast("Reader", object())
    asked: list[tuple[Credential, Reader]] = []

    async def ask(one: Credential, reader: Reader) -> Verdict:
        asked.append((one, reader))
        return skip("seen")

    check = declares(live(), dead())(ask)
    assert isinstance(check, Check)
    assert check.answers == (live(), dead())
    assert run(cast("Any", check(cred, api))) == skip("seen")
    assert asked == [(cred, api)]
    kind = next(iter(catalog.kinds().values()))
    assert declared(replace(kind, verify=check)) == (live(), dead())
    assert declared(replace(kind, verify=ask)) == ()


def who(reply: Reply) -> Identity | None:
    return Identity(account=reply.host)


def seen(reply: Reply) -> Evidence:
    return Evidence(reply.host, reply.status, reply.code, NOW)


@pytest.mark.parametrize("validity", [Validity.LIVE, Validity.DEAD, Validity.UNKNOWN])
@pytest.mark.parametrize("identity", [who, None])
def test_a_verdict_carries_its_reason_its_evidence_and_who_it_is(
    validity: Validity, identity: Callable[[Reply], Identity | None] | None
) -> None:
    reply = body({}, code="own_code", retry_after=SOON)
    verdict = judge(reply, (dead(401), Answer(200, validity, "first"), live(200, "second")), NOW, identity)
    known = Identity(account="api.example.test") if identity and validity is Validity.LIVE else None
    assert verdict == Verdict(validity, "first", seen(reply), known, SOON)


def test_trouble_and_what_is_not_declared_decide_nothing() -> None:
    troubled = body({}, trouble="html", retry_after=SOON)
    assert judge(troubled, (live(),), NOW, who) == Verdict(Validity.UNKNOWN, "html", seen(troubled), retry_after=SOON)
    foreign = body({}, status=418, retry_after=SOON)
    assert judge(foreign, (live(),), NOW, who) == Verdict(Validity.UNKNOWN, "undeclared_418", seen(foreign), retry_after=SOON)
    assert judge(body(trouble="no_endpoint"), (live(json=False),), NOW) == Verdict(Validity.SKIPPED, "no_endpoint")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (None, "no_answer"),
        (429, "rate_limited"),
        (499, "undeclared_499"),
        (500, "server_error"),
        (501, "server_error"),
        (299, "undeclared_299"),
        (300, "redirect"),
        (399, "redirect"),
        (400, "undeclared_400"),
    ],
)
def test_the_reason_of_an_undeclared_status(status: int | None, reason: str) -> None:
    assert undeclared(body({}, status=status)) == reason


def test_verdicts_without_a_call() -> None:
    assert skip("canary") == Verdict(Validity.SKIPPED, "canary")
    assert expired_offline() == Verdict(Validity.DEAD, "expired_offline")
