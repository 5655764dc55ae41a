"""Receipts, ready-made checks and lists, field by field: what was changed, who was asked, what a list proves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from revoker.errors import ActionFailed, OutcomeUnknown, Postponed
from revoker.model import Bound, Credential, Effect, Evidence, Identity, Owned, Proof, Receipt, Secret, Unbound, Validity, Verdict
from revoker.sdk import Auth, Reader, Reply, dead, live, ready, receipt
from revoker.sdk import lists as listed
from tests.providers.fake_api import run

NOW = datetime(2026, 11, 25, tzinfo=UTC)
CRED = Credential("made_up", "fp_1", Secret("made-up-0123456789-wxyz"), {"host": "own.example.test", "id": "id_7"})
BOUND = Bound(CRED, "id_1", Proof.SELF_ENDPOINT, "for this test")
OPERATOR = Secret("made-up-operator")


@dataclass
class Asked:
    """A Reader that remembers each GET and answers from a list."""

    replies: list[Reply]
    known: dict[str, Secret] = field(default_factory=lambda: {"admin": OPERATOR})
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    now: datetime = NOW

    def authority(self, name: str) -> Secret | None:
        return self.known.get(name)

    async def get(self, path: str, **more: Any) -> Reply:
        self.got.append((path, more))
        return self.replies.pop(0)


def reader(*replies: Reply, **known: Secret) -> tuple[Asked, Reader]:
    asked = Asked(list(replies), known or {"admin": OPERATOR})
    return asked, cast("Reader", asked)


def ridden(auth: Auth) -> tuple[str, str, str | None, str]:
    return auth.header, auth.template, auth.user, auth.value.reveal()


def settle(reply: Reply, **more: Any) -> Receipt:
    return receipt("revoke_key", Effect.REVOKE, BOUND, reply, NOW, done=[200, 204], already=[404], **more)


def test_a_receipt_says_what_was_done_to_what_and_on_which_evidence() -> None:
    made = settle(Reply("api.example.test", 204, code="gone"), detail="with its child keys")
    assert (made.action, made.effect, made.target, made.already) == ("revoke_key", Effect.REVOKE, "id_1", False)
    assert (made.detail, made.evidence, made.issued) == (
        "with its child keys",
        Evidence("api.example.test", 204, "gone", NOW),
        None,
    )
    again = settle(Reply("api.example.test", 404))
    assert (again.action, again.effect, again.target, again.already) == ("revoke_key", Effect.REVOKE, "id_1", True)
    assert (again.detail, again.evidence) == ("", Evidence("api.example.test", 404, None, NOW))


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply("h", 399), None),
        (Reply("h", 400), "400"),
        (Reply("h", 499), "499"),
        (Reply("h", 500), None),
        (Reply("h"), None),
        (Reply("h", 403, code="denied"), "denied"),
        (Reply("h", trouble="not_sent"), "not_sent"),
        (Reply("h", 200, trouble="not_sent"), "200"),
        (Reply("h", 404, trouble="truncated"), None),
    ],
)
def test_a_refusal_names_its_code_and_the_credential_and_the_rest_is_unclear(reply: Reply, outcome: str | None) -> None:
    if outcome is None:
        with pytest.raises(OutcomeUnknown) as unclear:
            settle(reply)
        assert unclear.value.fingerprint == "fp_1"
        assert "no clear answer to revoke_key" in unclear.value.message
    else:
        with pytest.raises(ActionFailed) as refused:
            settle(reply)
        assert refused.value.fingerprint == "fp_1"
        assert refused.value.message == f"h refused revoke_key ({outcome})."
        assert refused.value.safe == "nothing was changed by this call"


def test_a_body_is_read_only_where_the_status_is_a_good_one() -> None:
    def told(reply: Reply) -> str:
        return str(reply.pick("outcome"))

    assert settle(Reply("h", 200, json={"outcome": "already"}), told=told).already
    assert not settle(Reply("h", 200, json={"outcome": "done"}), told=told).already
    assert settle(Reply("h", 404, json={"outcome": "refused"}), told=told).already
    for said, error in (("refused", ActionFailed), ("perhaps", OutcomeUnknown)):
        with pytest.raises(error):
            settle(Reply("h", 200, json={"outcome": said}), told=told)


def test_how_a_secret_rides() -> None:
    value = CRED.secret
    assert ridden(ready.bearer(value)) == ("Authorization", "Bearer {}", None, value.reveal())
    assert ridden(ready.header("X-Key", value)) == ("X-Key", "{}", None, value.reveal())
    assert ridden(ready.header("X-Key", value, "token {}")) == ("X-Key", "token {}", None, value.reveal())
    assert ridden(ready.basic("u", value)) == ("Authorization", "Basic {}", "u", value.reveal())


def who(reply: Reply) -> Identity | None:
    return Identity(account=str(reply.pick("id")))


ANSWERS = (live(has=["id"]), dead(codes=["gone"]))
MORE = {"headers": {"X": "1"}, "params": {"p": "2"}, "host": "h.example.test"}


def test_a_probe_asks_once_with_the_credential_itself() -> None:
    check = ready.probe("/me", iter(ANSWERS), identity=who, auth=lambda one: ready.header("X-Key", one), **MORE)  # type: ignore[arg-type]
    assert check.answers == ANSWERS
    asked, api = reader(Reply("h", 200, json={"id": 7}))
    verdict = run(check(CRED, api))
    assert verdict == Verdict(Validity.LIVE, "authenticated", Evidence("h", 200, None, NOW), Identity(account="7"))
    ((path, more),) = asked.got
    assert ridden(more.pop("auth")) == ("X-Key", "{}", None, CRED.secret.reveal())
    assert (path, more) == ("/me", MORE)


@pytest.mark.parametrize(("code", "dead_"), [(lambda reply: reply.pick("deep"), True), (None, False)])
def test_a_probe_reads_the_code_where_it_is_told_to(code: Callable[[Reply], str | None] | None, dead_: bool) -> None:
    _, api = reader(Reply("h", 401, json={"deep": "gone"}))
    verdict = run(ready.probe("/me", ANSWERS, code=code)(CRED, api))
    assert (verdict.validity is Validity.DEAD) is dead_


def test_a_check_at_the_credential_s_own_host_asks_there() -> None:
    check = ready.at_its_host(
        "/me", iter(ANSWERS), auth=lambda one: ready.basic(one.parts["id"], one.secret), headers={"X": "1"}, identity=who
    )
    assert check.answers == ANSWERS
    asked, api = reader(Reply("h", 200, json={"id": 7}))
    verdict = run(check(CRED, api))
    assert (verdict.validity, verdict.identity) == (Validity.LIVE, Identity(account="7"))
    assert verdict.evidence == Evidence("h", 200, None, NOW)
    ((path, more),) = asked.got
    assert ridden(more.pop("auth"))[2:] == ("id_7", CRED.secret.reveal())
    assert (path, more) == ("/me", {"headers": {"X": "1"}, "host": "own.example.test"})


LIVE, REFUSED, BUSY = Reply("h", 200, json={"id": 7}), Reply("h", 401, json={}, code="gone"), Reply("h", 429, json={})
DOWN = Reply("h", 503, json={})


@pytest.mark.parametrize(
    ("replies", "reason", "asked_hosts"),
    [
        ([REFUSED, LIVE], "authenticated", 2),
        ([LIVE, REFUSED], "authenticated", 1),
        ([BUSY, LIVE], "authenticated", 2),
        ([REFUSED, REFUSED], "refused", 2),
        ([REFUSED, BUSY], "rate_limited", 2),
        ([BUSY, REFUSED], "rate_limited", 2),
        ([BUSY, DOWN], "rate_limited", 2),
        ([DOWN, BUSY], "server_error", 2),
    ],
)
def test_every_region_is_asked_and_dead_is_what_all_refuse(replies: list[Reply], reason: str, asked_hosts: int) -> None:
    hosts = ("eu.example.test", "us.example.test")
    check = ready.everywhere(iter(hosts), "/me", iter(ANSWERS), headers={"X": "1"}, params={"p": "2"}, identity=who)
    assert check.answers == ANSWERS
    asked, api = reader(*replies)
    verdict = run(check(CRED, api))
    assert verdict.reason == reason
    assert verdict.evidence is not None
    assert verdict.evidence.at == NOW
    assert (verdict.identity == Identity(account="7")) is (reason == "authenticated")
    assert [more["host"] for _, more in asked.got] == list(hosts[:asked_hosts])
    assert {path for path, _ in asked.got} == {"/me"}
    for _, more in asked.got:
        assert ridden(more["auth"]) == ("Authorization", "Bearer {}", None, CRED.secret.reveal())
        assert (more["headers"], more["params"]) == ({"X": "1"}, {"p": "2"})


def test_nowhere_to_ask_and_nothing_to_ask_with() -> None:
    _, api = reader()
    assert run(ready.everywhere((), "/me", ANSWERS)(CRED, api)) == Verdict(Validity.UNKNOWN, "no_answer")
    assert run(ready.no_safe_check(CRED, api)) == Verdict(Validity.UNKNOWN, "no_safe_check")


def test_an_identity_is_read_from_its_paths() -> None:
    body = {"a": {"id": 7}, "p": "ops", "s": ["read", 3], "end": "2026-11-25T00:00:00", "last": 0}
    read = ready.identity_from(account="a.id", principal="p", scopes="s", expires_at="end", last_used_at="last")
    assert read(Reply("h", 200, json=body)) == Identity(
        account="7", principal="ops", scopes=("read", "3"), expires_at=NOW, last_used_at=datetime.fromtimestamp(0, UTC)
    )
    assert ready.identity_from()(Reply("h", 200, json={"": "x"})) == Identity()
    assert ready.identity_from()(Reply("h", 200, json={"": ["x"]})) == Identity()
    assert ready.identity_from(scopes="s")(Reply("h", 200, json={"s": "read"})) == Identity()


@pytest.mark.parametrize(
    ("value", "text"), [("x", "x"), (7, "7"), (0, "0"), ("", ""), (True, None), (1.5, None), ([], None), (None, None)]
)
def test_texts(value: object, text: str | None) -> None:
    assert ready.text_at(Reply("h", json={"at": value}), "at") == text
    assert ready.text_at(Reply("h", json={"": value}), "") is None


def test_times_without_a_path_or_a_zone() -> None:
    assert ready.time_at(Reply("h", json={"": 0}), "") is None
    assert ready.time_at(Reply("h", json={"at": "2026-11-25T00:00:00"}), "at") == NOW
    east = ready.time_at(Reply("h", json={"at": "2026-11-25T01:00:00+01:00"}), "at")
    assert east == NOW
    assert east.utcoffset() == timedelta(hours=1)
    assert ready.time_at(Reply("h", json={"at": 1.5}), "at") is None


def test_what_binds_by_itself_and_by_a_part() -> None:
    _, api = reader()
    itself = run(ready.bound_as_itself("it is the request's own")(CRED, api))
    assert isinstance(itself, Bound)
    assert (itself.credential, itself.target, itself.proof, itself.how) == (
        CRED,
        "fp_1",
        Proof.SECRET_IS_CREDENTIAL,
        "it is the request's own",
    )
    part = run(ready.bound_by_part("id", "its own id")(CRED, api))
    assert isinstance(part, Bound)
    assert (part.credential, part.target, part.proof, part.how) == (CRED, "id_7", Proof.EMBEDDED, "its own id")
    assert run(ready.bound_by_part("other", "x")(CRED, api)) == Unbound("no_match", "the finding has no other")


@pytest.mark.parametrize(
    ("validity", "seen"), [(Validity.DEAD, True), (Validity.LIVE, False), (Validity.UNKNOWN, None), (Validity.SKIPPED, None)]
)
def test_a_revocation_is_seen_by_the_credential_s_own_check(validity: Validity, seen: bool | None) -> None:
    _, api = reader()

    async def verify(cred: Credential, asked: Reader) -> Verdict:
        assert (cred, asked) == (CRED, api)
        return Verdict(validity, "r")

    assert run(ready.seen_dead(verify)(BOUND, api)) is seen


@pytest.mark.parametrize(
    ("value", "fine"), [("a" * 200, True), ("a" * 201, False), (7, True), (True, False), ("a..b", False), ("", False)]
)
def test_ids_that_may_go_into_a_path(value: object, fine: bool) -> None:
    if fine:
        assert ready.safe_id(value) == str(value)
    else:
        with pytest.raises(ActionFailed):
            ready.safe_id(value)
    assert ready.safe_id("a..b".replace("..", "/"), r"[a-z/]+") == "a/b"


def test_a_list_that_is_not_read_to_its_end_says_where_and_why() -> None:
    assert listed.ListUnread(Reply("api.example.test", 503)).unbound() == Unbound(
        "refused", "api.example.test did not give the whole list (503)"
    )
    assert "(timeout)" in listed.ListUnread(Reply("h", trouble="timeout")).unbound().detail
    assert str(listed.ListUnread(Reply("h"))) == "a list could not be read to its end"


def read_pages(replies: list[Reply], following: Callable[[Reply], str | None]) -> tuple[list[Any], list[str | None]]:
    cursors: list[str | None] = []

    async def ask(cursor: str | None) -> Reply:
        cursors.append(cursor)
        return replies[len(cursors) - 1]

    async def collect() -> list[Any]:
        return [row async for row in listed.pages(ask, "data", following)]

    return run(collect()), cursors


def page(*rows: Any, more: str | None = None, **changed: Any) -> Reply:
    return Reply("h", **{"status": 200, "json": {"data": list(rows), "next": more}, **changed})


def following(reply: Reply) -> str | None:
    return cast("str | None", reply.pick("next"))


def test_pages_follow_their_cursor_and_skip_what_is_no_row() -> None:
    rows, cursors = read_pages([page({"n": 1}, "x", None, {"n": 2}, more="c1"), page({"n": 3}, more="c2"), page()], following)
    assert rows == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert cursors == [None, "c1", "c2"]


@pytest.mark.parametrize(
    "second", [page(status=201), page(status=500), page(trouble="truncated"), Reply("h", 200, json={"data": {}}), page(more="c1")]
)
def test_one_page_that_is_off_makes_the_list_unread(second: Reply) -> None:
    with pytest.raises(listed.ListUnread) as unread:
        read_pages([page(more="c1"), second], following)
    assert unread.value.reply is second


def test_a_list_without_end_is_given_up() -> None:
    replies = [page({"n": n}, more=f"c{n}") for n in range(listed.MOST_PAGES)]
    with pytest.raises(listed.ListUnread):
        read_pages(replies, following)
    ends = [*replies[:-1], page({"n": 0})]
    assert len(read_pages(ends, following)[0]) == listed.MOST_PAGES


def test_what_hints_prove() -> None:
    fits, other = "made-up...wxyz", "made-up...abcd"
    assert listed.by_hint(CRED, [("one", other)]) == Unbound("no_match", "no listed key begins and ends like this one")
    assert listed.by_hint(CRED, [("one", fits), ("two", other)]) == Unbound(
        "label_only", "the only key that begins and ends like this one: one; a person must confirm it"
    )
    both = listed.by_hint(CRED, [("two", fits), ("one", fits)])
    assert both == Unbound("several_matches", "keys that begin and end like this one: one, two")
    many = listed.by_hint(CRED, [(f"k{n:02}", fits) for n in range(30)])
    assert many.detail.endswith("k18, k19")
    value = CRED.secret.reveal()
    assert listed.hint_fits(f"{value[:-4]}...{value[-4:]}", CRED.secret)
    assert not listed.hint_fits(f"{value[:-4]}...{value[-5:]}", CRED.secret), "the parts may not overlap"
    assert listed.hint_fits("made-up...x...wxyz", CRED.secret)
    assert not listed.hint_fits("made-up...x...", CRED.secret), "without an end"


def test_a_binder_over_hints_asks_with_the_operator_s_own_credential() -> None:
    async def look(api: Reader) -> list[tuple[str, object]]:
        return [("one", "made-up...wxyz")] if api.authority("admin") is OPERATOR else []

    async def unread(api: Reader) -> list[tuple[str, object]]:
        raise listed.ListUnread(Reply("h", 500))

    _, api = reader()
    assert cast("Unbound", run(listed.named_by_hint("admin", look)(CRED, api))).reason == "label_only"
    assert cast("Unbound", run(listed.named_by_hint("admin", unread)(CRED, api))).reason == "refused"
    assert run(listed.named_by_hint("other", look)(CRED, api)) == Unbound("no_authority", "configure `other` for this provider")


def test_what_a_person_must_confirm() -> None:
    assert listed.only_candidate("k") == Unbound("only_candidate", "the only one listed: k; a person must confirm it")
    assert listed.unproven_pair("k") == Unbound(
        "pair_not_proven", "k came beside the secret, and no check uses both; a person must confirm it"
    )


def test_the_authority_rides_as_the_provider_wants_it() -> None:
    _, api = reader()
    assert ridden(listed.as_authority(api, "admin")) == ("Authorization", "Bearer {}", None, OPERATOR.reveal())
    assert ridden(listed.as_authority(api, "admin", lambda one: ready.header("X", one)))[0] == "X"
    with pytest.raises(ActionFailed, match="No authority `other`"):
        listed.as_authority(api, "other")


@pytest.mark.parametrize(
    ("body", "cursor"),
    [
        ({"has_more": True, "last_id": "x"}, "x"),
        ({"has_more": False, "last_id": "x"}, None),
        ({"has_more": 1, "last_id": "x"}, None),
        ({"has_more": True, "last_id": 7}, None),
        ({"last_id": "x"}, None),
    ],
)
def test_the_next_cursor(body: dict[str, Any], cursor: str | None) -> None:
    assert listed.last_id(Reply("h", 200, json=body)) == cursor


@pytest.mark.parametrize(
    ("there", "gone"), [(None, None), ([], True), (["id_1"], False), (["id_2"], True), (["id_2", "id_1"], False)]
)
def test_a_delete_is_seen_by_its_absence_and_its_undo_by_the_opposite(there: list[str] | None, gone: bool | None) -> None:
    _, api = reader()

    async def lister(bound: Bound, asked: Reader) -> Any:
        assert (bound, asked) == (BOUND, api)
        return None if there is None else [Bound(CRED, one, Proof.EMBEDDED, "") for one in there]

    observe = listed.absent(cast("Any", lister))
    assert run(observe(BOUND, api)) is gone
    assert run(listed.opposite(observe)(BOUND, api)) is (None if gone is None else not gone)


def test_an_authority_s_rights_are_read_one_by_one() -> None:
    replies = [Reply("h", status) for status in (200, 401, 403, 404)]
    replies += [Reply("h"), Reply("h", 200, trouble="html")]
    asked, api = reader(*replies)
    rights = {name: f"/{name}" for name in "abcdef"}
    check = listed.can_read("admin", rights, auth=lambda one: ready.header("X", one), headers={"Y": "1"}, host="h.example.test")
    assert run(check(api)) == {"a": True, "b": False, "c": False, "d": None, "e": None, "f": None}
    assert [path for path, _ in asked.got] == list(rights.values())
    for _, more in asked.got:
        assert ridden(more["auth"]) == ("X", "{}", None, OPERATOR.reveal())
        assert (more["headers"], more["host"]) == ({"Y": "1"}, "h.example.test")


NEXT = "revoker resume tries again; workers do so by themselves"


@pytest.mark.parametrize(
    ("reply", "for_now"),
    [
        *[(Reply("h", trouble="not_sent", code=code), True) for code in ("connect", "timeout", "disconnected", "rate_limited")],
        (Reply("h", trouble="not_sent", code="tls"), False),
        (Reply("h", trouble="not_sent", code="Throttling"), False),
        (Reply("h", 429), True),
        (Reply("h", 430), False),
        (Reply("h", 403), False),
        (Reply("h", 403, retry_after=timedelta(seconds=3)), True),
        *[
            (Reply("h", 400, code=code), True)
            for code in ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException")
        ],
        (Reply("h", 400, code="AccessDenied"), False),
        (Reply("h", 400, code="connect"), False),
    ],
)
def test_a_change_that_was_refused_for_the_moment_is_postponed_and_no_failure(reply: Reply, for_now: bool) -> None:
    assert ready.is_for_now(reply) is for_now
    with pytest.raises(ActionFailed) as caught:
        settle(reply)
    assert type(caught.value) is (Postponed if for_now else ActionFailed)
    assert (caught.value.next, caught.value.safe) == (NEXT if for_now else "", "nothing was changed by this call")


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (BOUND, Owned("our own authority: for this test")),
        (replace(BOUND, account="acme"), Owned("our own authority: for this test", "acme")),
        (Unbound("no_match"), None),
    ],
)
def test_what_a_binder_finds_is_ours(found: Bound | Unbound, wanted: Owned | None) -> None:
    _, api = reader()

    async def bind(cred: Credential, asked: Reader) -> Bound | Unbound:
        assert (cred, asked) == (CRED, api)
        return found

    assert run(listed.shown_by(bind)(CRED, api)) == wanted
