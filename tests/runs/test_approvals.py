"""Approvals: a named person's yes to exactly one plan, once, in time. And apply, which compares everything again."""

import contextlib
import shutil
import subprocess
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from revoker import audit, sshsig
from revoker.config import load_settings
from revoker.errors import ApprovalRefused, Parked, UsageError
from revoker.runs import digests
from revoker.runs.apply import apply, status
from revoker.runs.approve import approve, missing, read_statement, sign_statement, statement
from revoker.runs.cancel import cancel
from revoker.runs.plan import Plan, make_plan
from revoker.store import credentials as rows_of
from revoker.store import plans, runs, schema, switches
from revoker.store.credentials import Selection
from revoker.store.database import writing
from tests.runs.conftest import Build, Site, utc_now

TWO = "[approvals]\nrevoke = 2\n"


def planned(site: Site, requester: str = "dave", playbook: str = "revoke-now") -> Plan:
    site.add(site.fakery.add().value)
    return make_plan(site.store, site.settings, Selection(), playbook=playbook, requester=requester, now=utc_now())


def refused(site: Site, plan: Plan, match: str | None = None, *, now: Any = None, settings: Any = None) -> None:
    with pytest.raises(ApprovalRefused, match=match):
        apply(site.store, settings or site.settings, plan.digest, now or utc_now())
    assert runs.list_runs(site.store) == []


def test_no_approval_no_run(site: Site) -> None:
    plan = planned(site)
    refused(site, plan, "1 missing")
    site.approved(plan.digest)
    assert status(site.store, site.settings, plan.digest, utc_now()) == (0, ("alice",))
    assert len(apply(site.store, site.settings, plan.digest, utc_now())) == 1
    assert audit.check(site.store).ok


def test_a_beginning_of_the_digest_is_enough(site: Site) -> None:
    plan = planned(site)
    site.approved(plan.digest[:10])
    assert apply(site.store, site.settings, plan.digest[:10], utc_now())


def test_a_plan_is_applied_once(site: Site) -> None:
    plan = planned(site)
    site.approved(plan.digest)
    apply(site.store, site.settings, plan.digest, utc_now())
    site.approved(plan.digest, "bob")
    with pytest.raises(ApprovalRefused):
        apply(site.store, site.settings, plan.digest, utc_now())
    assert len(runs.list_runs(site.store)) == 1


def test_a_plan_that_needs_no_approval_is_applied_once_too(site: Site) -> None:
    plan = planned(site, playbook="contain")
    assert apply(site.store, site.settings, plan.digest, utc_now())
    with pytest.raises(ApprovalRefused):
        apply(site.store, site.settings, plan.digest, utc_now())


@pytest.mark.row("W-5")
def test_many_at_once_start_one(site: Site) -> None:
    plan = planned(site)
    site.approved(plan.digest)
    started: list[str] = []

    def one() -> None:
        with contextlib.suppress(ApprovalRefused):
            started.extend(apply(site.store, site.settings, plan.digest, utc_now()))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == len(runs.list_runs(site.store)) == 1


@pytest.mark.row("W-5")
def test_an_approval_counts_for_its_own_plan_only(site: Site) -> None:
    first, second = planned(site), planned(site)
    site.approved(first.digest)
    given = plans.approvals(site.store, first.digest)[0]
    plans.add_approval(site.store, replace(given, plan_digest=second.digest, nonce="another"))
    refused(site, second, "1 missing")


@pytest.mark.row("W-4")
def test_a_changed_plan_is_refused(site: Site) -> None:
    plan = planned(site)
    site.approved(plan.digest)
    other = {**plan.document, "requester": "mallory"}
    with writing(site.store) as connection:
        connection.execute(sa.update(schema.plans).values(document=digests.canonical(other).decode()))
    refused(site, plan, "does not fit its digest")


@pytest.mark.row("W-4")
def test_time_runs_out(site: Site) -> None:
    plan = planned(site)
    site.approved(plan.digest)
    refused(site, plan, now=utc_now() + timedelta(hours=9))
    refused(site, plan, "expired", now=utc_now() + timedelta(hours=25))


@pytest.mark.parametrize(
    "change",
    [
        "[limits]\nmutations_per_run = 2\n",
        "[approvals]\nrevoke = 0\n",
        '[ownership.accounts]\nfakery = ["others"]\n',
        '[[destination]]\nkind = "fakery_key"\npath = "secret/x"\n',
        '[vault]\naddr = "http://127.0.0.1:9/"\n',
        '[authority.other]\nadmin = "env:ANOTHER"\n',
    ],
)
@pytest.mark.row("W-4")
def test_another_policy_asks_for_another_approval(site: Site, change: str) -> None:
    plan = planned(site)
    site.approved(plan.digest)
    site.config.write_text(site.config.read_text() + change)
    refused(site, plan, "configuration has changed", settings=load_settings(site.config))


@pytest.mark.row("W-6")
def test_an_approver_who_is_taken_out_does_not_count(site: Site) -> None:
    plan = planned(site)
    site.approved(plan.digest)
    others = tuple(person for person in site.settings.approvers if person.name != "alice")
    left, names = status(site.store, replace(site.settings, approvers=others), plan.digest, utc_now())
    assert (left, names) == (1, ())
    refused(site, plan, settings=replace(site.settings, approvers=others))


@pytest.mark.row("W-4")
def test_another_provider_definition_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(site)
    site.approved(plan.digest)
    monkeypatch.setattr(digests, "definition", lambda _: "another")
    refused(site, plan, "definition of fakery has changed")


def test_an_accepted_one_is_not_touched_any_more(site: Site) -> None:
    plan = planned(site)
    site.approved(plan.digest)
    rows_of.accept(site.store, plan.entries[0]["fingerprint"], "carol", "a test system", utc_now())
    refused(site, plan, "must not be touched")


def test_the_kill_switch_holds_the_start(site: Site) -> None:
    plan = planned(site)
    site.approved(plan.digest)
    switches.set_stopped(site.store, True, "carol", utc_now())
    with pytest.raises(Parked):
        apply(site.store, site.settings, plan.digest, utc_now())


@pytest.mark.row("W-6")
def test_two_persons_and_not_the_requester(build: Build) -> None:
    site = build(TWO)
    plan = planned(site, requester="alice")
    site.approved(plan.digest, "alice", "bob")
    refused(site, plan, "1 missing")
    site.approved(plan.digest, "carol")
    assert apply(site.store, site.settings, plan.digest, utc_now())


@pytest.mark.row("W-6")
def test_one_person_with_two_approvals_or_two_names_is_one(build: Build) -> None:
    site = build(TWO)
    plan = planned(site)
    site.approved(plan.digest, "bob", "bob")
    refused(site, plan, "1 missing")
    bob = next(person for person in site.settings.approvers if person.name == "bob")
    aliased = replace(site.settings, approvers=(*site.settings.approvers, replace(bob, name="robert")))
    given = approve(site.store, aliased, plan.digest, "robert", now=utc_now(), key=site.keys["bob"])
    assert missing([*plans.approvals(site.store, plan.digest), given], plan.digest, plan.document, aliased, utc_now())[0] == 1


def test_a_stranger_cannot_approve(site: Site) -> None:
    plan = planned(site)
    with pytest.raises(ApprovalRefused, match="no approver"):
        approve(site.store, site.settings, plan.digest, "mallory", now=utc_now(), key=Ed25519PrivateKey.generate())
    with pytest.raises(ApprovalRefused, match="another key"):
        approve(site.store, site.settings, plan.digest, "alice", now=utc_now(), key=site.keys["bob"])
    with pytest.raises(UsageError):
        approve(site.store, site.settings, plan.digest, "alice", now=utc_now())


@pytest.mark.row("W-5")
def test_a_statement_counts_once(site: Site) -> None:
    plan = planned(site)
    said = statement(plan.digest, "alice", utc_now())
    signature = sshsig.sign(site.keys["alice"], said.text())
    approve(site.store, site.settings, plan.digest, "alice", now=utc_now(), said=said, signature=signature)
    with pytest.raises(ApprovalRefused):
        approve(site.store, site.settings, plan.digest, "alice", now=utc_now(), said=said, signature=signature)


def test_a_statement_lasts_a_day_at_most_and_is_not_from_before_the_plan(site: Site) -> None:
    plan = planned(site)
    fresh = statement(plan.digest, "alice", utc_now())
    for said in (
        replace(fresh, expires_at=fresh.signed_at + timedelta(days=2)),
        statement(plan.digest, "alice", utc_now() - timedelta(hours=2)),
        statement(plan.digest, "alice", utc_now() + timedelta(hours=2)),
    ):
        with pytest.raises(ApprovalRefused):
            approve(
                site.store,
                site.settings,
                plan.digest,
                "alice",
                now=utc_now(),
                said=said,
                signature=sshsig.sign(site.keys["alice"], said.text()),
            )


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_statement_reads_back_to_the_byte_or_not_at_all(data: st.DataObject) -> None:
    said = statement("ab" * 32, "alice", utc_now())
    assert read_statement(said.text()) == said
    bent = bytearray(said.text())
    at = data.draw(st.integers(0, len(bent) - 1))
    bent[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ApprovalRefused):
        assert read_statement(bytes(bent)) != said


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_an_approval_made_with_ssh_keygen(site: Site, tmp_path: Path) -> None:
    plan = planned(site)
    key = tmp_path / "alice"
    key.write_bytes(site.keys["alice"].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    key.chmod(0o600)
    said = statement(plan.digest, "alice", utc_now())
    (tmp_path / "yes").write_bytes(said.text())
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", "revoker-approval", "-f", str(key), str(tmp_path / "yes")],
        check=True,
        capture_output=True,
    )
    read = read_statement((tmp_path / "yes").read_bytes())
    approve(
        site.store,
        site.settings,
        plan.digest,
        "alice",
        now=utc_now(),
        said=read,
        signature=(tmp_path / "yes.sig").read_text(),
    )
    assert apply(site.store, site.settings, plan.digest, utc_now())
    assert sign_statement(said, key).startswith(sshsig.BEGIN)


def test_a_cancelled_run_stays_cancelled(site: Site) -> None:
    plan = planned(site)
    site.approved(plan.digest)
    (run_id,) = apply(site.store, site.settings, plan.digest, utc_now())
    cancel(site.store, run_id, utc_now())
    assert runs.get_run(site.store, run_id).state == "cancelled"
    with pytest.raises(UsageError, match="cancelled already"):
        cancel(site.store, run_id, utc_now())
