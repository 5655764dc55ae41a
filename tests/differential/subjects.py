"""What is compared: kinds that both tools check with the secret alone, and the answers that both are given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from revoker.model import Validity
from tests.providers.catalogue import CASES, Case

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}
ENDPOINTS = {"npm": "https://npm.example"}  # npm's registry is the operator's to name

# Our kind -> the built-in rule of kingfisher 2.14 that checks it. (It has no check for Docker Hub.)
RULES = {
    "airtable_pat": "betterleaks.airtable-personnal-access-token",
    "anthropic_api_key": "betterleaks.anthropic-api-key",
    "brevo_key": "betterleaks.sendinblue-api-token",
    "buildkite_token": "betterleaks.buildkite-user-access-token",
    "cerebras_api_key": "betterleaks.cerebras-api-key",
    "circleci_token": "betterleaks.circleci-personal-token",
    "cratesio_token": "betterleaks.crates-io-api-key",
    "deepseek_api_key": "betterleaks.deepseek-api-key",
    "digitalocean_oauth": "veles.secrets/digitaloceanapikey",
    "figma_pat": "betterleaks.figma-personal-access-token",
    "github_classic_pat": "betterleaks.github-pat",
    "github_fine_grained_pat": "betterleaks.github-fine-grained-pat",
    "gitlab_pat": "betterleaks.gitlab-pat",
    "google_api_key": "betterleaks.gcp-gemini-api",
    "groq_api_key": "betterleaks.groq-api-key",
    "heroku_api_key": "veles.secrets/herokuplatformkey",
    "huggingface_token": "betterleaks.huggingface-access-token",
    "linear_api_key": "betterleaks.linear-api-key",
    "npm_token": "veles.secrets/npmjsaccesstoken",
    "openai_project_key": "betterleaks.openai-api-key",
    "openrouter_api_key": "betterleaks.openrouter-api-key",
    "perplexity_api_key": "betterleaks.perplexity-api-key",
    "replicate_api_token": "betterleaks.replicate-api-token",
    "sendgrid_key": "betterleaks.sendgrid-api-token",
    "slack_bot_token": "betterleaks.slack-bot-token",
    "stripe_secret_key": "betterleaks.stripe-access-token",
    "supabase_management_token": "betterleaks.supabase-management-token",
    "voyage_api_key": "betterleaks.voyageai-api-key",
    "wandb_api_key": "betterleaks.weights-and-biases-api-key-v1",
    "xai_api_key": "betterleaks.xai-api-key",
}


@dataclass(frozen=True)
class Given:
    """One answer that both tools get, whatever they ask."""

    name: str
    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    hangs: bool = False
    source: str = ""  # where a live or dead answer is written down


COMMON = (
    Given("429", 429, '{"error": {"message": "too many requests"}}'),
    Given("500", 500, '{"error": {"message": "internal error"}}'),
    Given("403", 403, '{"error": {"message": "forbidden"}, "message": "forbidden"}'),
    Given("login page", 200, "<!doctype html><html><body><form action='/login'></form></body></html>", HTML),
    Given("redirect", 302, "", {"Location": "https://sign-in.example/"}),
    Given("time-out", 0, "", hangs=True),
    Given("200 ok:false", 200, '{"ok": false, "error": "service_unavailable"}'),
)


def answers(kind: str) -> list[Given]:
    """The written-down live and dead answer of a kind, and those that must decide nothing."""
    return [given for name in (Validity.LIVE, Validity.DEAD) if (given := _written(kind, name))] + list(COMMON)


def _written(kind: str, validity: Validity) -> Given | None:
    """The first written-down answer with a body to this verdict; of a check with several requests its last."""
    fit = [case for case in CASES if case.kind == kind and case.validity == validity and "status" in case.calls[-1]]
    fit = [case for case in fit if not case.settings and not case.authority and "trouble" not in case.calls[-1]]
    fit.sort(key=lambda case: (len(case.calls), case.reason not in ("authenticated", "refused")))
    return _given(fit[0], validity) if fit else None


def _given(case: Case, validity: Validity) -> Given:
    call = case.calls[-1]
    body = call.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    kept = {} if isinstance(body, str) else JSON
    headers = {**kept, **{name: str(value) for name, value in call.get("headers", {}).items()}}
    return Given(str(validity.value), call["status"], text, headers, source=f"{case.source}, {case.date}: {case.name}")
