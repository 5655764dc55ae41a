"""Nothing leaves before the credential is proven ours: accounts, hosts, sources, attestations, canaries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from revoker.config import OwnershipSettings, Settings
from revoker.gate import Claim, is_canary, is_foreign, owned_accounts, proof, public_place, why_not
from revoker.model import Credential, Identity, Location, Owned, Secret, Validity, Verdict
from revoker.sdk import Kind, Manual, Propagation, Provider, Reader, example_value, skip

NOW = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
OURS = "123456789012"


async def never(cred: Credential, api: Reader) -> Verdict:
    raise AssertionError("the gate asks nobody")


KIND = Kind(
    id="thing_key",
    title="Thing key",
    pattern=r"thing-\w+",
    verify=never,
    docs="https://docs.example.test",
    identity="none",
    propagation=Propagation(timedelta(minutes=1)),
    manual=Manual("https://console.example.test", ("Delete it.",)),
    offline=(example_value,),
)
WITH_ACCOUNT = replace(KIND, account=lambda cred: cred.parts.get("account"))
WITH_HOST = replace(KIND, host_from="host")


def provider(kind: Kind) -> Provider:
    return Provider("thing", "Thing", ("api.example.test",), "https://docs.example.test", (kind,))


def credential(value: str = "thing-4711", **parts: str) -> Credential:
    return Credential("thing_key", "fp_" + "0" * 32, Secret(value), parts)


def reason(kind: Kind, cred: Credential, ownership: OwnershipSettings, claim: Claim | None = None, **rest: object) -> str | None:
    settings = replace(Settings(), ownership=ownership, **rest)  # type: ignore[arg-type]
    verdict = why_not(provider(kind), kind, cred, settings, claim or Claim(), NOW)
    assert verdict is None or verdict.validity is Validity.SKIPPED
    return verdict.reason if verdict else None


def test_without_any_claim_nothing_is_asked() -> None:
    assert reason(KIND, credential(), OwnershipSettings()) == "not_owned"


def test_an_attestation_opens_the_gate() -> None:
    assert reason(KIND, credential(), OwnershipSettings(), Claim(attested=True)) is None


def test_an_account_that_is_read_offline_must_be_ours_even_when_attested() -> None:
    ownership = OwnershipSettings(accounts={"thing": (OURS,)})
    assert reason(WITH_ACCOUNT, credential(account=OURS), ownership) is None
    assert reason(WITH_ACCOUNT, credential(account="999999999999"), ownership, Claim(attested=True)) == "not_owned"


def test_a_host_from_a_finding_must_be_named_exactly() -> None:
    ours = OwnershipSettings(hosts=("db.acme.test:5432",), assume=True)
    assert reason(WITH_HOST, credential(host="db.acme.test", port="5432"), ours) is None
    for host, port in (("db.acme.test", "5433"), ("evil.test", "5432"), ("db.acme.test.evil.test", "5432"), ("", "5432")):
        assert reason(WITH_HOST, credential(host=host, port=port), ours, Claim(attested=True)) == "host_not_owned"


def test_without_a_host_in_the_finding_the_operator_s_own_endpoint_is_asked() -> None:
    none = credential(host="", port="")
    at_home: dict[str, object] = {"endpoints": {"thing": "https://thing.acme.test"}}
    elsewhere: dict[str, object] = {"endpoints": {"other": "https://other.acme.test"}}
    assert (
        reason(WITH_HOST, none, OwnershipSettings(), Claim(), **at_home) == "not_owned"
    )  # an address says nothing about whose it is
    assert reason(WITH_HOST, none, OwnershipSettings(), Claim(attested=True), **at_home) is None
    assert reason(WITH_HOST, none, OwnershipSettings(assume=True), Claim(attested=True), **elsewhere) == "host_not_owned"


@pytest.mark.parametrize(
    ("repository", "owned"),
    [
        ("https://github.com/acme/payments", True),
        ("https://github.com/acme-evil/payments", False),
        ("https://evil.test/github.com/acme/x", False),
    ],
)
def test_declared_sources(repository: str, *, owned: bool) -> None:
    ownership = OwnershipSettings(sources=("git:github.com/acme/*",))
    claim = Claim(locations=(Location("gitleaks", file=".env", repository=repository),))
    assert (reason(KIND, credential(), ownership, claim) is None) is owned


def test_one_undeclared_place_keeps_the_gate_shut() -> None:
    ownership = OwnershipSettings(sources=("git:github.com/acme/*",))
    places = (Location("g", repository="https://github.com/acme/a"), Location("g", repository="https://github.com/other/b"))
    assert reason(KIND, credential(), ownership, Claim(locations=places)) == "not_owned"


@pytest.mark.row("N-12")
def test_own_canaries_and_examples_are_never_asked_even_in_a_lab() -> None:
    lab = OwnershipSettings(assume=True)
    canary = credential(key_id="CANARY-1")
    assert reason(KIND, canary, lab, canaries=("CANARY-1",)) == "canary"
    assert reason(KIND, canary, lab, canaries=(canary.fingerprint,)) == "canary"
    assert reason(KIND, credential("thing-CHANGEME"), lab) == "example"


def test_the_proof_that_opened_the_gate_is_told() -> None:
    ours = (Location("g", repository="https://github.com/acme/a"),)
    told = [
        proof(provider(kind), kind, cred, replace(Settings(), ownership=ownership), claim)
        for kind, cred, ownership, claim in (
            (WITH_ACCOUNT, credential(account=OURS), OwnershipSettings(accounts={"thing": (OURS,)}), Claim(attested=True)),
            (WITH_HOST, credential(host="db.acme.test"), OwnershipSettings(hosts=("db.acme.test",)), Claim()),
            (KIND, credential(), OwnershipSettings(sources=("git:github.com/acme/*",)), Claim(attested=True, locations=ours)),
            (KIND, credential(), OwnershipSettings(), Claim(attested=True)),
            (KIND, credential(), OwnershipSettings(assume=True), Claim()),
        )
    ]
    assert told == [
        f"account {OURS}, read offline and declared",
        "its host, declared",
        "all its places, declared in [ownership] sources",
        "an attestation",
        "assumed, [ownership] assume",
    ]
    none = proof(provider(KIND), KIND, credential(), Settings(), Claim())
    assert isinstance(none, Verdict)
    assert none.reason == "not_owned"


@pytest.mark.row("N-12")
def test_an_override_opens_the_canary_s_gate_and_no_other() -> None:
    def known_bait(cred: Credential, now: datetime) -> Verdict | None:
        return Verdict(Validity.SKIPPED, "canary")

    let, ours = Claim(canary=True), Claim(attested=True, canary=True)
    canary = credential(key_id="CANARY-1")
    for kind, own in ((KIND, ("CANARY-1",)), (replace(KIND, offline=(known_bait,)), ())):
        assert is_canary(kind, canary, replace(Settings(), canaries=own), NOW)
        assert reason(kind, canary, OwnershipSettings(), Claim(attested=True), canaries=own) == "canary"
        assert reason(kind, canary, OwnershipSettings(), let, canaries=own) == "not_owned"
        assert reason(kind, canary, OwnershipSettings(), ours, canaries=own) is None
    both = replace(KIND, offline=(known_bait, example_value))
    assert reason(both, credential("thing-CHANGEME"), OwnershipSettings(), ours) == "example"
    assert not is_canary(KIND, canary, Settings(), NOW)
    assert not is_canary(KIND, credential("thing-CHANGEME"), Settings(), NOW)


def test_half_a_pair_is_not_asked() -> None:
    assert reason(replace(KIND, needs=("key_id",)), credential(), OwnershipSettings(assume=True)) == "incomplete"


def test_a_pair_is_whole_with_its_public_and_its_secret_part() -> None:
    lab = OwnershipSettings(assume=True)
    pair = replace(KIND, needs=("key_id",), needs_secret=("other",))
    whole = replace(credential(key_id="id-1"), secret_parts={"other": Secret("made-up")})
    assert reason(pair, whole, lab) is None
    assert reason(pair, credential(key_id="id-1"), lab) == "incomplete"
    assert reason(pair, replace(whole, parts={"key_id": ""}), lab) == "incomplete"
    assert reason(KIND, credential(""), lab) == "incomplete"


def test_what_is_decided_offline_is_decided_by_the_clock_of_the_run() -> None:
    def over(cred: Credential, now: datetime) -> Verdict | None:
        return Verdict(Validity.SKIPPED, "over") if now == NOW and cred.parts["key_id"] == "id-1" else None

    assert reason(replace(KIND, offline=(over,)), credential(key_id="id-1"), OwnershipSettings(assume=True)) == "over"
    assert reason(replace(KIND, offline=(over,)), credential(key_id="id-2"), OwnershipSettings(assume=True)) is None


def test_a_canary_is_one_only_by_the_operator_s_list() -> None:
    lab = OwnershipSettings(assume=True)
    assert reason(KIND, credential(key_id="CANARY-2"), lab, canaries=("CANARY-1",)) is None
    assert reason(KIND, credential(), lab, canaries=("CANARY-1",)) is None


def test_each_provider_s_own_accounts_are_its_own() -> None:
    ownership = OwnershipSettings(
        aws_accounts=(OURS,), github_orgs=("acme",), openai_orgs=("org-1",), accounts={"openai": ("org-2",), "thing": ("t",)}
    )
    settings = replace(Settings(), ownership=ownership)
    found = {name: owned_accounts(name, settings) for name in ("aws", "github", "openai", "thing", "other")}
    assert found == {"aws": {OURS}, "github": {"acme"}, "openai": {"org-1", "org-2"}, "thing": {"t"}, "other": set()}


def test_an_account_is_compared_only_where_accounts_are_declared() -> None:
    attested = Claim(attested=True)
    other = OwnershipSettings(accounts={"other": (OURS,)})
    assert reason(WITH_ACCOUNT, credential(account="999999999999"), other, attested) is None
    ours = OwnershipSettings(accounts={"thing": (OURS,)})
    assert reason(WITH_ACCOUNT, credential(), ours, attested) is None  # no account to be read: the attestation decides
    assert reason(WITH_ACCOUNT, credential(), ours) == "not_owned"


def test_what_our_own_authority_showed_opens_the_gate_unless_a_declaration_speaks_against_it() -> None:
    shown, elsewhere = Claim(owned=Owned("our own list", OURS)), OwnershipSettings(accounts={"thing": ("999999999999",)})
    ours = OwnershipSettings(accounts={"thing": (OURS,)})
    assert reason(KIND, credential(), OwnershipSettings(), shown) is None
    assert reason(KIND, credential(), ours, shown) is None
    assert reason(KIND, credential(), elsewhere, shown) == "not_owned"
    assert reason(KIND, credential(), elsewhere, Claim(owned=Owned("our own list"))) is None, "it names no account"
    assert reason(WITH_ACCOUNT, credential(account=OURS), elsewhere, shown) == "not_owned"
    assert reason(WITH_HOST, credential(host="db.stranger.test"), OwnershipSettings(), shown) == "host_not_owned"
    settings = replace(Settings(), ownership=OwnershipSettings())
    assert proof(provider(KIND), KIND, credential(), settings, shown) == "our own list"


def test_a_host_that_came_with_the_finding_and_is_named_is_proof_enough() -> None:
    hosts = OwnershipSettings(hosts=("db.acme.test",))
    assert reason(WITH_HOST, credential(host="DB.acme.test"), hosts) is None
    assert reason(KIND, credential(host="db.acme.test"), hosts) == "not_owned"  # this kind is asked at its provider, not there
    at_home: dict[str, object] = {"endpoints": {"thing": "https://thing.acme.test"}}
    assert reason(WITH_HOST, credential(host="any.test"), OwnershipSettings(), Claim(), **at_home) is None


def test_without_any_host_nothing_is_dialled() -> None:
    assert reason(WITH_HOST, credential(), OwnershipSettings(hosts=("db.acme.test",), assume=True)) == "host_not_owned"
    assert reason(WITH_HOST, credential(), OwnershipSettings(hosts=("xxxx",), assume=True)) == "host_not_owned"


PLACES = (
    (Location("g", repository="ssh://git@github.com/acme/pay.git"), "git:github.com/acme/pay"),
    (Location("g", repository="https://github.com/acme/pay.git"), "git:github.com/acme/pay"),
    (Location("g", image="ghcr.io/acme/pay"), "image:ghcr.io/acme/pay"),
    (Location("g", file="deploy/.env"), "file:deploy/.env"),
    (Location("g"), "file:"),
)


@pytest.mark.parametrize(("place", "source"), PLACES)
def test_a_place_has_one_name_that_a_pattern_can_meet(place: Location, source: str) -> None:
    claim = Claim(locations=(place,))
    assert reason(KIND, credential(), OwnershipSettings(sources=(source,)), claim) is None
    assert reason(KIND, credential(), OwnershipSettings(sources=(source + "x",)), claim) == "not_owned"
    assert public_place([place], [source]) == source
    assert public_place([place], ["git:else/*"]) == ""


def test_the_first_public_place_is_told() -> None:
    places = [place for place, _ in PLACES]
    assert public_place(places, ["file:*", "image:*"]) == "image:ghcr.io/acme/pay"
    assert public_place(places, []) == ""
    assert public_place([], ["*"]) == ""


@pytest.mark.row("W-3")
def test_an_identity_that_contradicts_the_accounts_makes_it_foreign() -> None:
    settings = replace(Settings(), ownership=OwnershipSettings(accounts={"thing": (OURS,)}))
    assert is_foreign("thing", Identity(account="other"), settings)
    assert not is_foreign("thing", Identity(account=OURS), settings)
    assert not is_foreign("thing", Identity(), settings)
    assert not is_foreign("thing", Identity(account="other"), Settings())


def test_bait_may_be_bait_for_a_time() -> None:
    """An offline check is told what time it is."""

    def until_now(_cred: Credential, at: datetime) -> Verdict | None:
        return skip("canary") if at == NOW else None

    kind = replace(KIND, offline=(until_now,))
    assert is_canary(kind, credential(), Settings(), NOW)
    assert not is_canary(kind, credential(), Settings(), NOW + timedelta(seconds=1))
