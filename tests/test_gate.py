"""Nothing leaves before the credential is proven ours: accounts, hosts, sources, attestations, canaries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from revoker.config import OwnershipSettings, Settings
from revoker.gate import Claim, is_foreign, why_not
from revoker.model import Credential, Identity, Location, Secret, Validity, Verdict
from revoker.sdk import Kind, Manual, Propagation, Provider, Reader, example_value

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


def test_half_a_pair_is_not_asked() -> None:
    assert reason(replace(KIND, needs=("key_id",)), credential(), OwnershipSettings(assume=True)) == "incomplete"


@pytest.mark.row("W-3")
def test_an_identity_that_contradicts_the_accounts_makes_it_foreign() -> None:
    settings = replace(Settings(), ownership=OwnershipSettings(accounts={"thing": (OURS,)}))
    assert is_foreign("thing", Identity(account="other"), settings)
    assert not is_foreign("thing", Identity(account=OURS), settings)
    assert not is_foreign("thing", Identity(), settings)
    assert not is_foreign("thing", Identity(account="other"), Settings())
