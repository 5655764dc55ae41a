"""Every change that a provider offers: what is sent, and what counts as done."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from typing import Any

import pytest

from revoker.errors import ActionFailed, OutcomeUnknown, RevokerError
from revoker.model import Bound, Effect, Proof, Receipt
from revoker.sdk import Action, Kind, Provider
from tests.providers.catalogue import ACTIONS, CHANGES, OWNERS, Change
from tests.providers.fake_api import FakeWriter, Script, always, in_turn, reply_of, run
from tests.providers.samples import credential_of

ALL_ACTIONS = [pytest.param(p, kind, action, id=f"{kind.id}-{action.id}") for p, kind, action in ACTIONS]
ALL_CHANGES = [pytest.param(change, id=f"{change.kind}-{change.action}-{change.name}") for change in CHANGES]
TARGETS = {"google": "projects/42/locations/global/keys/key-1"}
UNCLEAR: dict[str, dict[str, Any]] = {
    "server error": {"status": 500, "body": {"error": {"message": "sorry"}}},
    "gateway": {"status": 502, "body": "<html>bad gateway</html>", "trouble": "html"},
    "login page": {"status": 200, "body": "<html>sign in</html>", "trouble": "html"},
    "redirect": {"status": 302, "trouble": "redirect"},
    "timeout": {"trouble": "timeout"},
    "truncated": {"status": 200, "body": '{"ok": tr', "trouble": "truncated"},
}


def writer(provider: Provider, script: Script) -> FakeWriter:
    words = dict.fromkeys(provider.authority, "made-up") | {"organization": "acme"}
    return FakeWriter(provider, script, authority=words, settings=words)


def bound(provider: Provider, kind: Kind, target: str = "", extra: dict[str, str] | None = None) -> Bound:
    target = target or TARGETS.get(provider.id, "id_1")
    return Bound(credential_of(kind), target, Proof.SELF_ENDPOINT, "for this test", "acme", extra or {"project": "proj_1"})


def outcome(action: Action, to: Bound, api: FakeWriter) -> tuple[str, Receipt | None]:
    api.chosen = action.choose(to) if action.choose else None
    try:
        made = run(action.run(to, api))
    except ActionFailed:
        return "refused", None
    except OutcomeUnknown:
        return "unclear", None
    return "already" if made.already else "done", made


@pytest.mark.parametrize("change", ALL_CHANGES)
def test_a_written_down_answer_to_a_change(change: Change) -> None:
    provider, kind = OWNERS[change.kind]
    action = next(action for action in kind.actions if action.id == change.action)
    to = bound(provider, kind, change.target, change.extra)
    api = writer(provider, in_turn([reply_of(_answered(call, to)) for call in change.calls]))
    how, made = outcome(action, to, api)
    assert how == change.outcome
    for sent, call in zip(api.sent, change.calls, strict=True):
        request = call["request"]
        path = request["path"].replace("{secret}", to.credential.secret.reveal())
        assert sent.method == request["method"]
        assert fnmatch.fnmatchcase(sent.path, path), sent.path
        assert sent.host == request.get("host", sent.host)
        assert sent.json == _filled(request.get("json", sent.json), to, api)
        assert {**sent.params} == request.get("params", {**sent.params})
    if made is not None:
        assert (made.action, made.effect) == (action.id, action.effect)
        assert action.choose or (made.issued.secret.reveal() if made.issued else "") == change.issued
        assert to.credential.secret.reveal() not in repr(made)
        assert not change.issued or change.issued not in repr(made)


def _answered(call: dict[str, Any], to: Bound) -> dict[str, Any]:
    """A written-down answer, with what MySQL stores of the made-up password in its place."""
    word = to.credential.secret.reveal().partition("://")[2].partition(":")[2].rpartition("@")[0]
    stored = "*" + hashlib.sha1(hashlib.sha1(word.encode()).digest()).hexdigest().upper()  # noqa: S324
    return {**call, "body": json.loads(json.dumps(call["body"]).replace("{mysql_hash}", stored))} if "body" in call else call


def _filled(wanted: Any, to: Bound, api: FakeWriter) -> Any:
    """The expected body with the made-up secret and our mark in their places."""
    if isinstance(wanted, dict):
        return {key: _filled(value, to, api) for key, value in wanted.items()}
    if isinstance(wanted, list):
        return [_filled(value, to, api) for value in wanted]
    return (
        {"{secret}": to.credential.secret.reveal(), "{mark}": api.mark}.get(wanted, wanted) if isinstance(wanted, str) else wanted
    )


@pytest.mark.parametrize("said", UNCLEAR)
@pytest.mark.parametrize(("provider", "kind", "action"), ALL_ACTIONS)
def test_an_unclear_answer_is_no_receipt(provider: Provider, kind: Kind, action: Action, said: str) -> None:
    to = bound(provider, kind)
    api = writer(provider, always(reply_of(UNCLEAR[said])))
    api.chosen = action.choose(to) if action.choose else None
    with pytest.raises(RevokerError) as raised:
        run(action.run(to, api))
    assert isinstance(raised.value, ActionFailed | OutcomeUnknown)
    assert to.credential.secret.reveal() not in raised.value.diagnostics()


@pytest.mark.parametrize(("provider", "kind", "action"), ALL_ACTIONS)
def test_a_refusal_changes_nothing_and_says_so(provider: Provider, kind: Kind, action: Action) -> None:
    to = bound(provider, kind)
    refusal = reply_of({"status": 403, "body": {"error": {"code": "forbidden", "message": "no"}}})
    api = writer(provider, always(refusal))
    api.chosen = action.choose(to) if action.choose else None
    with pytest.raises(ActionFailed) as raised:
        run(action.run(to, api))
    assert to.credential.secret.reveal() not in raised.value.diagnostics()


@pytest.mark.parametrize(("provider", "kind", "action"), ALL_ACTIONS)
def test_no_change_is_sent_where_the_authority_is_missing(provider: Provider, kind: Kind, action: Action) -> None:
    if action.by == "self":
        return
    api = FakeWriter(provider, always(reply_of({"status": 403, "body": {"error": {"code": "forbidden"}}})))
    with pytest.raises(RevokerError):
        run(action.run(bound(provider, kind), api))


@pytest.mark.parametrize(("provider", "kind", "action"), ALL_ACTIONS)
def test_the_done_answer_of_every_change_is_written_down(provider: Provider, kind: Kind, action: Action) -> None:
    written = {change.outcome for change in CHANGES if (change.kind, change.action) == (kind.id, action.id)}
    assert "done" in written, f"add a [[change]] of {kind.id} {action.id} with outcome = 'done' to replies/{provider.id}.toml"
    assert action.effect is not Effect.ISSUE or any(c.issued or action.choose for c in CHANGES if c.action == action.id)
