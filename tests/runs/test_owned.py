"""Whose a credential is, told by the provider to our own authority before anything is asked with the credential."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from revoker.cli.app import run
from revoker.config import OwnershipSettings
from revoker.errors import ExitCode
from revoker.gate import Claim
from revoker.model import Owned, Status
from revoker.owned import claims
from revoker.runs.plan import make_plan
from revoker.store import canaries, incidents
from revoker.store import owned as owned_rows
from revoker.store.credentials import Selection
from revoker.verify import VerifySummary, verify
from tests.runs.conftest import Site, utc_now

HOUR = timedelta(hours=1)


@pytest.fixture
def strict(site: Site) -> Site:
    """Nothing is declared and nobody vouches."""
    return replace(site, settings=replace(site.settings, ownership=OwnershipSettings()))


def again(site: Site, fingerprint: str) -> VerifySummary:
    return verify(site.store, [site.row(fingerprint)], settings=site.settings, clock=utc_now, force=True)


def reason(site: Site, fingerprint: str) -> tuple[Status, str]:
    row = site.row(fingerprint)
    return row.status, row.reason


def test_what_our_authority_shows_is_asked_and_planned(strict: Site) -> None:
    key = strict.fakery.add()
    fingerprint = strict.add(key.value)
    assert reason(strict, fingerprint) == (Status.LIVE, "authenticated")
    known = owned_rows.owned_among(strict.store, [fingerprint])[fingerprint]
    assert (known.owned.how, known.owned.account) == ("our own authority: the full hash of the key fits one", "ours")
    plan = make_plan(strict.store, strict.settings, Selection(), requester="dave", now=utc_now())
    assert [entry["ours_by"] for entry in plan.entries] == [known.owned.how]
    asked = strict.fakery.asked
    assert again(strict, fingerprint).owned == (), "a fact that is known is not asked for again"
    assert strict.fakery.asked == asked + 1


@pytest.mark.row("I-9")
def test_a_stranger_s_key_is_not_asked_with_and_not_sent(strict: Site) -> None:
    value = strict.fakery.add().value
    del strict.fakery.keys["key-1"]  # the provider shows no such key to our authority
    fingerprint = strict.add(value)
    assert reason(strict, fingerprint) == (Status.SKIPPED, "not_owned")
    assert strict.fakery.bearers == {strict.fakery.admin}


def test_it_can_be_switched_off(strict: Site) -> None:
    off = replace(strict, settings=replace(strict.settings, ownership=OwnershipSettings(ask_authority=False)))
    assert reason(off, off.add(off.fakery.add().value)) == (Status.SKIPPED, "not_owned")
    assert off.fakery.asked == 0


def test_an_authority_that_leaked_itself_vouches_for_nothing(strict: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = strict.fakery.add("fkrn")
    strict.fakery.admin = admin.value
    monkeypatch.setenv("FAKERY_ADMIN", admin.value)
    strict.add(admin.value, "fakery_note")
    before = strict.fakery.asked
    assert reason(strict, strict.add(strict.fakery.add().value)) == (Status.SKIPPED, "not_owned")
    assert strict.fakery.asked == before


def test_declared_accounts_are_the_last_word(strict: Site) -> None:
    elsewhere = OwnershipSettings(accounts={"fakery": ("another",)})
    site = replace(strict, settings=replace(strict.settings, ownership=elsewhere))
    key = site.fakery.add()
    fingerprint = site.add(key.value)
    assert reason(site, fingerprint) == (Status.SKIPPED, "not_owned")
    assert key.value not in site.fakery.bearers
    assert not owned_rows.owned_among(site.store, [fingerprint])
    ours = replace(site, settings=replace(site.settings, ownership=OwnershipSettings(accounts={"fakery": ("ours",)})))
    assert again(ours, fingerprint).owned == (fingerprint,)


def test_a_provider_that_does_not_answer_shows_nothing_and_is_asked_again(strict: Site) -> None:
    key = strict.fakery.add()
    strict.fakery.admin, admin = "another", strict.fakery.admin
    fingerprint = strict.add(key.value)
    assert reason(strict, fingerprint) == (Status.SKIPPED, "not_owned")
    strict.fakery.admin = admin
    assert again(strict, fingerprint).owned == (fingerprint,)
    assert reason(strict, fingerprint) == (Status.LIVE, "authenticated")


@pytest.mark.row("N-12")
def test_bait_that_is_ours_is_left_alone_without_an_override(strict: Site) -> None:
    bait = strict.add(strict.fakery.add().value)
    watched = replace(strict, settings=replace(strict.settings, canaries=(bait,)))
    asked = strict.fakery.asked
    again(watched, bait)
    assert (watched.row(bait).reason, strict.fakery.asked) == ("canary", asked)


@pytest.mark.row("N-12")
def test_bait_with_an_override_that_our_authority_shows_is_told_as_bait(strict: Site) -> None:
    key = strict.fakery.add()
    strict.fakery.admin, admin = "another", strict.fakery.admin
    bait = strict.add(key.value)
    strict.fakery.admin = admin
    watched = replace(strict, settings=replace(strict.settings, canaries=(bait,)))
    end = utc_now().replace(microsecond=0)
    canaries.allow(strict.store, bait, "alice", "a drill", end + canaries.LONGEST / 2, end, signature=None)
    done = again(watched, bait)
    assert (done.owned, done.canaries) == ((bait,), (bait,))


def test_the_commands_say_what_showed_it(strict: Site, capsys: pytest.CaptureFixture[str]) -> None:
    strict.config.write_text(strict.config.read_text().replace("assume = true", ""))
    admin, strict.fakery.admin = strict.fakery.admin, "another"
    fingerprint = strict.add(strict.fakery.add().value)
    strict.fakery.admin = admin
    capsys.readouterr()
    assert run(["verify", "--json", "--config", str(strict.config)]) == ExitCode.LIVE
    said = capsys.readouterr()
    assert json.loads(said.out)["owned"] == [fingerprint]
    assert "1 of them are ours, as our own [authority] shows" in said.err
    run(["show", fingerprint, "--config", str(strict.config)])
    assert "our own authority: the full hash of the key fits one (asked 20" in " ".join(capsys.readouterr().out.split())
    run(["show", fingerprint, "--json", "--config", str(strict.config)])
    shown = json.loads(capsys.readouterr().out)["owned"]
    assert (shown["how"], shown["account"]) == ("our own authority: the full hash of the key fits one", "ours")
    run(["doctor", "--config", str(strict.config)])
    assert "by what the authority shows at fakery" in " ".join(capsys.readouterr().out.split())


def test_what_speaks_for_each_credential(strict: Site) -> None:
    """An attestation of its incident, our own authority, a canary's override: each for the credentials it is about, and no other."""
    mine, bait = strict.add(strict.fakery.add().value), strict.add(strict.fakery.add().value)
    stranger = strict.add("fkry" + "0" * 28)
    canaries.allow(strict.store, bait, "alice", "a drill", utc_now() + HOUR, utc_now(), signature=None)
    shown = Owned("our own authority: the full hash of the key fits one", "ours")
    marks = [mine, bait, stranger]
    found = claims(strict.store, marks, utc_now())
    assert found == {mine: Claim(owned=shown), bait: Claim(owned=shown, canary=True), stranger: Claim()}
    incident = strict.row(mine).incident
    incidents.attest(strict.store, incident, "alice", "our laptop", utc_now() + HOUR, utc_now())
    assert [one.attested for one in claims(strict.store, marks, utc_now()).values()] == [True] * 3
    later = claims(strict.store, marks, utc_now() + 2 * HOUR)
    assert [(one.attested, one.canary, one.owned) for one in later.values()] == [(False, False, shown)] * 2 + [
        (False, False, None)
    ]
