"""From findings to credentials: kind, parts, fingerprint, and why one is only counted."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest

from revoker import catalog
from revoker.ingest import addresses
from revoker.ingest.naming import Named, Namer
from revoker.model import Finding, Location, Secret, ValueState
from tests.ingest import samples

RNG = random.Random(17)  # noqa: S311 - fake values
GROQ = samples.value("groq_api_key", RNG)
KEY_ID, AWS_SECRET = samples.aws_pair(RNG)


def fingerprint(kind: str, value: Secret) -> str:
    return f"fp_{kind}_{value.reveal()}"


def named(value: str, rule: str = "generic-api-key", source: str = "gitleaks", **more: Any) -> Named:
    finding = Finding(rule, Location(source), Secret(value), **more)
    kept, found = Namer(fingerprint).name(finding)
    assert kept.value_state is found.state
    return found


def test_a_value_gets_the_kind_of_its_shape() -> None:
    found = named(GROQ, rule="github-pat")
    assert found.skipped is None
    assert found.credential is not None
    assert (found.credential.kind, found.credential.fingerprint) == ("groq_api_key", f"fp_groq_api_key_{GROQ}")


def test_a_value_of_no_kind_is_kept_as_unsupported() -> None:
    found = named("nobody knows me")
    assert found.skipped == "unsupported"
    assert found.credential is not None
    assert found.credential.kind == catalog.UNKNOWN


def test_a_masked_value_is_no_credential() -> None:
    for state, reason in ((ValueState.MASKED, "masked"), (ValueState.HASHED, "masked"), (ValueState.ABSENT, "no_value")):
        kept, found = Namer(fingerprint).name(Finding("r", Location("gitleaks"), None, state))
        assert (kept.value_state, found.credential, found.skipped) == (state, None, reason)


def test_repetitions_are_one_credential() -> None:
    namer = Namer(fingerprint)
    ways = [namer.name(Finding("Groq", Location("trufflehog", line=n), Secret(GROQ)))[1].credential for n in range(1, 40)]
    assert len({id(way) for way in ways}) == 1


def test_the_name_that_one_label_gave_holds_for_the_value() -> None:
    """A weak value that one report names stays named where another rule says nothing."""
    namer = Namer(fingerprint)
    weak = next((kind for kind in catalog.kinds().values() if kind.ambiguous and kind.labels and not kind.needs), None)
    if weak is None:
        pytest.skip("the catalogue has no such kind")
    value = samples.value(weak.id, RNG)
    scanner, rules = next(iter(weak.labels.items()))
    first = namer.name(Finding(rules[0], Location(scanner), Secret(value)))[1].credential
    second = namer.name(Finding("generic-api-key", Location("gitleaks"), Secret(value)))[1].credential
    assert first is not None
    assert second is not None
    assert first.fingerprint == second.fingerprint


def test_the_parts_that_a_kind_does_not_ask_for_are_dropped() -> None:
    found = named(GROQ, parts={"host": "evil.example", "account": "999", "variable": "X"})
    assert found.credential is not None
    assert not found.credential.parts


needs_aws = pytest.mark.skipif("aws_access_key" not in catalog.kinds(), reason="no provider file for AWS")


@needs_aws
def test_an_aws_pair() -> None:
    found = named(AWS_SECRET, parts={"key_id": KEY_ID, "variable": "x"})
    assert found.skipped is None
    assert found.credential is not None
    assert (found.credential.kind, found.credential.parts["key_id"]) == ("aws_access_key", KEY_ID)
    assert found.credential.secret.reveal() == AWS_SECRET


@needs_aws
def test_a_key_id_without_its_secret_is_known_by_the_id_and_holds_no_secret() -> None:
    found = named(KEY_ID, parts={"half": "aws_id", "why_half": "unpaired"})
    assert (found.state, found.skipped) == (ValueState.PARTIAL, "unpaired")
    assert found.credential is not None
    assert found.credential.fingerprint == f"fp_aws_access_key_{KEY_ID}"
    assert not found.credential.secret
    assert found.credential.parts == {"key_id": KEY_ID}


@needs_aws
def test_a_secret_without_its_id_is_the_credential_that_the_pair_would_be() -> None:
    alone = named(AWS_SECRET, parts={"half": "aws_secret"})
    whole = named(AWS_SECRET, parts={"key_id": KEY_ID})
    assert (alone.state, alone.skipped) == (ValueState.PARTIAL, "incomplete")
    assert alone.credential is not None
    assert whole.credential is not None
    assert alone.credential.fingerprint == whole.credential.fingerprint


@needs_aws
def test_a_temporary_key_without_its_token_is_incomplete() -> None:
    key_id, secret = samples.aws_pair(RNG, "ASIA")
    assert named(secret, parts={"key_id": key_id}).skipped == "incomplete"
    whole = named(secret, parts={"key_id": key_id}, secret_parts={"session_token": Secret(samples.aws_token(RNG))})
    assert whole.skipped is None
    assert whole.credential is not None
    assert whole.credential.kind == "aws_session"


@pytest.mark.skipif("vault_approle_secret_id" not in catalog.kinds(), reason="no provider file for Vault")
def test_an_approle_pair() -> None:
    role, secret = str(uuid.UUID(int=3)), str(uuid.UUID(int=4))
    found = named(secret, parts={"role_id": role})
    assert found.credential is not None
    assert (found.credential.kind, found.credential.parts["role_id"]) == ("vault_approle_secret_id", role)


@pytest.mark.skipif("postgresql_uri" not in catalog.kinds(), reason="no provider file for PostgreSQL")
def test_a_postgresql_address_is_one_credential_whatever_its_options() -> None:
    ways = [named(f"{start}://app:{AWS_SECRET[:12]}pw@DB.example{rest}") for start, rest in (
        ("postgres", "/orders?sslmode=require"), ("postgresql", ":5432/orders"), ("jdbc:postgresql", "/orders#x"))]  # fmt: skip
    assert all(way.credential is not None for way in ways)
    found = {way.credential.fingerprint: way.credential for way in ways if way.credential}
    assert len(found) == 1
    (credential,) = found.values()
    assert credential.kind == "postgresql_uri"
    assert {"user": "app", "host": "db.example", "port": "5432", "database": "orders"}.items() <= credential.parts.items()


def test_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revoker.ingest.naming.MOST_REMEMBERED", 10)
    namer = Namer(fingerprint)
    for n in range(100):
        namer.name(Finding("r", Location("list"), Secret(f"value-{n}")))
    assert len(namer.known) <= 10


WEAK = [kind for kind in catalog.kinds().values() if kind.ambiguous and not kind.needs and not kind.needs_secret]


def test_a_value_that_several_kinds_fit_lists_them_and_is_named_by_none() -> None:
    value = "".join(RNG.choices("0123456789abcdef", k=32))
    found = named(value)
    assert found.skipped == "ambiguous"
    assert found.credential is not None
    assert found.credential.kind == catalog.UNKNOWN
    listed = found.credential.parts["candidates"].split(", ")
    assert len(listed) > 1
    assert set(listed) <= {kind.id for kind in catalog.kinds().values() if kind.ambiguous}


def test_a_label_that_means_several_kinds_leaves_the_others_as_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    value = "".join(RNG.choices("0123456789abcdef", k=32))
    fits = catalog.candidates(value)[:2]
    monkeypatch.setattr(catalog, "labelled", lambda label, scanner: frozenset(fits if label == "both" else fits[:1]))
    both, one = named(value, rule="both").credential, named(value, rule="one").credential
    assert both is not None
    assert one is not None
    assert {both.kind, *both.parts["candidates"].split(", ")} == set(fits)
    assert (one.kind, one.parts["candidates"]) == (fits[0], "")


def test_the_shape_decides_over_the_label() -> None:
    """A value whose shape is its own stays what it is, whatever a scanner calls it."""
    for label in ("datadog_api_key", *(kind.id for kind in WEAK[:40])):
        found = named(GROQ, rule=label).credential
        assert found is not None
        assert (found.kind, dict(found.parts)) == ("groq_api_key", {})


def test_a_value_that_our_own_reading_breaks_on_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(value: str) -> None:
        raise ZeroDivisionError(value)

    monkeypatch.setattr(addresses, "normal", broken)
    found = named(GROQ)
    assert found.skipped == "our_bug"
    assert found.credential is not None
    assert (found.credential.kind, found.credential.secret.reveal()) == (catalog.UNKNOWN, GROQ)
