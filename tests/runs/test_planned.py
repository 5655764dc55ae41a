"""Planned steps as plain data, without a store: what acts on which target, how many must say yes, what a person does instead."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from revoker import catalog
from revoker.config import ConsumerSettings, DestinationSettings, LimitSettings, Settings
from revoker.model import Bound, Credential, Effect, Proof, Secret, Unbound
from revoker.playbook import Playbook, Step
from revoker.runs.facts import Facts
from revoker.runs.placing import Placement
from revoker.runs.planned import approvals_for, bound_document, is_change, planned_steps, same_target, takes_last
from revoker.sdk import Action, Manual, Residual
from revoker.sdk.shapes import LastUsed

DOCS = "https://docs.example.test"
MANUAL = Manual("https://console.example.test", ("Open it.", "Delete it."), "security@example.test", "it is refused")
RESIDUAL = (Residual("sessions", timedelta(hours=1)), Residual("webhooks", None))
PROVIDER = catalog.providers()["groq"]
CRED = Credential("groq_api_key", "fp_1", Secret("made-up"))
TARGET = Bound(CRED, "id_1", Proof.UNIQUE_HASH, "by its hash", "ours", {"user": "ci"})
PLACE = DestinationSettings("groq_api_key", "secret/groq", {"secret": "KEY"}, consumers=("billing", "cron", "bob"))
HELD = {"path": "secret/groq", "fields": {"secret": "KEY"}, "found": True, "engine": 1}
SETTINGS = Settings(
    approvals={"suspend": 0, "issue": 0, "revoke": 1, "delete": 3, "last_active": 2},
    consumers=(
        ConsumerSettings("billing", kubernetes="https://k8s.example.test", deployment="billing", token="env:K8S"),
        ConsumerSettings("cron", webhook="https://cron.example.test", secret="env:CRON"),
    ),
)
WAITED = replace(SETTINGS, limits=LimitSettings(soak=timedelta(seconds=7)))


def action(effect: Effect, id: str = "act", **more: Any) -> Action:
    never = cast("Any", None)
    return Action(id, effect, never, never, "a right", DOCS, **more)


def facts(*actions: Action, targets: dict[str, Bound | Unbound] | None = None, place: bool = False, **kind: Any) -> Facts:
    made = replace(catalog.kinds()["groq_api_key"], actions=actions, manual=MANUAL, **{"residual": (), **kind})
    bound = {one.id: TARGET for one in actions} if targets is None else targets
    placed = Placement(PLACE, found=True, engine=1) if place else Placement(why="no place is named")
    return Facts(cast("Any", None), PROVIDER, made, CRED, placed=placed, bindings=bound)


def steps(known: Facts, *wanted: Step, settings: Settings = SETTINGS, mode: str = "") -> tuple[list[dict[str, Any]], list[str]]:
    return planned_steps(Playbook("p", "P", (), (), wanted, mode=mode), known, settings)


def one(known: Facts, step: Step, **more: Any) -> dict[str, Any]:
    ((planned,), left_out) = steps(known, step, **more)
    assert left_out == []
    return planned


def named(step: Step) -> dict[str, Any]:
    return {"id": step.id, "do": step.do, "note": step.note}


REVOKE, SUSPEND, ISSUE = (Step(f"s-{do}", do, note=f"note of {do}") for do in ("revoke", "suspend", "issue"))


def test_a_change_says_everything_that_is_approved() -> None:
    step = one(facts(action(Effect.SUSPEND, undo="resume", by="self"), residual=RESIDUAL, irreversible_loss="its logs"), SUSPEND)
    assert step == {
        **named(SUSPEND),
        "effect": "suspend",
        "action": "act",
        "who": "revoker",
        "by": "self",
        "needs": "a right",
        "target": "id_1",
        "proof": "unique_hash",
        "how": "by its hash",
        "account": "ours",
        "extra": {"user": "ci"},
        "undo": "resume",
        "replaces": False,
        "approvals": 0,
        "last_active": "",
        "loses": "",
        "outlives": [],
    }
    assert is_change(step)


def test_a_revoke_says_what_it_takes_and_what_outlives_it() -> None:
    step = one(facts(action(Effect.REVOKE), residual=RESIDUAL, irreversible_loss="its logs"), REVOKE)
    assert (step["loses"], step["approvals"]) == ("its logs", 3)
    assert step["outlives"] == ["sessions, at the most 1:00:00", "webhooks, until it is ended by hand"]
    wide = one(facts(action(Effect.REVOKE, wide="the whole user")), replace(REVOKE, action="act"))
    assert (wide["loses"], wide["approvals"]) == ("the whole user", 3)


@pytest.mark.parametrize(
    ("effect", "more", "loss", "last", "count"),
    [
        (Effect.SUSPEND, {}, "", False, 0),
        (Effect.REVOKE, {}, "", False, 1),
        (Effect.REVOKE, {}, "its logs", False, 3),
        (Effect.REVOKE, {"undo": "resume"}, "its logs", False, 1),
        (Effect.SUSPEND, {}, "its logs", False, 0),
        (Effect.ISSUE, {"replaces": True}, "", False, 1),
        (Effect.ISSUE, {}, "", False, 0),
        (Effect.SUSPEND, {"wide": "the user"}, "", False, 3),
        (Effect.SUSPEND, {}, "", True, 2),
        (Effect.REVOKE, {}, "its logs", True, 3),
    ],
)
def test_how_many_must_say_yes(effect: Effect, more: dict[str, Any], loss: str, last: bool, count: int) -> None:
    kind = replace(catalog.kinds()["groq_api_key"], irreversible_loss=loss)
    assert approvals_for(action(effect, **more), kind, SETTINGS, last=last) == count
    if not last:
        assert approvals_for(action(effect, **more), kind, SETTINGS) == count


def test_what_the_policy_does_not_name_needs_one_and_a_deletion_none_more() -> None:
    kind, bare = catalog.kinds()["groq_api_key"], replace(SETTINGS, approvals={"last_active": 0})
    assert approvals_for(action(Effect.SUSPEND), kind, bare) == 1
    two = replace(bare, approvals={"last_active": 0, "issue": 0, "revoke": 2})
    assert approvals_for(action(Effect.ISSUE, replaces=True), kind, two) == 2
    none = replace(bare, approvals={"last_active": 0, "issue": 0, "suspend": 0})
    assert approvals_for(action(Effect.ISSUE, replaces=True), kind, none) == 1
    assert approvals_for(action(Effect.SUSPEND, wide="the user"), kind, none) == 0


@pytest.mark.parametrize(
    ("effect", "marked", "last"),
    [
        (Effect.SUSPEND, "yes", True),
        (Effect.REVOKE, "yes", True),
        (Effect.RESTORE, "yes", False),
        (Effect.ISSUE, "yes", False),
        (Effect.SUSPEND, "no", False),
        (Effect.SUSPEND, None, False),
    ],
)
def test_what_takes_the_last_active_one(effect: Effect, marked: str | None, last: bool) -> None:
    target = replace(TARGET, extra={"last_active": marked} if marked else {})
    assert takes_last(action(effect), target) is last


def test_the_last_active_one_is_named_unless_a_new_one_comes_before() -> None:
    last = replace(TARGET, extra={"last_active": "yes", "user": "ci"})
    known = facts(action(Effect.ISSUE, "new"), action(Effect.SUSPEND), targets={"new": TARGET, "act": last}, place=True)
    alone = one(known, SUSPEND)
    assert (alone["last_active"], alone["approvals"]) == ("the last active credential of ci", 2)
    after_a_new_one = steps(known, ISSUE, SUSPEND)[0][1]
    assert (after_a_new_one["last_active"], after_a_new_one["approvals"]) == ("", 0)
    after_a_check = steps(known, Step("v", "verify", expect="live"), SUSPEND)[0][1]
    assert after_a_check["approvals"] == 2
    nameless = facts(action(Effect.SUSPEND), targets={"act": replace(TARGET, extra={"last_active": "yes"})})
    assert one(nameless, SUSPEND)["last_active"] == "the last active credential of its principal"


def test_a_target_is_the_approved_one_by_id_and_account() -> None:
    step = bound_document(TARGET)
    assert same_target(step, replace(TARGET, proof=Proof.SELF_ENDPOINT, how="otherwise"))
    assert not same_target(step, replace(TARGET, target="id_2"))
    assert not same_target(step, replace(TARGET, account="theirs"))
    assert not same_target(step, replace(TARGET, account=None))


def test_a_new_one_needs_its_place_and_names_it() -> None:
    new = action(Effect.ISSUE)
    assert one(facts(new, place=True), ISSUE)["destination"] == HELD
    assert "destination" not in one(facts(action(Effect.SUSPEND), place=True), SUSPEND)
    by_hand = one(facts(new), ISSUE)
    assert (by_hand["who"], by_hand["why"]) == ("a person", "no place is named")
    assert not is_change(by_hand)


def test_what_cannot_be_bound_is_left_out_or_done_by_a_person() -> None:
    unbound: dict[str, Bound | Unbound] = {"act": Unbound("no_match", "none listed")}
    known = facts(action(Effect.REVOKE), targets=unbound)
    by_hand = {
        **named(REVOKE),
        "do": "guide",
        "who": "a person",
        "instead_of": "revoke",
        "why": "act: no_match (none listed)",
        "of": "old",
        "manual": {
            "url": "https://console.example.test",
            "steps": ["Open it.", "Delete it."],
            "notify": "security@example.test",
            "proves": "it is refused",
        },
    }
    assert one(known, REVOKE) == by_hand
    held = facts(action(Effect.REVOKE), targets=unbound, place=True)
    assert one(held, REVOKE) == {**by_hand, "destination": HELD}
    after, left_out = steps(known, replace(REVOKE, unless="unbound"), Step("n", "notify"))
    assert [step["do"] for step in after] == ["notify"]
    assert left_out == ["s-revoke: act: no_match (none listed)"]
    assert steps(known, replace(REVOKE, unless="unbound", action="other"))[1] == ["s-revoke: groq_api_key has no revoke action"]
    assert one(known, replace(REVOKE, action="other"))["why"] == "groq_api_key has no revoke action"
    two = facts(action(Effect.REVOKE), action(Effect.REVOKE, "second"))
    assert one(two, replace(REVOKE, action="second"))["action"] == "second"
    issue = facts(action(Effect.ISSUE), targets=unbound, place=True)
    assert one(issue, ISSUE)["why"] == "act: no_match (none listed)"


NAMES = ["billing", "cron", "bob"]
HOW = [{"name": "billing", "how": "kubernetes"}, {"name": "cron", "how": "webhook"}, {"name": "bob", "how": "person"}]
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("step", "place", "rest"),
    [
        (Step("g", "guide", of="old"), True, {"who": "a person", "of": "old"}),
        (Step("g", "guide", of="new"), True, {"who": "a person", "of": "new", "destination": HELD}),
        (Step("v", "verify", expect="dead"), True, {"expect": "dead", "of": "old"}),
        (Step("v", "verify", expect="live", of="new"), True, {"expect": "live", "of": "new", "destination": HELD}),
        (Step("w", "wait", lasts=MINUTE), False, {"seconds": 60}),
        (Step("h", "hand_over", lasts=MINUTE), True, {"who": "a person", "seconds": 60, "destination": HELD}),
        (Step("h", "hand_over", lasts=MINUTE), False, {"who": "a person", "seconds": 60, "destination": None}),
        (Step("s", "signal"), True, {"consumers": HOW, "mode": "routine", "whom": "security@example.test"}),
        (Step("s", "signal"), False, {"consumers": [], "mode": "routine", "whom": "security@example.test"}),
        (
            Step("m", "moved", lasts=MINUTE),
            True,
            {"seconds": 60, "mode": "routine", "consumers": NAMES, "told": "only a person can say"},
        ),
        (
            Step("m", "moved", lasts=MINUTE),
            False,
            {"seconds": 60, "mode": "routine", "consumers": [], "told": "only a person can say"},
        ),
        (Step("n", "notify", to="owner"), True, {"to": "owner", "consumers": NAMES, "whom": "security@example.test"}),
        (Step("n", "notify", to="team"), False, {"to": "team", "consumers": [], "whom": "security@example.test"}),
        (Step("d", "destroy_old_versions"), True, {"destination": HELD}),
    ],
)
def test_each_word_of_a_playbook_says_what_it_needs(step: Step, place: bool, rest: dict[str, Any]) -> None:
    planned = one(facts(place=place), step, mode="routine")
    assert planned.pop("manual", {}).get("url", MANUAL.url) == MANUAL.url
    assert planned == {**named(step), **rest}
    assert ("manual" in one(facts(place=place), step)) is (step.do == "guide")
    assert not is_change(planned)


def test_who_tells_the_last_use_and_how_long_an_operator_waits() -> None:
    known = facts(last_used=cast("LastUsed", lambda bound, api: None), place=True)
    moved = Step("m", "moved", lasts=MINUTE)
    assert one(known, moved)["told"] == "the provider tells the last use"
    assert one(known, moved, settings=WAITED)["seconds"] == 7
    assert one(known, Step("w", "wait", lasts=MINUTE), settings=WAITED)["seconds"] == 7
    assert one(known, Step("h", "hand_over", lasts=MINUTE), settings=WAITED)["seconds"] == 60
