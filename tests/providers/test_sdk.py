"""The ready-made parts that provider files rest on."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from revoker.errors import ActionFailed, OutcomeUnknown
from revoker.model import Bound, Credential, Effect, Proof, Secret, Validity
from revoker.sdk import (
    ListUnread,
    Read,
    Reply,
    by_hint,
    dead,
    example_value,
    expired_jwt,
    hint_fits,
    judge,
    known_examples,
    last_id,
    live,
    may_query,
    pages,
    receipt,
    safe_id,
    time_at,
    undeclared,
    with_code,
)
from tests.providers.fake_api import run

NOW = datetime(2026, 11, 24, tzinfo=UTC)
VALUE = "made-up-0123456789-wxyz"


def cred(value: str = VALUE) -> Credential:
    return Credential("made_up", "fp_1", Secret(value))


@pytest.mark.parametrize(
    ("hint", "fits"),
    [
        ("made-up-0...wxyz", True),
        ("made-up-0…wxyz", True),
        ("made-up-****wxyz", True),
        ("...wxyz", True),
        ("made-up-0...wxyZ", False),
        ("Made-up-0...wxyz", False),
        ("made-up-0...", False),  # a beginning alone says too little
        (VALUE, False),  # not redacted: no hint at all
        (VALUE + "..." + VALUE, False),  # longer than the value
        ("made-up-0...9-wxyz", True),
        (None, False),
        (7, False),
        ("", False),
    ],
)
def test_a_hint_fits_when_both_ends_are_the_same(hint: object, fits: bool) -> None:
    assert hint_fits(hint, Secret(VALUE)) is fits


def test_what_a_list_of_hints_proves() -> None:
    rows: list[tuple[str, object]] = [("key_1", "made-up...wxyz"), ("key_2", "else...wxyz")]
    assert by_hint(cred(), rows).reason == "label_only"
    assert by_hint(cred(), rows[1:]).reason == "no_match"
    assert by_hint(cred(), [rows[0], rows[0]]).reason == "several_matches"


def read(answers: list[Reply]) -> list[Any]:
    asked: list[str | None] = []

    async def ask(cursor: str | None) -> Reply:
        asked.append(cursor)
        return answers[len(asked) - 1]

    async def everything() -> list[Any]:
        return [row async for row in pages(ask, "data", last_id)]

    return run(everything())


def page(rows: list[Any], more: bool = False, cursor: str | None = None) -> Reply:
    return Reply("h", 200, json={"data": rows, "has_more": more, "last_id": cursor})


def test_all_pages_are_read() -> None:
    assert read([page([{"id": 1}, "noise"], True, "1"), page([{"id": 2}])]) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    "broken",
    [
        Reply("h", 500),
        Reply("h", 200, json={"data": None}),
        Reply("h", 200, json={"data": []}, trouble="truncated"),
        Reply("h", trouble="timeout"),
    ],
)
def test_a_list_with_a_broken_page_is_not_a_list(broken: Reply) -> None:
    with pytest.raises(ListUnread) as raised:
        read([page([{"id": 1}], True, "1"), broken])
    assert raised.value.unbound().reason == "refused"


@pytest.mark.parametrize("value", ["key_1", "a:b.c-d@e", "123", 123])
def test_an_id_may_go_into_a_path(value: object) -> None:
    assert safe_id(value) == str(value)


@pytest.mark.parametrize(
    "value", [None, True, "", "a/b", "../x", "a..b", "a b", "a?b", "a#b", "ü" * 3 + "/", {"id": 1}, "x" * 300, "a\n"]
)
def test_what_is_no_id_stays_out_of_a_path(value: object) -> None:
    with pytest.raises(ActionFailed):
        safe_id(value)


def test_which_posts_read() -> None:
    reads = (Read("/api/test"), Read("/hooks/*"), Read("/role/*/lookup"))
    assert all(may_query(reads, path) for path in ("/api/test", "/hooks/a/b", "/role/web/lookup"))
    refused = ("/api/test/x", "/api/tes", "/hooks", "/hooks/../api/other", "/role/web/other", "/role/a/b/lookup", "/role//lookup")
    assert not any(may_query(reads, path) for path in refused)


QUERY = "{ viewer { id } }"


@pytest.mark.parametrize(
    ("json", "form", "allowed"),
    [
        ({"query": QUERY, "limit": 1}, {}, True),
        ({"limit": 1, "query": QUERY}, {}, True),
        ({"query": "mutation { deleteEverything }", "limit": 1}, {}, False),
        ({"query": QUERY, "limit": True}, {}, False),  # 1 and True are equal in Python, and not on the wire
        ({"query": QUERY}, {}, False),
        ({"query": QUERY, "limit": 1, "variables": {}}, {}, False),
        ({"query": QUERY, "limit": 1}, {"also": "this"}, False),
        ({}, {"query": QUERY, "limit": "1"}, False),
        ([QUERY, 1], {}, False),
        (None, {}, False),
    ],
)
def test_a_post_reads_only_with_the_declared_body(json: Any, form: dict[str, str], allowed: bool) -> None:
    reads = (Read("/graphql", json=("query", "limit"), fixed={"query": (QUERY,), "limit": (1,)}),)
    assert may_query(reads, "/graphql", json, form) is allowed


def test_a_post_without_a_declared_body_has_none() -> None:
    reads = (Read("/check"),)
    assert may_query(reads, "/check")
    assert may_query(reads, "/check", {})
    assert not may_query(reads, "/check", {"delete": True})
    assert not may_query(reads, "/check", [])


def bound() -> Bound:
    return Bound(cred(), "id_1", Proof.SELF_ENDPOINT, "for this test")


def told(reply: Reply, **more: Any) -> str:
    try:
        made = receipt("revoke", Effect.REVOKE, bound(), reply, NOW, done=[200], already=[404], **more)
    except ActionFailed:
        return "refused"
    except OutcomeUnknown:
        return "unclear"
    return "already" if made.already else "done"


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply("h", 200), "done"),
        (Reply("h", 404), "already"),
        (Reply("h", 403), "refused"),
        (Reply("h", 429), "refused"),
        (Reply("h", trouble="not_sent"), "refused"),
        (Reply("h", 202), "unclear"),
        (Reply("h", 500), "unclear"),
        (Reply("h", trouble="timeout"), "unclear"),
        (Reply("h", 200, trouble="html"), "unclear"),
        (Reply("h", 403, trouble="html"), "unclear"),
        (Reply("h", 302, trouble="redirect"), "unclear"),
    ],
)
def test_what_an_answer_to_a_change_means(reply: Reply, outcome: str) -> None:
    assert told(reply) == outcome


@pytest.mark.parametrize("said", ["done", "already", "refused"])
def test_a_body_may_say_more_than_a_status(said: str) -> None:
    assert told(Reply("h", 200), told=lambda reply: said) == said
    assert told(Reply("h", 200), told=lambda reply: "") == "unclear"


def test_only_declared_answers_decide() -> None:
    answers = (live(200, has=["id"]), dead(401, at="error.code", codes=["gone"]))
    assert judge(Reply("h", 200, json={"id": 1}), answers, NOW).validity is Validity.LIVE
    assert judge(Reply("h", 401, json={"error": {"code": "gone"}}), answers, NOW).validity is Validity.DEAD
    for reply in (Reply("h", 200, json={}), Reply("h", 200, json=[1]), Reply("h", 401, json={}), Reply("h", 401)):
        assert judge(reply, answers, NOW).validity is Validity.UNKNOWN
    assert judge(Reply("h", 401, json={"error": {"code": "gone"}}, trouble="html"), answers, NOW).reason == "html"
    assert judge(Reply("h", trouble="no_endpoint"), answers, NOW).validity is Validity.SKIPPED
    assert (
        judge(with_code(Reply("h", 401, json={}), lambda reply: "deep"), (dead(401, codes=["deep"]),), NOW).validity
        is Validity.DEAD
    )


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("h"), "no_answer"),
        (Reply("h", 429), "rate_limited"),
        (Reply("h", 503), "server_error"),
        (Reply("h", 301), "redirect"),
        (Reply("h", 200), "not_json"),
        (Reply("h", 418, json={}), "undeclared_418"),
    ],
)
def test_an_undeclared_answer_has_a_reason(reply: Reply, reason: str) -> None:
    assert undeclared(reply) == reason


def test_offline_checks() -> None:
    digest = hashlib.sha256(VALUE.encode()).hexdigest()
    assert known_examples(digest)(cred(), NOW) is not None
    assert known_examples(digest)(cred("other"), NOW) is None
    assert all(example_value(cred(value), NOW) for value in ("EXAMPLE" * 3, "your_key", "x" * 30, "aaaaaa"))
    assert example_value(cred(), NOW) is None
    for end, over in (
        (1, True),
        (NOW.timestamp() - 1, True),
        (NOW.timestamp() + 1, False),
        (-1e20, False),
        (1e300, False),
        (True, False),
    ):
        assert (expired_jwt(cred(jwt(end)), NOW) is not None) is over, end
    for claims in ("e30", "bnVsbA", "W10", "eyJleHAiOiJzb29uIn0", "!!", ""):
        assert expired_jwt(cred(f"a.{claims}.b"), NOW) is None


def jwt(end: object) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps({'exp': end}).encode()).rstrip(b'=').decode()}.x"


@pytest.mark.parametrize("value", [None, True, "soon", 10**20, [], {}])
def test_what_is_no_time(value: object) -> None:
    assert time_at(Reply("h", json={"at": value}), "at") is None


def test_times() -> None:
    assert time_at(Reply("h", json={"at": 0}), "at") == datetime.fromtimestamp(0, UTC)
    assert time_at(Reply("h", json={"at": "2026-11-24T00:00:00Z"}), "at") == NOW
    assert time_at(Reply("h", json={"at": "2026-11-24T01:00:00+01:00"}), "at") == NOW + timedelta()
