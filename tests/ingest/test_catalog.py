"""The catalogue: shape over label, weak patterns only with help, no slow pattern."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from typing import Any

import pytest

from revoker import catalog
from revoker.errors import ConfigError, UsageError
from revoker.sdk import Kind, Provider
from tests.ingest import samples

KINDS = sorted(catalog.kinds())


@pytest.fixture
def with_kinds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Add a provider of made-up kinds to the catalogue, for one test."""

    def add(*kinds: Kind) -> None:
        provider = replace(catalog.providers()["groq"], id="madeup", kinds=kinds)
        monkeypatch.setitem(catalog._extra, "madeup", provider)
        catalog.catalogue.cache_clear()

    yield add
    monkeypatch.undo()
    catalog.catalogue.cache_clear()


def made_up(id: str, pattern: str, **more: Any) -> Kind:
    return replace(catalog.kinds()["groq_api_key"], id=id, pattern=pattern, **more)


@pytest.mark.parametrize("kind_id", KINDS)
def test_a_value_of_each_kind_is_named_as_that_kind(kind_id: str) -> None:
    rng = random.Random(kind_id)  # noqa: S311 - fake values
    for _ in range(20):
        named = catalog.name_kinds(samples.value(kind_id, rng), variable=kind_id)
        assert kind_id in named


@pytest.mark.parametrize("kind_id", KINDS)
def test_the_owner_of_each_kind_is_its_provider(kind_id: str) -> None:
    assert catalog.kinds()[kind_id] in catalog.provider_of(kind_id).kinds


@pytest.mark.parametrize("kind_id", KINDS)
@pytest.mark.row("I-8")
def test_no_pattern_is_slow_on_hostile_input(kind_id: str) -> None:
    pattern = catalog.catalogue().patterns[kind_id]
    start = samples.value(kind_id, random.Random(1))  # noqa: S311
    tails = ("a", "A1", "0", "-", "_", ".", "/", ":", "@", "a.", "a-", "a@", "a:", "%2", start[:12])
    for head in (start[:4], start[:8], start[: len(start) // 2], start, ""):
        for tail in tails:
            hostile = (head + tail * catalog.LONGEST)[: catalog.LONGEST - 1] + "!"
            began = time.process_time()
            pattern.fullmatch(hostile)
            assert time.process_time() - began < 0.1, (head[:4], tail)


def test_the_shape_decides_over_the_label(with_kinds: Any) -> None:
    with_kinds(made_up("a_key", r"aa_[a-z]{20}", labels={"gitleaks": ("rule-a",)}), made_up("b_key", r"bb_[a-z]{20}"))
    assert catalog.name_kinds("bb_" + "x" * 20, label="rule-a", scanner="gitleaks") == ("b_key",)


def test_a_label_orders_what_the_shape_leaves_open(with_kinds: Any) -> None:
    one, two = made_up("one", r"zz_[a-z]{20}"), made_up("two", r"zz_[a-z0-9]{20}", labels={"gitleaks": ("Rule-Two",)})
    with_kinds(one, two)
    assert catalog.name_kinds("zz_" + "x" * 20) == ("one", "two")
    assert catalog.name_kinds("zz_" + "x" * 20, label="rule-two", scanner="gitleaks") == ("two", "one")
    assert catalog.name_kinds("zz_" + "x" * 20, label="rule-two", scanner="another") == ("two", "one")


def test_a_weak_pattern_needs_a_label_or_a_variable(with_kinds: Any) -> None:
    with_kinds(made_up("weak_key", r"[0-9a-f]{32}", ambiguous=True, labels={"gitleaks": ("weak-rule",)}))
    weak = "0123456789abcdef" * 2
    assert catalog.name_kinds(weak) == ()
    assert catalog.name_kinds(weak, label="generic-api-key", scanner="gitleaks", variable="SOME_KEY") == ()
    assert catalog.name_kinds(weak, label="weak-rule", scanner="gitleaks") == ("weak_key",)
    assert catalog.name_kinds(weak, variable="PROD_MADEUP_TOKEN") == ("weak_key",)
    assert catalog.name_kinds(weak, variable="myWeakKey") == ("weak_key",)


def test_a_label_that_names_a_weak_kind_alone_wins_over_a_strong_one_of_the_same_shape(with_kinds: Any) -> None:
    strong, weak = made_up("ww_token", r"ww_[a-z]{20}"), made_up("ww_group_token", r"ww_[a-z]{20}", ambiguous=True)
    with_kinds(strong, weak)
    value = "ww_" + "x" * 20
    assert catalog.name_kinds(value) == ("ww_token",)
    assert catalog.name_kinds(value, label="ww_group_token", scanner="csv") == ("ww_group_token", "ww_token")
    assert catalog.name_kinds(value, variable="WW_GROUP_TOKEN") == ("ww_token", "ww_group_token")


def test_a_pattern_is_anchored_and_its_groups_are_public_parts(with_kinds: Any) -> None:
    kind = made_up("part_key", r"pp_(?P<mode>live|test)_[a-z]{10}")
    with_kinds(kind)
    good = "pp_live_" + "x" * 10
    assert catalog.public_parts(kind, good) == {"mode": "live"}
    for wrong in (good + "y", " " + good, good + "\n", "x" + good, good * 2):
        assert catalog.name_kinds(wrong) == ()
    assert catalog.public_parts(kind, "x" * 100_000) == {}


def test_an_endless_value_is_of_no_kind() -> None:
    assert catalog.name_kinds("gsk_" + "a" * 10_000_000) == ()


HEX, WORD = "0123456789abcdef", "Ab1Cd2Ef3Gh4"
FAMILIES = {  # a newer form of a vendor's keys -> its one kind, without a label or a variable's name
    "ya29.c." + WORD * 40 + "." * 8: "gcp_oauth_access_token",
    "ya29.a0" + WORD * 16: "gcp_oauth_access_token",
    **{WORD * 4 + "abcd" + "JQQJ99" + "BDACYeBjFXJ3w3" + mark + "ACOG" + "wxyz": "azure_openai_key" for mark in ("AAAA", "AAAB")},
    "ddapp_" + WORD * 2 + WORD[:10]: "datadog_ddapp_key",
    "sntryi_" + HEX * 4: "sentry_integration_token",
    "sntrya_" + HEX * 4: "sentry_integration_token",
    "sntryu_" + HEX * 4: "sentry_auth_token",
    "aws-external-anthropic-api-key-" + WORD * 30: "anthropic_aws_short_term_key",
}


@pytest.mark.parametrize(("value", "kind"), FAMILIES.items(), ids=[f"{n}: {kind}" for n, kind in enumerate(FAMILIES.values())])
def test_every_form_of_a_vendors_keys_is_of_one_kind(value: str, kind: str) -> None:
    assert (catalog.name_kinds(value), catalog.candidates(value)) == ((kind,), ())


OPENAI = "T3Blbk" + "FJ"  # the mark in each of their keys


@pytest.mark.parametrize("label", [None, "openai-api-key"])
def test_an_openai_key_of_a_form_that_is_not_known_is_openais_and_one_of_a_known_form_is_sure(label: str | None) -> None:
    for beginning, length, kind in (
        ("sk-proj-", 74, "openai_project_key"),
        ("sk-", 20, "openai_user_key"),
        ("sk-proj-", 60, "openai_other_key"),
        ("sk-new_sort-", 30, "openai_other_key"),
    ):
        value = f"{beginning}{'a1' * (length // 2)}{OPENAI}{'2b' * (length // 2)}"
        assert catalog.name_kinds(value, label=label, scanner="gitleaks")[0] == kind
        assert catalog.candidates(value, label=label, scanner="gitleaks") == ()


def test_a_variable_of_azure_names_an_old_client_secret_and_no_key_of_azure_openai() -> None:
    secret, key = (WORD * 3)[:33], HEX * 2
    assert catalog.name_kinds(secret, variable="AZURE_CLIENT_SECRET") == ("azure_entra_legacy_secret",)
    assert "azure_entra_legacy_secret" not in catalog.name_kinds(key, variable="AZURE_OPENAI_KEY")


def test_scanners_labels_lead_to_kinds() -> None:
    assert catalog.labelled("Groq", "trufflehog") == {"groq_api_key"}
    assert catalog.labelled("betterleaks.groq-api-key", "kingfisher") == {"groq_api_key"}
    assert catalog.labelled("no such rule", "gitleaks") == frozenset()


def test_an_unknown_kind_is_a_readable_error() -> None:
    with pytest.raises(UsageError, match="no kind"):
        catalog.provider_of("no_such_kind")


def test_a_missing_link_is_a_readable_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "revoker.providers", None)
    catalog.catalogue.cache_clear()
    with pytest.raises(ConfigError, match="providers/"):
        catalog.providers()
    monkeypatch.undo()
    catalog.catalogue.cache_clear()


def test_two_kinds_of_one_id_are_refused(with_kinds: Any) -> None:
    with_kinds(made_up("groq_api_key", "x"))
    with pytest.raises(ConfigError, match="same id"):
        catalog.kinds()


@pytest.mark.row("W-11")
def test_a_third_party_provider_comes_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = replace(catalog.providers()["groq"], id="third", kinds=(made_up("third_key", "third_[a-z]{20}"),))
    points = [_Point("third", provider), _Point("broken", object()), _Point("twin", replace(provider, id="groq"))]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)
    monkeypatch.setattr(catalog, "_extra", {})
    catalog.load_extra(["third"])
    catalog.load_extra(["third"])
    assert catalog.name_kinds("third_" + "x" * 20) == ("third_key",)
    for name, says in (("missing", "No installed package"), ("broken", "no PROVIDER"), ("twin", "one already")):
        with pytest.raises(ConfigError, match=says):
            catalog.load_extra([name])
    monkeypatch.undo()
    catalog.catalogue.cache_clear()


class _Point:
    module = "third_party.keys"

    def __init__(self, name: str, provider: Provider | object) -> None:
        self.name, self.provider = name, provider

    def load(self) -> object:
        return self.provider
