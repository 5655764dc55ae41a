"""The traps of AI platforms: section by section of what cuts across them, and each provider's own."""

from __future__ import annotations

from typing import Any

import pytest

from revoker.config import Settings
from revoker.doubt import doubted
from revoker.model import Proof
from tests.providers.catalogue import ACTIONS, CASES, KINDS, OWNERS
from tests.providers.fake_api import FakeReader, always, reply_of, run
from tests.providers.samples import credential_of
from tests.providers.traps import Trap, answer, ask, credential, trap


def openai(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    return answer(status, {"error": {"message": message, "type": "invalid_request_error", "code": code}})


def anthropic(status: int, type_: str, message: str = "made up") -> dict[str, Any]:
    return answer(status, {"type": "error", "error": {"type": type_, "message": message}})


def google(status: int, reason: str) -> dict[str, Any]:
    return answer(status, {"error": {"code": status, "message": "made up", "details": [{"reason": reason}]}})


def xai(**flags: bool) -> dict[str, Any]:
    return answer(200, {"api_key_id": "k", "team_id": "t", **flags})


def eleven(status: str) -> dict[str, Any]:
    return answer(401, {"detail": {"status": status, "message": "made up"}})


TRAPS = [
    # 401 is not always dead, 403 is rarely dead
    trap("401 for want of a scope is live", "openai_project_key", "live restricted", openai(401, "You have insufficient permissions. Missing scopes: api.model.read")),
    trap("403 for want of a scope is live", "openai_project_key", "live restricted", openai(403, "You have insufficient permissions for this operation.")),
    trap("401 for an address is live", "openai_project_key", "live restricted", openai(401, "IP not authorized", "ip_not_authorized")),
    trap("401 of another organisation is live", "openai_project_key", "live restricted", openai(401, "made up", "mismatched_organization")),
    trap("401 without an organisation is still there", "openai_user_key", "live blocked", openai(401, "made up", "no_organization")),
    trap("401 account_deactivated is still there", "openai_user_key", "live blocked", openai(401, "made up", "account_deactivated")),
    trap("403 about our country decides nothing", "openai_project_key", "unknown region_refused", openai(403, "made up", "unsupported_country_region_territory")),
    trap("429 insufficient_quota is live", "openai_project_key", "live no_quota", openai(429, "made up", "insufficient_quota")),
    trap("429 of a rate decides nothing", "openai_project_key", "unknown rate_limited", openai(429, "slow down", "rate_limit_exceeded")),
    trap("401 invalid_api_key is dead", "openai_project_key", "dead", openai(401, "Incorrect API key provided", "invalid_api_key")),
    trap("a new 401 decides nothing", "openai_project_key", "unknown", openai(401, "made up", "something_new")),
    trap("401 missing_permissions is live", "elevenlabs_api_key", "live restricted", eleven("missing_permissions")),
    trap("401 quota is live", "elevenlabs_api_key", "live no_quota", eleven("quota_exceeded")),
    trap("401 invalid_api_key at every host is dead", "elevenlabs_api_key", "dead", *[eleven("invalid_api_key")] * 4),
    trap("a key of another residency lives", "elevenlabs_api_key", "live", *[eleven("invalid_api_key")] * 2, answer(200, {"user_id": "u"})),
    trap("401 without credits is live", "perplexity_api_key", "live no_quota", answer(401, {"error": {"message": "made up", "type": "insufficient_quota"}})),
    trap("401 that does not say why decides nothing", "perplexity_api_key", "unknown refused_or_no_credits", answer(401, {"error": {"message": "made up"}})),
    trap("401 invalid API key is dead", "perplexity_api_key", "dead", answer(401, {"error": "Invalid API key"})),
    trap("403 is a header that is missing, or another region", "langsmith_key", "unknown forbidden", *[answer(403, {"detail": "Forbidden"})] * 2),
    trap("401 in both regions is dead", "langsmith_key", "dead", *[answer(401, {"detail": "Invalid token"})] * 2),
    # 400 can be dead, and can be live
    trap("400 incorrect key is dead", "xai_api_key", "dead", answer(400, {"error": "Incorrect API key provided: xa***"})),
    trap("another 400 decides nothing", "xai_api_key", "unknown", answer(400, {"error": "bad request"})),
    trap("400 API_KEY_INVALID is dead", "google_api_key", "dead", google(400, "API_KEY_INVALID")),
    trap("another 400 decides nothing", "google_api_key", "unknown", google(400, "SOMETHING_NEW")),
    trap("403 of an API that is blocked is live", "google_api_key", "live restricted", google(403, "API_KEY_SERVICE_BLOCKED")),
    trap("403 of an address is live", "google_api_key", "live ip_restricted", google(403, "API_KEY_IP_ADDRESS_BLOCKED")),
    trap("403 SERVICE_DISABLED is live", "google_api_key", "live restricted", google(403, "SERVICE_DISABLED")),
    trap("403 reported as leaked is there still", "google_api_key", "live blocked", answer(403, {"error": {"message": "Your API key was reported as leaked."}})),
    trap("401 of an endpoint that wants OAuth decides nothing", "google_api_key", "unknown wrong_endpoint", google(401, "ACCESS_TOKEN_TYPE_UNSUPPORTED")),
    trap("400 of a barred organisation is live", "groq_api_key", "live organization_restricted", answer(400, {"error": {"message": "Organization has been restricted", "code": "organization_restricted"}})),
    trap("498 is no capacity", "groq_api_key", "unknown no_capacity", answer(498, {"error": {"message": "capacity"}})),
    trap("498 is an invalid token", "cohere_api_key", "dead", answer(498, {"message": "invalid api token"})),
    trap("200 valid:false is dead", "cohere_api_key", "dead invalid", answer(200, {"valid": False})),
    trap("400 of a spend limit is live", "anthropic_api_key", "live no_quota", anthropic(400, "invalid_request_error", "You have reached your spend limit")),
    trap("400 organization_on_hold is there still", "anthropic_api_key", "live blocked", anthropic(400, "organization_on_hold")),
    trap("402 is live", "anthropic_api_key", "live no_quota", anthropic(402, "billing_error")),
    trap("403 is live", "anthropic_api_key", "live restricted", anthropic(403, "permission_error")),
    trap("404 on a good path decides nothing", "anthropic_api_key", "unknown not_found", anthropic(404, "not_found_error")),
    trap("529 decides nothing", "anthropic_api_key", "unknown server_error", anthropic(529, "overloaded_error")),
    trap("401 authentication_error is dead", "anthropic_api_key", "dead", anthropic(401, "authentication_error")),
    # 200 can be dead
    trap("200 disabled is dead", "xai_api_key", "dead disabled", xai(disabled=True)),
    trap("200 api_key_disabled is dead", "xai_api_key", "dead disabled", xai(api_key_disabled=True)),
    trap("200 api_key_blocked is dead", "xai_api_key", "dead blocked", xai(api_key_blocked=True)),
    trap("200 team_blocked works again with its team", "xai_api_key", "live team_blocked", xai(team_blocked=True)),
    trap("200 with every flag down is live", "xai_api_key", "live", xai(disabled=False, api_key_blocked=False, team_blocked=False)),
    trap("200 without a viewer is dead", "wandb_api_key", "dead", answer(200, {"data": {"viewer": None}})),
    trap("200 with errors decides nothing", "wandb_api_key", "unknown", answer(200, {"data": {"viewer": None}, "errors": [{"message": "sorry"}]})),
    trap("200 without money is live", "deepseek_api_key", "live no_quota", answer(200, {"is_available": False, "balance_infos": []})),
    # quotas, plans, networks
    trap("432 is a plan's limit", "tavily_api_key", "live no_quota", answer(432, {"detail": "made up"})),
    trap("433 is a pay-as-you-go limit", "tavily_api_key", "live no_quota", answer(433, {"detail": "made up"})),
    trap("412 is billing", "fireworks_api_key", "live no_quota", answer(412, {"error": "made up"})),
    trap("403 of an address is live", "voyage_api_key", "live restricted", answer(403, {"detail": "made up"})),
    trap("401 expired is dead", "huggingface_token", "dead expired", answer(401, {"error": "User Access Token is expired"})),
    trap("403 of an organisation's policy is live", "huggingface_token", "live restricted", answer(403, {"error": "made up"})),
    trap("404 is another sort of resource", "azure_openai_key", "unknown wrong_host", answer(404, {"error": {"code": "404"}})),
    trap("403 of a network rule decides nothing", "azure_openai_key", "unknown network_refused", answer(403, {"error": {"code": "403"}})),
    trap("403 not authorized is a live key", "aws_bedrock_key", "live restricted", answer(403, {"Message": "User: arn:aws:iam::123456789012:user/x is not authorized to perform: bedrock:ListFoundationModels"})),
    trap("a short-term key is asked in its own region only", "aws_bedrock_short_term_key", "dead", answer(403, {"message": "The security token included in the request is invalid."})),
    trap("a key of one region, refused by the others", "mistral_api_key", "live", answer(401, {"detail": "Unauthorized"}), answer(200, {"data": []}), answer(401, {}), answer(200, {"organization": "o", "api_key": {"id": "k"}})),
]  # fmt: skip


@pytest.mark.parametrize("known", TRAPS)
def test_a_status_is_not_a_verdict(known: Trap) -> None:
    verdict, _ = ask(known)
    assert known.holds(verdict), verdict


PUBLIC = {"nvidia": "/v1/models", "sambanova": "/v1/models", "openrouter": "/api/v1/models"}


@pytest.mark.parametrize("provider", PUBLIC)
def test_a_list_that_anybody_may_read_proves_no_key(provider: str) -> None:
    for known in (kind for owner, kind in KINDS if owner.id == provider):
        reader = FakeReader(OWNERS[known.id][0], always(reply_of(answer(200, {"data": [{"id": "a-model"}]}))))
        verdict = run(known.verify(credential_of(known), reader))
        assert verdict.validity.value != "live"
        assert all(sent.path != PUBLIC[provider] for sent in reader.sent)


PAID = ("/messages", "/chat/completions", "/responses", "/embeddings", "/generate", "/predictions", "/speak", "/search")
FREE = {"/async/chat/completions"}  # the list of Perplexity's own jobs


@pytest.mark.parametrize("kind", [kind.id for _, kind in KINDS])
def test_no_check_is_an_inference(kind: str) -> None:
    """A check that is billed, or stands in the owner's log as a message, is none."""
    provider, known = OWNERS[kind]
    reader = FakeReader(provider, always(reply_of(answer(418, {}))), authority={}, settings={})
    run(known.verify(credential_of(known), reader))
    paths = {sent.path.partition("?")[0] for sent in reader.sent} - FREE
    assert not [path for path in paths if path.endswith(PAID)]


def test_three_reads_are_posts_and_each_is_named_with_its_body() -> None:
    named = {id: {read.path: (read.json, read.form) for read in OWNERS[id][0].reads} for id in ("cohere_api_key", "wandb_api_key", "nvidia_api_key")}  # fmt: skip
    assert named == {
        "cohere_api_key": {"/v1/check-api-key": ((), ())},
        "wandb_api_key": {"/graphql": (("query",), ())},
        "nvidia_api_key": {"/v3/keys/get-caller-info": ((), ("credentials",))},
    }


ACCEPTED_IS_NOT_DONE = ("huggingface_token", "github_classic_pat")


@pytest.mark.parametrize("kind", ACCEPTED_IS_NOT_DONE)
def test_an_answer_that_is_always_202_is_looked_at_again(kind: str) -> None:
    """Hugging Face answers 202 to anything; GitHub's 202 says nothing of the single token: only the check proves it."""
    action = next(action for action in OWNERS[kind][1].actions if action.id == "revoke")
    assert action.observe is not None


SIBLINGS = ("perplexity_api_key", "wandb_api_key", "fireworks_api_key", "openrouter_api_key", "aws_bedrock_key")


@pytest.mark.parametrize("kind", SIBLINGS)
def test_a_key_that_can_make_keys_says_that_others_may_be_left(kind: str) -> None:
    known = OWNERS[kind][1]
    said = " ".join([*(rest.what for rest in known.residual), *known.manual.steps]).casefold()
    assert "made" in said or "could make others" in said


def test_a_hint_of_first_and_last_characters_binds_nothing() -> None:
    """Every list of AI platforms that shows a redacted value is a list of candidates for a person."""
    for provider, kind, action in ACTIONS:
        if provider.id not in ("openai", "anthropic", "fireworks", "langsmith", "stripe"):
            continue
        if action.effect.value not in ("revoke", "suspend"):
            continue
        value = credential_of(kind).secret.reveal()
        hint = f"{value[:16]}...{value[-4:]}"
        row = {"id": "key_1", "name": "n", "redacted_value": hint, "partial_key_hint": hint, "short_key": hint, "prefix": value[:8],
               "keyId": "key_1", "secret_token_redacted": hint, "status": "active"}  # fmt: skip
        body = {"data": [row], "apiKeys": [row], "has_more": False}
        words = dict.fromkeys(provider.authority, "made-up")
        reader = FakeReader(provider, always(reply_of(answer(200, body))), authority=words, settings=words)
        found = run(action.bind(credential_of(kind), reader))
        assert getattr(found, "proof", None) is not Proof.UNIQUE_HASH, (kind.id, action.id)
        assert not hasattr(found, "proof"), (kind.id, action.id, found)


def test_every_ai_kind_has_its_answers_written_down() -> None:
    written = {case.kind for case in CASES}
    assert {known.values[0].kind for known in TRAPS} <= written


class OfThisHost(FakeReader):
    """A Reader that takes the credential's own host, whatever it is."""

    def _host(self, host: str | None) -> str:
        return host or ""


@pytest.mark.parametrize(
    "host", ["acme.openai.azure.com", "eastus.api.cognitive.microsoft.com", "EastUS.api.cognitive.microsoft.com:443"]
)
@pytest.mark.parametrize(
    ("told", "alone"), [(answer(401, {"error": {"code": "401"}}), "dead"), (answer(200, {"data": []}), "live")]
)
def test_azure_the_refusal_of_a_whole_regions_host_is_no_death(host: str, told: Any, alone: str) -> None:
    """Keys of Speech, Vision and others have the same form, and such a host serves the resources of everybody."""
    provider, kind = OWNERS["azure_openai_key"]
    cred = credential("azure_openai_key", {"host": host})
    verdict = run(kind.verify(cred, OfThisHost(provider, always(reply_of(told)))))
    shared = alone == "dead" and not host.startswith("acme")
    for before, validity in ((False, "unknown" if shared else alone), (True, alone)):  # what it accepted before, it can kill
        judged = doubted(provider, kind, cred, verdict, Settings(), accepted_once=before, places=list)
        assert judged.validity.value == validity
