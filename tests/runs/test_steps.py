"""Steps on a provider with state and a real OpenBao: the good way, and each thing that can go wrong on it."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from revoker import audit
from revoker.cli.app import run as cli
from revoker.lab.servers import OpenBao, bao_call
from revoker.model import Status
from revoker.playbook import parse
from revoker.runs import people, steps, work
from revoker.runs.apply import apply
from revoker.runs.engine import launch
from revoker.runs.plan import make_plan
from revoker.store import canaries, events, homes, orphans, runs, switches
from revoker.store import credentials as rows_of
from revoker.store.credentials import Selection
from tests.runs.conftest import Build, Site, utc_now

pytestmark = pytest.mark.slow

ROTATE = parse(
    "rotate",
    {
        "title": "Rotate",
        "effects": ["issue", "suspend", "revoke"],
        "step": [
            {"id": "replace", "do": "issue", "into": "destination"},
            {"id": "works", "do": "verify", "of": "new", "expect": "live"},
            {"id": "freeze", "do": "suspend"},
            {"id": "remove", "do": "revoke"},
            {"do": "prove"},
            {"id": "old-versions", "do": "destroy_old_versions"},
        ],
    },
)


def vault_config(bao: OpenBao, path: str = "secret/fakery") -> str:
    return f"""
[vault]
addr = "{bao.url}"
token = "env:FAKERY_VAULT"
[[destination]]
kind = "fakery_key"
path = "{path}"
fields = {{ key_id = "ID", secret = "KEY" }}
"""


@pytest.fixture
def vaulted(build: Build, bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose Vault holds the leaked key, beside another field."""
    monkeypatch.setenv("FAKERY_VAULT", bao.token)
    return build(vault_config(bao))


def leak(site: Site, bao: OpenBao | None = None, path: str = "fakery") -> tuple[Any, str]:
    key = site.fakery.add()
    if bao is not None:
        assert bao_call(bao, "POST", f"secret/data/{path}", {"data": {"ID": key.id, "KEY": key.value, "OTHER": "kept"}})[0] == 200
    return key, site.add(key.value)


def start(site: Site, book: Any = ROTATE) -> str:
    plan = make_plan(
        site.store, site.settings, Selection(), playbook=book.id, requester="dave", now=utc_now(), books={book.id: book}
    )
    if plan.approvals:
        site.approved(plan.digest, *("alice", "bob", "carol")[: plan.approvals])
    return apply(site.store, site.settings, plan.digest, utc_now())[0]


def go(site: Site, run_id: str, *, later: timedelta = timedelta(), **more: Any) -> Any:
    """Advance until the run does not go on by itself; `later` moves the clock."""
    work = steps.Work(site.store, site.settings, lambda: utc_now() + later, "test", settle=timedelta(), **more)
    if runs.get_run(site.store, run_id).state != "ready":
        runs.set_run(site.store, run_id, "running", "", "", utc_now())
    for _ in range(200):
        done = steps.advance(work, run_id)
        if done.sleep is None:
            break
        if done.sleep:
            time.sleep(min(done.sleep, 0.3))
    return runs.get_run(site.store, run_id)


def vault_value(bao: OpenBao, path: str = "fakery", version: int = 0) -> Any:
    status, body = bao_call(bao, "GET", f"secret/data/{path}" + (f"?version={version}" if version else ""))
    return body["data"] if status == 200 else None


def sound(site: Site) -> None:
    """What must hold after any ending."""
    assert audit.check(site.store).ok
    revoked = [change for change in site.fakery.changes if change.startswith("revoke")]
    assert len(revoked) == len(set(revoked))


def test_a_rotation(vaulted: Site, bao: OpenBao) -> None:
    key, fingerprint = leak(vaulted, bao)
    row = go(vaulted, start(vaulted))
    assert (row.state, row.message) == ("done", "all steps are done")
    assert vaulted.fakery.changes == ["issue key-2", "suspend key-1", "revoke key-1"]
    new = vault_value(bao)
    assert new["data"] == {"ID": "key-2", "KEY": vaulted.fakery.keys["key-2"].value, "OTHER": "kept"}
    custom = new["metadata"]["custom_metadata"]
    assert custom["revoker_run"] == row.id
    assert custom["revoker_incident"].startswith("INC-")
    assert vault_value(bao, version=1) is None
    assert bao_call(bao, "GET", "secret/metadata/fakery")[1]["data"]["versions"]["1"]["destroyed"] is True
    after = vaulted.row(fingerprint)
    assert after.status is Status.DEAD
    assert orphans.list_orphans(vaulted.store) == []
    assert key.value not in str(runs.journal(vaulted.store, row.id))
    assert new["data"]["KEY"] not in str(runs.journal(vaulted.store, row.id))
    sound(vaulted)


def test_the_path_is_no_home_of_the_leaked_value_any_more(
    vaulted: Site, bao: OpenBao, capsys: pytest.CaptureFixture[str]
) -> None:
    """`show` and `vault policy --found` would name it for ever; a place that was not rotated stays on the list."""
    _, fingerprint = leak(vaulted, bao)
    run_id = start(vaulted)
    for path in ("secret/fakery", "secret/elsewhere"):
        homes.record(vaulted.store, path, [homes.Home(fingerprint, path, "KEY", "secret", 2, (1,), True, "scan", utc_now())])
    assert go(vaulted, run_id).state == "done"
    assert [one.path for one in homes.homes_of(vaulted.store, [fingerprint])[fingerprint]] == ["secret/elsewhere"]
    capsys.readouterr()
    cli(["show", fingerprint, "--config", str(vaulted.config)])
    assert f"in its place: secret/fakery version {vault_value(bao)['metadata']['version']} ({run_id})" in capsys.readouterr().out


def test_a_first_version(vaulted: Site, bao: OpenBao) -> None:
    vaulted.settings = replace(vaulted.settings, destinations=(replace(vaulted.settings.destinations[0], path="secret/fresh"),))
    leak(vaulted)
    assert go(vaulted, start(vaulted)).state == "done"
    assert vault_value(bao, "fresh")["metadata"]["version"] == 1


@pytest.mark.parametrize("call", ["DELETE /v1/keys/key-1", "POST /v1/keys/key-1/suspend"])
@pytest.mark.row("F2")
def test_a_lost_answer_is_looked_up_and_not_sent_again(vaulted: Site, bao: OpenBao, call: str) -> None:
    leak(vaulted, bao)
    vaulted.fakery.drop.append(call)
    assert go(vaulted, start(vaulted)).state == "done"
    assert vaulted.fakery.changes == ["issue key-2", "suspend key-1", "revoke key-1"]


@pytest.mark.row("F2")
def test_a_lost_new_one_is_found_by_our_mark_revoked_and_made_again(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    vaulted.fakery.drop.append("POST /v1/keys")
    run_id = start(vaulted)
    row = go(vaulted, run_id)
    assert row.state == "parked"
    assert vault_value(bao)["data"]["ID"] == "key-1"
    assert go(vaulted, run_id).state == "done"
    assert vaulted.fakery.changes == ["issue key-2", "revoke key-2", "issue key-3", "suspend key-1", "revoke key-1"]
    assert vault_value(bao)["data"]["ID"] == "key-3"
    sound(vaulted)


@pytest.mark.row("W-1")
def test_a_stranger_s_new_key_is_never_taken_for_ours(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    vaulted.fakery.drop.append("POST /v1/keys")
    run_id = start(vaulted)
    go(vaulted, run_id)
    for key in vaulted.fakery.keys.values():
        key.name = "renamed by somebody" if key.id == "key-2" else key.name
    vaulted.fakery.add(name="somebody else's")
    row = go(vaulted, run_id)
    assert row.state == "parked"
    assert {orphan.target for orphan in orphans.list_orphans(vaulted.store)} == {"key-2", "key-3"}
    assert not any(change.startswith("revoke") for change in vaulted.fakery.changes)


def test_vault_forbids_before_anything_is_made(vaulted: Site, bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    leak(vaulted, bao)
    policy = 'path "secret/*" { capabilities = ["read"] }'
    bao_call(bao, "PUT", "sys/policies/acl/reader", {"policy": policy})
    token = bao_call(bao, "POST", "auth/token/create", {"policies": ["reader"]})[1]["auth"]["client_token"]
    monkeypatch.setenv("FAKERY_VAULT", token)
    fresh_login(vaulted)
    row = go(vaulted, start(vaulted))
    assert row.state == "parked"
    assert "may not write" in row.message
    assert vaulted.fakery.changes == []


def fresh_login(site: Site) -> None:
    from revoker.egress import vault

    vault._sessions.clear()


@pytest.mark.row("F3")
def test_vault_refuses_after_the_new_one_was_made(vaulted: Site, bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else writes the path between our read and our write: ours is revoked again, theirs stays."""
    leak(vaulted, bao)
    other = {"data": {"ID": "key-1", "KEY": "x", "OTHER": "theirs"}}
    during(vaulted, monkeypatch, lambda: bao_call(bao, "POST", "secret/data/fakery", other))
    run_id = start(vaulted)
    row = go(vaulted, run_id)
    assert row.state == "parked"
    assert "revoked again" in row.message
    assert vaulted.fakery.changes == ["issue key-2", "revoke key-2"]
    assert vault_value(bao)["data"]["OTHER"] == "theirs"
    assert orphans.list_orphans(vaulted.store) == []
    assert go(vaulted, run_id).state == "done"
    assert vault_value(bao)["data"] == {"ID": "key-3", "KEY": vaulted.fakery.keys["key-3"].value, "OTHER": "theirs"}


@pytest.mark.row("F3", "F5")
def test_vault_is_sealed_after_the_new_one_was_made(vaulted: Site, bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    leak(vaulted, bao)
    during(vaulted, monkeypatch, lambda: bao_call(bao, "PUT", "sys/seal"))
    run_id = start(vaulted)
    try:
        row = go(vaulted, run_id)
    finally:
        bao_call(bao, "PUT", "sys/unseal", {"key": bao.unseal_key})
    assert row.state == "parked"
    assert vaulted.fakery.changes == ["issue key-2", "revoke key-2"]
    assert [key.id for key in vaulted.fakery.usable()] == ["key-1"]
    assert go(vaulted, run_id).state == "done"
    sound(vaulted)


@pytest.mark.row("F3")
def test_neither_stored_nor_revoked_is_on_the_orphan_list(vaulted: Site, bao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    leak(vaulted, bao)
    vaulted.fakery.refuse["DELETE /v1/keys/key-2"] = 403
    during(vaulted, monkeypatch, lambda: bao_call(bao, "POST", "secret/data/fakery", {"data": {"KEY": "theirs"}}))
    run_id = start(vaulted)
    row = go(vaulted, run_id)
    assert row.state == "parked"
    assert [orphan.target for orphan in orphans.list_orphans(vaulted.store)] == ["key-2"]
    assert "key-2" in row.message
    vaulted.fakery.refuse.clear()
    assert go(vaulted, run_id).state == "done"
    assert orphans.list_orphans(vaulted.store) == []
    assert [key.id for key in vaulted.fakery.usable()] == ["key-3"]


def during(site: Site, monkeypatch: pytest.MonkeyPatch, do: Callable[[], Any]) -> None:
    """Do something one time, right after the provider has made the new key."""
    plain, left = site.fakery._change, [do]

    def change(call: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        answer: tuple[int, Any] = plain(call, path, body)
        if call == "POST /v1/keys" and left:
            left.pop()()
        return answer

    monkeypatch.setattr(site.fakery, "_change", change)


@pytest.mark.row("W-1", "W-4")
def test_a_moved_target_stops_before_the_call(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    run_id = start(vaulted, REVOKE)
    vaulted.fakery.keys["key-9"] = replace(vaulted.fakery.keys.pop("key-1"), id="key-9")
    row = go(vaulted, run_id)
    assert row.state == "failed"
    assert "another target" in row.message
    assert vaulted.fakery.changes == []


@pytest.mark.parametrize("change", ["canary", "foreign", "accepted"])
@pytest.mark.row("W-3", "W-4", "N-12")
def test_what_must_not_be_touched_any_more_is_not_even_asked_about(
    build: Build, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Approved and started; then it is on the list of canaries, in nobody's account of ours, or accepted."""
    site, asked = build(), []
    _, fingerprint = leak(site)
    run_id, plain = start(site, REVOKE), site.fakery.answer
    settings, ownership = site.settings, replace(site.settings.ownership, accounts={"fakery": ("others",)})
    if change == "accepted":
        rows_of.accept(site.store, fingerprint, "carol", "a test system", utc_now())
    else:
        settings = replace(settings, canaries=(fingerprint,)) if change == "canary" else replace(settings, ownership=ownership)

    def answer(*sent: Any) -> Any:
        asked.append(sent)
        return plain(*sent)

    monkeypatch.setattr(site.fakery, "answer", answer)
    row = go(replace(site, settings=settings), run_id)
    assert (row.state, asked) == ("failed", []), row.message
    assert "nothing was sent" in row.message


@pytest.mark.row("W-12")
def test_without_a_durable_record_no_change_leaves(build: Build) -> None:
    site = build('[audit]\nanchor_file = "anchor.jsonl"\n')
    leak(site)
    run_id, anchor = start(site, REVOKE), site.folder / "anchor.jsonl"
    anchor.rename(kept := site.folder / "kept.jsonl")
    anchor.mkdir()
    row = go(site, run_id)
    assert (row.state, site.fakery.changes) == ("parked", []), row.message
    anchor.rmdir()
    kept.rename(anchor)
    assert go(site, run_id).state == "done"
    assert site.fakery.changes == ["revoke key-1"]
    assert audit.check(site.store).ok


REVOKE = parse("only-revoke", {"title": "t", "effects": ["revoke"], "step": [{"id": "remove", "do": "revoke"}, {"do": "prove"}]})


def test_one_that_somebody_else_revoked_is_only_proven(vaulted: Site) -> None:
    key, fingerprint = leak(vaulted)
    run_id = start(vaulted, REVOKE)
    del vaulted.fakery.keys[key.id]
    assert go(vaulted, run_id).state == "done"
    assert vaulted.fakery.changes == []
    assert vaulted.row(fingerprint).status is Status.DEAD


def test_a_refusal_fails_the_run_and_leaves_nothing_in_doubt(vaulted: Site) -> None:
    leak(vaulted)
    vaulted.fakery.refuse["DELETE /v1/keys/key-1"] = 403
    run_id = start(vaulted, REVOKE)
    row = go(vaulted, run_id)
    assert row.state == "failed"
    assert runs.journal(vaulted.store, run_id)[-1].data["result"] == "refused"
    vaulted.fakery.refuse.clear()
    assert go(vaulted, run_id).state == "done"  # taken up again by name
    assert vaulted.fakery.changes == ["revoke key-1"]


@pytest.mark.row("W-10")
def test_the_kill_switch_between_two_steps(vaulted: Site, bao: OpenBao) -> None:
    leak(vaulted, bao)
    run_id = start(vaulted)
    work = steps.Work(vaulted.store, vaulted.settings, utc_now, "test")
    steps.advance(work, run_id)
    switches.set_stopped(vaulted.store, True, "carol", utc_now())
    row = go(vaulted, run_id)
    assert (row.state, vaulted.fakery.changes) == ("parked", ["issue key-2"])
    switches.set_stopped(vaulted.store, False, "carol", utc_now())
    assert go(vaulted, run_id).state == "done"


@pytest.mark.row("N-12")
def test_a_canary_s_run_parks_when_its_override_ends_and_goes_on_with_a_new_one(site: Site) -> None:
    key, mark = leak(site)
    watched = replace(site, settings=replace(site.settings, canaries=(mark,)))

    def let(hours: int) -> None:
        end = utc_now() + timedelta(hours=hours)
        canaries.allow(site.store, mark, "alice", "a drill", end, utc_now(), signature=None)

    let(1)
    run_id, asked = start(watched, REVOKE), site.fakery.asked
    row = go(watched, run_id, later=timedelta(hours=1))
    assert (row.state, row.message.startswith("The override for this canary has ended.")) == ("parked", True)
    assert (site.fakery.asked, site.fakery.changes) == (asked, [])  # not even a question
    let(1)
    assert go(watched, run_id).state == "done"
    assert site.fakery.changes == [f"revoke {key.id}"]


@pytest.mark.row("N-12")
def test_no_change_leaves_after_a_canary_s_override_was_taken_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker has bound the target already, and hears of it before the change is called."""
    key, mark = leak(site)
    watched = replace(site, settings=replace(site.settings, canaries=(mark,)))
    canaries.allow(site.store, mark, "alice", "a drill", utc_now() + timedelta(hours=1), utc_now(), signature=None)
    run_id = start(watched, REVOKE)

    def reach(point: str) -> None:
        if point.endswith(": after intent"):
            canaries.forbid(site.store, mark, "bob", utc_now())

    monkeypatch.setattr(work, "reach", reach)
    row = go(watched, run_id)
    assert (row.state, row.message.startswith("The override for this canary has ended.")) == ("parked", True)
    assert (site.fakery.changes, site.fakery.keys[key.id].status) == ([], "active")


@pytest.mark.row("W-10")
def test_the_hourly_cap(build: Build) -> None:
    site = build("[limits]\nper_provider_per_hour = 1\n")
    for _ in range(2):
        leak(site)
    plan = make_plan(
        site.store,
        site.settings,
        Selection(),
        playbook="only-revoke",
        requester="dave",
        now=utc_now(),
        books={"only-revoke": REVOKE},
    )
    site.approved(plan.digest)
    states = [go(site, run_id).state for run_id in apply(site.store, site.settings, plan.digest, utc_now())]
    assert states == ["done", "parked"]
    assert len(site.fakery.changes) == 1


def test_a_guided_one_waits_for_a_person_and_for_the_proof(site: Site) -> None:
    key = site.fakery.add("fkrn")
    fingerprint = site.add(key.value, "fakery_note")
    plan = make_plan(site.store, site.settings, Selection(), requester="dave", now=utc_now())
    (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
    assert go(site, run_id).state == "waiting"
    assert [event.kind for event in events.undelivered(site.store) if event.kind == "guide"] == ["guide"]
    assert go(site, run_id).state == "waiting"
    assert [event.kind for event in events.undelivered(site.store) if event.kind == "guide"] == ["guide"]
    del site.fakery.keys[key.id]
    assert go(site, run_id).state == "done"
    assert site.row(fingerprint).status is Status.DEAD


def test_a_person_s_word_ends_a_guided_step(build: Build) -> None:
    site = build("[ownership.accounts]\nfakery = ['others']\n")
    site.add(site.fakery.add().value)
    plan = make_plan(site.store, site.settings, Selection(), requester="dave", now=utc_now())
    (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
    row = go(site, run_id)
    assert (row.state, row.step) == ("waiting", "guide")
    assert not steps.is_due(site.store, run_id, utc_now())
    people.confirm(site.store, run_id, "guide", who="erin", now=utc_now())
    assert steps.is_due(site.store, run_id, utc_now())
    assert go(site, run_id).state == "done"
    assert site.fakery.changes == []


def test_a_long_wait_ends_the_turn(site: Site) -> None:
    soak = parse("soak", {"title": "t", "step": [{"id": "soak", "do": "wait", "for": "1h"}, {"do": "notify"}]})
    leak(site)
    run_id = start(site, soak)
    assert go(site, run_id).state == "waiting"
    assert not steps.is_due(site.store, run_id, utc_now())
    assert steps.is_due(site.store, run_id, utc_now() + timedelta(hours=1))


def test_another_run_on_the_same_credential_waits_its_turn(site: Site) -> None:
    leak(site)
    first, second = start(site, REVOKE), start(site, REVOKE)
    fence = runs.claim(site.store, runs.get_run(site.store, first).fingerprint, first, "other", utc_now(), timedelta(minutes=1))
    work = steps.Work(site.store, site.settings, utc_now, "test")
    done = steps.advance(work, second)
    assert done.sleep == steps.BUSY
    assert site.fakery.changes == []
    assert fence is not None
    runs.release(site.store, runs.get_run(site.store, first).fingerprint, fence)
    assert go(site, second).state == "done"


@pytest.mark.row("F7")
def test_a_worker_that_slept_past_its_lease_changes_nothing(site: Site) -> None:
    leak(site)
    run_id = start(site, REVOKE)
    fingerprint = runs.get_run(site.store, run_id).fingerprint
    taken: list[int | None] = []

    def clock() -> Any:
        """While the first worker binds, its lease runs out and another one takes the credential."""
        if not taken and runs.claim_of(site.store, fingerprint) is not None:
            later = utc_now() + steps.LEASE * 2
            taken.append(runs.claim(site.store, fingerprint, run_id, "other", later, steps.LEASE))
        return utc_now()

    steps.advance(steps.Work(site.store, site.settings, clock, "test"), run_id)
    assert taken[0] is not None
    assert site.fakery.changes == []


def test_many_runs_at_once(site: Site) -> None:
    """Through the durable engine: each key is revoked once and proven dead."""
    prints = [leak(site)[1] for _ in range(20)]
    plan = make_plan(
        site.store,
        site.settings,
        Selection(),
        playbook="only-revoke",
        requester="dave",
        now=utc_now(),
        books={"only-revoke": REVOKE},
    )
    site.approved(plan.digest)
    ids = apply(site.store, site.settings, plan.digest, utc_now())
    engine = launch(site.store, site.settings, clock=utc_now)
    try:
        assert len(engine.start(ids)) == 20
        assert {row.state for row in engine.wait(ids, timeout=timedelta(seconds=60))} == {"done"}
    finally:
        engine.shutdown()
    assert sorted(site.fakery.changes) == sorted(f"revoke key-{number}" for number in range(1, 21))
    assert {site.row(fingerprint).status for fingerprint in prints} == {Status.DEAD}
    sound(site)
