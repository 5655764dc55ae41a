"""The promises of every provider file, checked over the whole catalogue. A new provider adds replies and no test code."""

from __future__ import annotations

import dataclasses
import fnmatch
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revoker.errors import ActionFailed
from revoker.model import Bound, Proof, Unbound, Validity, Verdict
from revoker.sdk import Action, Answer, Kind, Provider, Reply, declared
from tests.providers.answered import answered
from tests.providers.catalogue import ACTIONS, CASES, KINDS, OWNERS, PROVIDERS, Case
from tests.providers.fake_api import FakeReader, always, in_turn, reply_of, run
from tests.providers.samples import credential_of

ALL_KINDS = [pytest.param(provider, kind, id=kind.id) for provider, kind in KINDS]
ALL_ACTIONS = [pytest.param(p, kind, action, id=f"{kind.id}-{action.id}") for p, kind, action in ACTIONS]
DECIDED = (Validity.LIVE, Validity.DEAD)
IN_ADDRESS = {
    "telegram_bot_token",
    "mapbox_token",
    "mapbox_public_token",
    "algolia_admin_key",
}  # their vendors take it nowhere else
LOGIN_PAGE = "<!doctype html><html><head><title>Sign in</title></head><body><form action='/login'></form></body></html>"
CHALLENGE = "<html><body>Checking your browser before accessing the site.</body></html>"

HOSTILE: dict[str, dict[str, Any]] = {
    "rate limited": {"status": 429, "body": {"message": "slow down"}},
    "rate limited, no body": {"status": 429},
    "server error": {"status": 500, "body": {"message": "sorry"}},
    "unavailable": {"status": 503, "body": "Service Unavailable"},
    "gateway": {"status": 502, "body": LOGIN_PAGE, "trouble": "html"},
    "login page": {"status": 200, "body": LOGIN_PAGE},
    "login page, seen by egress": {"status": 200, "body": LOGIN_PAGE, "trouble": "html"},
    "challenge": {"status": 403, "body": CHALLENGE},
    "challenge as 401": {"status": 401, "body": CHALLENGE},
    "timeout": {"trouble": "timeout"},
    "connect": {"trouble": "connect"},
    "tls": {"trouble": "tls"},
    "refused by policy": {"trouble": "refused_by_policy"},
    "truncated": {"status": 200, "body": '{"data": [', "trouble": "truncated"},
    "truncated refusal": {"status": 401, "body": '{"error": {"code": "inva', "trouble": "truncated"},
    "too large": {"status": 200, "trouble": "too_large"},
    "redirect": {"status": 302, "headers": {"Location": "https://elsewhere.example/"}, "trouble": "redirect"},
    "redirect without trouble": {"status": 307},
    "a teapot": {"status": 418, "body": {"error": "teapot"}},
    **{f"empty {status}": {"status": status} for status in (200, 401, 403)},
    **{
        f"{status} with {body}": {"status": status, "body": body, "headers": {"Content-Type": "application/json"}}
        for status in (200, 401, 403)
        for body in ("[]", '"text"', "42", "null", "true")
    },
}


def verify(provider: Provider, kind: Kind, script: Any, **options: Any) -> tuple[Verdict, FakeReader]:
    reader = FakeReader(provider, script, **options)
    return run(kind.verify(credential_of(kind), reader)), reader


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.kind}-{case.name}") for case in CASES])
def test_a_written_down_answer_gives_its_verdict(case: Case) -> None:
    provider, kind = OWNERS[case.kind]
    verdict, reader = verify(provider, kind, in_turn(case.replies()), settings=case.settings, authority=case.authority)
    assert (verdict.validity.value, verdict.reason) == (case.validity, case.reason)
    assert case.agrees(verdict.identity), verdict.identity
    for sent, call in zip(reader.sent, case.calls, strict=True):
        wanted = call["request"]
        assert sent.method == wanted["method"]
        assert fnmatch.fnmatchcase(sent.path, wanted["path"])
        assert sent.host == wanted.get("host", sent.host)
    assert len(reader.sent) <= kind.requests
    if verdict.validity in DECIDED:
        assert (verdict.validity, verdict.reason) in {(one.validity, one.reason) for one in declared(kind)}


ANSWERS = [
    pytest.param(p, kind, one, id=f"{kind.id}-{at}") for p, kind in KINDS for at, one in enumerate(declared(kind)) if not one.when
]


@pytest.mark.parametrize(("provider", "kind", "answer"), ANSWERS)
def test_a_declared_answer_gives_its_verdict_or_decides_nothing(provider: Provider, kind: Kind, answer: Answer) -> None:
    """What `providers show` prints is what the check does: each answer, made from its own declaration, is judged as it says."""
    reply = answered(answer)
    assert answer.fits(reply)
    words = dict.fromkeys(provider.authority, "acme") if kind.check_needs else {}
    verdict, _ = verify(provider, kind, always(reply), authority=words, settings=words)
    plain = answer.at or not answer.codes  # else the check reads the code by a way of its own
    if kind.requests == 1 and plain and not kind.check_needs:
        first = next(one for one in declared(kind) if not one.when and one.fits(reply))
        assert (verdict.validity, verdict.reason) == (first.validity, first.reason)
    elif verdict.validity in DECIDED:
        assert (verdict.validity, verdict.reason) in {(one.validity, one.reason) for one in declared(kind)}


NEVER_DEAD = {"snowflake_pat"}  # its pages give no code for a removed token, so no refusal is definitive


@pytest.mark.parametrize(("provider", "kind"), ALL_KINDS)
def test_live_and_dead_are_written_down(provider: Provider, kind: Kind) -> None:
    verdict, _ = verify(provider, kind, always(Reply("", 418, json={})))
    written = {case.validity for case in CASES if case.kind == kind.id}
    decisive = {"live"} if kind.id in NEVER_DEAD else {"live", "dead"}
    assert verdict.validity is Validity.SKIPPED or verdict.reason == "no_safe_check" or decisive <= written, (
        f"no live and dead answers in replies/ for {kind.id}"
    )


@pytest.mark.parametrize(("provider", "kind"), ALL_KINDS)
def test_an_answer_that_says_nothing_decides_nothing(provider: Provider, kind: Kind) -> None:
    for hostile, answer in HOSTILE.items():
        verdict, reader = verify(provider, kind, always(reply_of(answer)))
        assert verdict.validity not in DECIDED, (hostile, verdict)
        assert verdict.reason, hostile
        assert len(reader.sent) <= kind.requests, hostile


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.row("F15")
def test_a_later_answer_that_says_nothing_never_kills(hostile: str) -> None:
    for case in (case for case in CASES if len(case.calls) > 1):
        provider, kind = OWNERS[case.kind]
        replies = [*case.replies()[:-1], *[reply_of(HOSTILE[hostile])] * kind.requests]
        verdict, _ = verify(provider, kind, in_turn(replies), settings=case.settings, authority=case.authority)
        assert verdict.validity is not Validity.DEAD, (case.kind, case.name)


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.kind}-{case.name}") for case in CASES])
def test_the_secret_is_in_no_part_of_a_verdict(case: Case) -> None:
    """A provider that echoes the secret in its answer does not get it into our records."""
    provider, kind = OWNERS[case.kind]
    cred = credential_of(kind)
    value = cred.secret.reveal()
    echo = [
        dataclasses.replace(reply, text=f"{reply.text} {value}", headers={**reply.headers, "x-echo": value})
        for reply in case.replies()
    ]
    reader = FakeReader(provider, in_turn(echo), settings=case.settings, authority=case.authority)
    verdict = run(kind.verify(cred, reader))
    assert value not in repr(verdict)
    assert value not in repr(cred)
    assert kind.id in IN_ADDRESS or all(value not in sent.path and value not in str(sent.params) for sent in reader.sent), (
        "the secret stands in a URL"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "type", "message", "ok", "data", "id", "name", "zz"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    body = draw(JSON)
    return Reply(
        host="anything.example",
        status=draw(st.none() | st.integers(100, 599)),
        headers=draw(st.dictionaries(st.text("abc-", min_size=1, max_size=8), st.text(max_size=8), max_size=2)),
        json=body,
        text=str(body),
        code=draw(st.none() | st.text(max_size=12)),
        trouble=draw(st.none() | st.sampled_from(["timeout", "tls", "html", "truncated"])),
    )


@pytest.mark.parametrize(("provider", "kind"), ALL_KINDS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(reply=replies())
def test_no_answer_makes_a_check_raise_and_no_undeclared_one_decides(provider: Provider, kind: Kind, reply: Reply) -> None:
    verdict, _ = verify(provider, kind, always(reply))
    declared = {call.get("status") for case in CASES if case.kind == kind.id for call in case.calls}
    if reply.trouble is not None or reply.status not in declared:
        assert verdict.validity not in DECIDED


@pytest.mark.parametrize(("provider", "kind", "action"), ALL_ACTIONS)
def test_an_answer_that_says_nothing_binds_nothing(provider: Provider, kind: Kind, action: Action) -> None:
    """Only the secret itself, or an id inside it, needs no answer to be a target."""
    given, said = dict.fromkeys(provider.authority, "made-up"), dict.fromkeys(provider.authority, "acme")
    for hostile, answer in HOSTILE.items():
        try:
            reader = FakeReader(provider, always(reply_of(answer)), authority=given, settings=said)
            found = run(action.bind(credential_of(kind), reader))
        except ActionFailed:
            continue
        bare = isinstance(found, Unbound) or found.proof in (Proof.SECRET_IS_CREDENTIAL, Proof.EMBEDDED)
        assert bare, (hostile, found)


@pytest.mark.parametrize(("provider", "kind", "action"), ALL_ACTIONS)
def test_without_authority_an_action_of_the_authority_is_unbound_or_names_its_target_itself(
    provider: Provider, kind: Kind, action: Action
) -> None:
    reader = FakeReader(provider, always(Reply("", 401, json={"error": {}})))
    try:
        found = run(action.bind(credential_of(kind), reader))
    except ActionFailed:
        return
    if isinstance(found, Bound):
        assert found.proof in (Proof.SECRET_IS_CREDENTIAL, Proof.EMBEDDED)
        assert found.how


@pytest.mark.parametrize(("provider", "kind", "action"), ALL_ACTIONS)
def test_looking_at_the_state_after_a_lost_answer_never_guesses(provider: Provider, kind: Kind, action: Action) -> None:
    if action.observe is None:
        return
    cred = credential_of(kind)
    bound = Bound(cred, "id_1", Proof.SELF_ENDPOINT, "for this test", "acme", {"project": "proj_1"})
    for table in (
        {"status": 500},
        {"trouble": "timeout"},
        {"status": 200, "body": LOGIN_PAGE, "trouble": "html"},
        {"status": 429, "body": {}},
    ):
        reader = FakeReader(
            provider,
            always(reply_of(table)),
            authority=dict.fromkeys(provider.authority, "made-up"),
            settings=dict.fromkeys(provider.authority, "acme"),
        )
        try:
            assert run(action.observe(bound, reader)) is None, table
        except ActionFailed:
            continue


@pytest.mark.parametrize("provider", [pytest.param(p, id=p.id) for p in PROVIDERS if p.check_authority])
def test_the_authority_is_checked_by_reading_and_never_by_guessing(provider: Provider) -> None:
    words = dict.fromkeys(provider.authority, "acme")
    for status, may_say in ((200, {True, False, None}), (403, {False, None}), (500, {None})):
        reader = FakeReader(provider, always(reply_of({"status": status, "body": {}})), authority=words, settings=words)
        assert provider.check_authority is not None
        try:
            held = run(provider.check_authority(reader))
        except ActionFailed:
            continue
        assert set(held.values()) <= may_say, status
        assert all(sent.how in ("get", "query", "aws_read", "login") for sent in reader.sent)
