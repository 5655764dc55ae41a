"""Fresh fake credentials of the right shape, made at run time. Nothing here opens anything outside the lab."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping

from revoker.sdk import crc32_base62

ALNUM = string.ascii_letters + string.digits
URL_SAFE = ALNUM + "_-"


def chars(alphabet: str, count: int) -> str:
    """Random characters, from the system's randomness, so that no seed makes two alike."""
    return "".join(secrets.choice(alphabet) for _ in range(count))


def make(kind: str) -> str:
    """A fresh value of a kind. Raises KeyError for a kind without a maker."""
    return MAKERS[kind]()


def _openai(prefix: str) -> str:
    return f"{prefix}{chars(URL_SAFE, 74)}T3BlbkFJ{chars(URL_SAFE, 74)}"


def _github(prefix: str) -> str:
    body = chars(ALNUM, 30)
    return f"{prefix}_{body}{crc32_base62(body)}"


def _slack_bot() -> str:
    return "-".join(("xoxb", "4" + chars(string.digits, 11), "5" + chars(string.digits, 12), chars(ALNUM, 24)))


MAKERS: Mapping[str, Callable[[], str]] = {
    "openai_project_key": lambda: _openai("sk-proj-"),
    "openai_service_account_key": lambda: _openai("sk-svcacct-"),
    "anthropic_api_key": lambda: f"sk-ant-api03-{chars(URL_SAFE, 93)}AA",
    "huggingface_token": lambda: "hf_" + chars(string.ascii_letters, 34),
    "groq_api_key": lambda: "gsk_" + chars(ALNUM, 20) + "WGdyb3FY" + chars(ALNUM, 24),
    "google_api_key": lambda: "AIza" + chars(URL_SAFE, 35),
    "slack_bot_token": _slack_bot,
    "stripe_restricted_key": lambda: "rk_live_51" + chars(ALNUM, 97),
    "stripe_secret_key": lambda: "sk_live_51" + chars(ALNUM, 97),
    "github_classic_pat": lambda: _github("ghp"),
    "gitlab_pat": lambda: "glpat-" + chars(ALNUM, 20),
    "docker_hub_pat": lambda: "dckr_pat_" + chars(ALNUM, 27),
    "password": lambda: chars(ALNUM, 24),
}
