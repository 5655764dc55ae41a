"""The targets of AI vendors' keys: an id that the key tells, a hash or value that a list holds, and nothing less."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from revoker.model import Bound, Credential, Proof, Secret, Unbound, Validity
from tests.providers.catalogue import OWNERS
from tests.providers.fake_api import FakeReader, Sent, reply_of, run
from tests.providers.samples import NOW, credential_of

TEAM = "/auth/teams/team_1/api-keys"
ACCOUNTS = "/subscriptions/sub-1/providers/Microsoft.CognitiveServices/accounts?api-version=2025-09-01"
RESOURCE = "/subscriptions/sub-1/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme"
SHOWN = f"{RESOURCE}/listKeys?api-version=2025-09-01"
SETTINGS = {"subscription": "sub-1", "account": "acme", "user": "ana"}


def bind(kind: str, table: Mapping[str, Any], *, authority: bool = True) -> Bound | Unbound:
    provider, known = OWNERS[kind]

    def answer(sent: Sent) -> Any:
        found = table.get(sent.path)
        return reply_of({"status": 404, "body": {"error": "none"}} if found is None else {"status": 200, "body": found})

    words = dict.fromkeys(provider.authority, "made-up") if authority else {}
    action = next(action for action in known.actions if action.id in ("revoke", "rotate"))
    return run(action.bind(credential_of(known), FakeReader(provider, answer, authority=words, settings=SETTINGS)))


def secret(kind: str) -> str:
    return credential_of(OWNERS[kind][1]).secret.reveal()


def reason(found: Bound | Unbound) -> str:
    assert isinstance(found, Unbound), found
    return found.reason


# xAI and Mistral: the key tells its own id


def test_an_xai_key_that_is_disabled_still_tells_its_id() -> None:
    own = {"api_key_id": "key_1", "team_id": "team_1", "acls": ["api-key:model:*"], "disabled": True}
    found = bind("xai_api_key", {"/v1/api-key": own, TEAM: {"apiKeys": [{"apiKeyId": "key_1", "name": "ci"}]}})
    assert isinstance(found, Bound)
    assert (found.target, found.proof, found.account) == ("key_1", Proof.SELF_ENDPOINT, "team_1")
    assert found.extra["acls"] == '["api-key:model:*"]'


def test_an_xai_key_of_another_team_is_not_touched() -> None:
    own = {"api_key_id": "key_1", "team_id": "team_1"}
    assert reason(bind("xai_api_key", {"/v1/api-key": own, TEAM: {"apiKeys": [{"apiKeyId": "key_2"}]}})) == "refused"
    assert reason(bind("xai_api_key", {"/v1/api-key": own})) == "refused"
    assert reason(bind("xai_api_key", {})) == "no_match"
    assert reason(bind("xai_api_key", {}, authority=False)) == "no_authority"


def test_a_mistral_key_tells_its_id_or_there_is_no_target() -> None:
    found = bind("mistral_api_key", {"/v1/users/me": {"api_key": {"id": "key_1"}, "organization": {"id": "org_1"}}})
    assert isinstance(found, Bound)
    assert (found.target, found.account) == ("key_1", "org_1")
    assert reason(bind("mistral_api_key", {"/v1/users/me": {"email": "ana@acme.example"}})) == "no_match"


def test_a_deepgram_key_must_stand_in_a_project_of_the_authority() -> None:
    own, projects = {"api_key_id": "key_1"}, {"projects": [{"project_id": "p1"}, {"project_id": "p2"}]}
    other: dict[str, Any] = {"api_keys": []}
    ours = {"api_keys": [{"api_key": {"api_key_id": "key_1", "scopes": ["usage:write"]}}]}
    table = {"/v1/auth/token": own, "/v1/projects": projects, "/v1/projects/p1/keys": other}
    found = bind("deepgram_api_key", {**table, "/v1/projects/p2/keys": ours})
    assert isinstance(found, Bound)
    assert (found.target, dict(found.extra)) == ("key_1", {"project": "p2", "scopes": "usage:write"})
    assert reason(bind("deepgram_api_key", {**table, "/v1/projects/p2/keys": other})) == "no_match"
    assert reason(bind("deepgram_api_key", table)) == "refused", "one project's list is missing"


# OpenRouter, W&B, Azure OpenAI: the list holds the value or its hash


class Rows:
    """A list that ends: rows on the first page, none after."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows

    def page(self, sent: Sent) -> dict[str, Any]:
        return {"data": list(self.rows) if sent.params["offset"] == "0" else []}


def openrouter(*rows: dict[str, Any]) -> Bound | Unbound:
    provider, known = OWNERS["openrouter_api_key"]
    reader = FakeReader(
        provider,
        lambda sent: reply_of({"status": 200, "body": Rows(*rows).page(sent)}),
        authority={"management_key": "made-up"},
    )
    return run(known.actions[0].bind(credential_of(known), reader))


@pytest.mark.row("W-1")
def test_an_openrouter_key_is_the_one_with_its_hash() -> None:
    digest = hashlib.sha256(secret("openrouter_api_key").encode()).hexdigest()
    found = openrouter({"hash": "0" * 64, "label": "x"}, {"hash": digest, "label": "y"})
    assert isinstance(found, Bound)
    assert (found.target, found.proof) == (digest, Proof.UNIQUE_HASH)


def test_an_openrouter_label_names_a_key_for_a_person_only() -> None:
    value = secret("openrouter_api_key")
    label = f"{value[:12]}...{value[-3:]}"
    assert reason(openrouter({"hash": "h1", "name": "ci", "label": label})) == "label_only"
    assert reason(openrouter({"hash": "h1", "label": label}, {"hash": "h2", "label": label})) == "several_matches"
    assert reason(openrouter({"hash": "h1", "label": "sk-or-v1-zzz...zzz"})) == "no_match"


def viewer(*names: str) -> dict[str, Any]:
    edges = [{"node": {"id": f"id_{at}", "name": name}} for at, name in enumerate(names)]
    return {"data": {"viewer": {"id": "u", "apiKeys": {"edges": edges}}}}


def test_a_wandb_name_is_a_label_unless_it_is_the_whole_value() -> None:
    value = secret("wandb_legacy_key")
    found = bind("wandb_legacy_key", {"/graphql": viewer("zzzz", value)})
    assert isinstance(found, Bound)
    assert (found.target, found.proof) == ("id_1", Proof.UNIQUE_HASH)
    assert reason(bind("wandb_legacy_key", {"/graphql": viewer(value[:6], "zzzz")})) == "label_only"
    assert reason(bind("wandb_legacy_key", {"/graphql": viewer(value[:6], value[:5])})) == "several_matches"
    assert reason(bind("wandb_legacy_key", {"/graphql": viewer("", "zzzz")})) == "no_match"
    assert reason(bind("wandb_legacy_key", {"/graphql": {"data": {"viewer": None}}})) == "refused"


def azure(host: str, key1: str, key2: str) -> Bound | Unbound:
    row = {"id": RESOURCE, "properties": {"endpoint": f"https://{host}/", "endpoints": {"OpenAI": f"https://{host}/"}}}
    return bind("azure_openai_key", {ACCOUNTS: {"value": [row]}, SHOWN: {"key1": key1, "key2": key2}})


def test_an_azure_openai_key_is_the_one_with_its_value() -> None:
    cred = credential_of(OWNERS["azure_openai_key"][1])
    host, value = cred.parts["host"], cred.secret.reveal()
    found = azure(host, "another", value)
    assert isinstance(found, Bound)
    assert (found.target, found.proof, found.account) == ("Key2", Proof.UNIQUE_HASH, "acme")
    assert reason(azure(host, "another", "new")) == "no_match", "it was made anew since"
    assert reason(azure("other.openai.azure.com", value, "other")) == "no_match", "the account of another host"
    assert reason(bind("azure_openai_key", {})) == "refused"


# Bedrock: the key holds its public name


def listed(*names: str) -> dict[str, Any]:
    rows = [{"ServiceSpecificCredentialId": f"id_{at}", "ServiceCredentialAlias": name} for at, name in enumerate(names)]
    return {"iam:ListServiceSpecificCredentials": {"ServiceSpecificCredentials": rows, "IsTruncated": False}}


def test_a_bedrock_key_is_the_one_whose_name_it_holds() -> None:
    name = "BedrockAPIKey-x1y2-at-123456789012"
    found = bind("aws_bedrock_key", listed("BedrockAPIKey-x1y2+1-at-123456789012", name))
    assert isinstance(found, Bound)
    assert (found.target, found.proof, found.account) == ("id_1", Proof.EMBEDDED, "123456789012")
    assert found.extra["user"] == "BedrockAPIKey-x1y2"
    assert reason(bind("aws_bedrock_key", listed("BedrockAPIKey-x1y2+1-at-123456789012"))) == "no_match"
    assert reason(bind("aws_bedrock_key", listed(name, name))) == "several_matches"
    assert reason(bind("aws_bedrock_key", {})) == "refused"
    kind = OWNERS["aws_bedrock_key"][1]
    assert kind.account is not None
    assert kind.account(credential_of(kind)) == "123456789012"


def test_a_short_term_bedrock_key_dies_at_its_own_end() -> None:
    kind = OWNERS["aws_bedrock_short_term_key"][1]
    cred, over = credential_of(kind), kind.offline[0]
    assert over(cred, NOW) is None
    late = over(cred, NOW + timedelta(hours=12))
    assert late is not None
    assert (late.validity, late.reason) == (Validity.DEAD, "expired_offline")
    junk = over(Credential(kind.id, "fp_1", Secret("bedrock-api-key-" + "A" * 200)), NOW)
    assert junk is not None
    assert (junk.validity, junk.reason) == (Validity.SKIPPED, "malformed")


# LangSmith and Fireworks: short forms and prefixes are labels


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("langsmith_key", "/api/v1/orgs/current/personal-access-tokens"),
        ("langsmith_service_key", "/api/v1/orgs/current/service-keys"),
    ],
)
def test_a_short_form_of_langsmith_is_a_label(kind: str, path: str) -> None:
    value = secret(kind)
    assert reason(bind(kind, {path: [{"id": "id_1", "short_key": f"{value[:12]}...{value[-4:]}"}]})) == "label_only"
    assert reason(bind(kind, {path: [{"id": "id_1", "short_key": "lsv2_zz...zzzz"}]})) == "no_match"
    assert reason(bind(kind, {})) == "refused"


@pytest.mark.row("W-1")
def test_a_prefix_of_fireworks_is_a_label() -> None:
    path, value = "/v1/accounts/acme/users/ana/apiKeys", secret("fireworks_api_key")
    row = {"keyId": "k1", "displayName": "ci", "prefix": value[:8]}
    assert reason(bind("fireworks_api_key", {path: {"apiKeys": [row]}})) == "label_only"
    assert reason(bind("fireworks_api_key", {path: {"apiKeys": [row, row]}})) == "several_matches"
    assert reason(bind("fireworks_api_key", {path: {"apiKeys": [{"keyId": "k1", "prefix": ""}]}})) == "no_match"
