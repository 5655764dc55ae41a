"""Which actions may act, and on what: each refusal of a binding has its reason, and the first bound action is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from revoker.config import LimitSettings, OwnershipSettings, Settings
from revoker.errors import ActionFailed
from revoker.model import Bound, Credential, Effect, Identity, Issued, Proof, Secret, Unbound
from revoker.runs.facts import LATELY, Facts, bind_all, used_lately
from revoker.sdk import Action, Kind, Reader
from revoker.store.credentials import CredentialRow
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, always, reply_of

PROVIDER, GROQ = OWNERS["groq_api_key"]
CRED = Credential("groq_api_key", "fp_1", Secret("the-secret-with-id7-inside"), {"key_id": "id9", "name": "id7"})
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Binder:
    """Gives what it is told, and counts how often it is asked."""

    def __init__(self, target: str = "id1", proof: Proof = Proof.UNIQUE_HASH, account: str | None = None) -> None:
        self.found: Bound | Unbound | Exception = Bound(CRED, target, proof, "how", account)
        self.asked = 0

    async def __call__(self, cred: Credential, api: Reader) -> Bound | Unbound:
        self.asked += 1
        assert cred is CRED
        assert api.authority("none") is None
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


async def never(*_: Any) -> Any:
    raise AssertionError


def action(id: str, effect: Effect, bind: Any, **more: Any) -> Action:
    return replace(Action(id, effect, never, bind, "a right", "https://docs.acme.test", authority="admin"), **more)


def kind(*actions: Action, **more: Any) -> Kind:
    return replace(GROQ, actions=actions, **more)


def bound(
    what: Kind, *, accepted: bool = False, settings: Settings | None = None, admin: str = "x", **more: Any
) -> dict[str, Bound | Unbound]:
    api = FakeReader(PROVIDER, always(reply_of({"status": 404, "body": {}})), authority={"admin": admin} if admin else {})
    known = settings or Settings()
    return asyncio.run(bind_all(what, CRED, cast("Reader", api), known, provider="groq", accepted=accepted, **more))


def reasons(found: Mapping[str, Bound | Unbound]) -> dict[str, str]:
    return {id: one.reason if isinstance(one, Unbound) else f"bound {one.target}" for id, one in found.items()}


def test_a_binder_that_actions_share_is_asked_once_and_only_for_what_is_wanted() -> None:
    first, second = Binder("a"), Binder("b")
    made = kind(
        action("suspend", Effect.SUSPEND, first), action("revoke", Effect.REVOKE, first), action("issue", Effect.ISSUE, second)
    )
    assert reasons(bound(made)) == {"suspend": "bound a", "revoke": "bound a", "issue": "bound b"}
    assert (first.asked, second.asked) == (1, 1)
    assert reasons(bound(made, only=["revoke"])) == {"revoke": "bound a"}
    assert (first.asked, second.asked) == (2, 1)


def test_what_is_not_offered_is_not_asked() -> None:
    binder = Binder()
    made = kind(
        action("trial", Effect.REVOKE, binder, experimental=True),
        action("swap", Effect.ISSUE, binder, replaces=True),
        action("chosen", Effect.ISSUE, binder, replaces=True, choose=lambda _bound: Issued("t", Secret("v"))),
        action("itself", Effect.REVOKE, binder, by="self"),
        action("plain", Effect.REVOKE, binder, by="authority", authority=""),
        action("other", Effect.REVOKE, binder, authority="another"),
    )
    found = bound(made)
    assert reasons(found) == {
        "trial": "experimental",
        "swap": "replaces",
        "chosen": "bound id1",
        "itself": "bound id1",
        "plain": "bound id1",
        "other": "no_authority",
    }
    other = found["other"]
    assert isinstance(other, Unbound)
    assert "`another`" in other.detail
    trial, swap = found["trial"], found["swap"]
    assert isinstance(trial, Unbound)
    assert trial.detail == "it rests on a claim that we could not confirm; [limits] experimental allows it"
    assert isinstance(swap, Unbound)
    assert swap.detail == "the provider would make the new value and end the old one in the same moment"
    allowed = Settings(limits=LimitSettings(experimental=True))
    assert reasons(bound(made, settings=allowed))["trial"] == "bound id1"
    without = reasons(bound(made, admin=""))
    assert (without["chosen"], without["itself"], without["plain"]) == ("no_authority", "bound id1", "bound id1")


def test_an_authority_that_leaked_does_not_act_and_what_acts_for_itself_may() -> None:
    binder = Binder()
    made = kind(action("revoke", Effect.REVOKE, binder), action("itself", Effect.REVOKE, binder, by="self"))
    found = bound(made, leaked={"b": "fp_b", "a": "fp_a"})
    assert reasons(found) == {"revoke": "authority_leaked", "itself": "bound id1"}
    revoke = found["revoke"]
    assert isinstance(revoke, Unbound)
    assert "`a`" in revoke.detail
    assert "(fp_a)" in revoke.detail


def test_a_binder_that_fails_refuses_in_its_own_words() -> None:
    binder = Binder()
    binder.found = ActionFailed("The list was not shown.")
    assert bound(kind(action("revoke", Effect.REVOKE, binder)))["revoke"] == Unbound("refused", "The list was not shown.")


@pytest.mark.parametrize(
    ("target", "proof", "proves_pair", "accepted", "wanted"),
    [
        ("id9", Proof.EMBEDDED, True, True, "bound id9"),
        ("id9", Proof.EMBEDDED, True, False, "pair_not_proven"),
        ("id9", Proof.EMBEDDED, False, True, "pair_not_proven"),
        ("id7", Proof.EMBEDDED, False, False, "bound id7"),  # it stands in the secret itself
        ("id8", Proof.EMBEDDED, False, False, "bound id8"),  # it did not come beside it
        ("id9", Proof.UNIQUE_HASH, False, False, "bound id9"),
        ("id9", Proof.SELF_ENDPOINT, False, False, "bound id9"),
    ],
)
@pytest.mark.row("W-2")
def test_an_id_beside_the_secret_is_the_target_only_when_both_were_accepted_together(
    target: str, proof: Proof, proves_pair: bool, accepted: bool, wanted: str
) -> None:
    made = kind(action("revoke", Effect.REVOKE, Binder(target, proof)), proves_pair=proves_pair)
    found = bound(made, accepted=accepted)
    assert reasons(found) == {"revoke": wanted}
    revoke = found["revoke"]
    assert isinstance(revoke, Bound) or target in revoke.detail


@pytest.mark.parametrize(
    ("account", "declared", "wanted"),
    [
        ("ours", ("ours",), "bound id1"),
        ("theirs", ("ours",), "foreign_account"),
        (None, ("ours",), "bound id1"),
        ("theirs", (), "bound id1"),
    ],
)
@pytest.mark.row("W-3")
def test_no_target_in_an_account_that_is_not_declared(account: str | None, declared: tuple[str, ...], wanted: str) -> None:
    settings = Settings(ownership=OwnershipSettings(accounts={"groq": declared}))
    found = bound(kind(action("revoke", Effect.REVOKE, Binder(account=account))), settings=settings)
    assert reasons(found) == {"revoke": wanted}
    revoke = found["revoke"]
    assert isinstance(revoke, Bound) or "theirs" in revoke.detail


def facts(*actions: Action, **bindings: Bound | Unbound) -> Facts:
    row = cast("CredentialRow", None)
    return Facts(row, PROVIDER, kind(*actions), bindings=bindings)


TARGET, NONE = Bound(CRED, "id1", Proof.UNIQUE_HASH, "how"), Unbound("no_match", "nobody")
FREEZE = action("freeze", Effect.SUSPEND, never)
FIRST, SECOND = action("first", Effect.REVOKE, never), action("second", Effect.REVOKE, never)
WIDE = action("all", Effect.REVOKE, never, wide="every key of the user")


def test_the_first_bound_action_of_an_effect_is_taken_and_a_wide_one_only_by_name() -> None:
    known = facts(FREEZE, WIDE, FIRST, SECOND, freeze=TARGET, all=TARGET, first=NONE, second=TARGET)
    assert known.bound_action(Effect.REVOKE) == (SECOND, TARGET)
    assert known.bound_action(Effect.SUSPEND) == (FREEZE, TARGET)
    assert known.bound_action(Effect.REVOKE, "all") == (WIDE, TARGET)
    assert known.bound_action(Effect.REVOKE, "first") is None
    assert known.bound_action(Effect.SUSPEND, "second") is None
    assert known.bound_action(Effect.ISSUE) is None
    assert facts(FIRST).bound_action(Effect.REVOKE) is None


def test_why_nothing_is_bound() -> None:
    known = facts(FREEZE, WIDE, FIRST, SECOND, freeze=NONE, all=Unbound("wide"), first=TARGET, second=NONE)
    assert known.why_unbound(Effect.SUSPEND) == "freeze: no_match (nobody)"
    assert known.why_unbound(Effect.REVOKE) == "second: no_match (nobody)"
    assert known.why_unbound(Effect.REVOKE, "all") == "all: wide"
    assert known.why_unbound(Effect.ISSUE) == "groq_api_key has no issue action"
    assert facts(FIRST).why_unbound(Effect.REVOKE) == "groq_api_key has no revoke action"


@pytest.mark.parametrize(
    ("last", "used"), [(None, True), (NOW, True), (NOW - LATELY + timedelta(seconds=1), True), (NOW - LATELY, False)]
)
def test_unknown_use_counts_as_use(last: datetime | None, used: bool) -> None:
    class Row:
        identity: Identity | None = Identity(last_used_at=last)

    assert used_lately(cast("CredentialRow", Row()), NOW) is used
    Row.identity = None
    assert used_lately(cast("CredentialRow", Row()), NOW)
    assert timedelta(days=30) == LATELY
