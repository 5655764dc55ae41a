"""The status-is-not-a-verdict traps of SaaS, mail, payment and identity providers, each given to the kind's real check."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.catalogue import OWNERS
from tests.providers.traps import Trap, answer, ask, trap

KEYS = {"secret": "made-up", "client_id": "made-up"}


def figma(text: str) -> dict[str, Any]:
    return answer(403, {"status": 403, "err": text})


def mapbox(code: str) -> dict[str, Any]:
    return answer(200, {"code": code})


def plaid(code: str) -> dict[str, Any]:
    return answer(400, {"error_type": "INVALID_INPUT", "error_code": code, "error_message": "made up"})


def slack(error: str) -> dict[str, Any]:
    return answer(200, {"ok": False, "error": error})


STATUS_IS_NOT_A_VERDICT = [
    # Slack answers 200 to everything
    trap("200 with token_revoked is dead", "slack_bot_token", "dead", slack("token_revoked")),
    trap("200 with account_inactive is dead", "slack_bot_token", "dead", slack("account_inactive")),
    trap("200 with missing_scope is live", "slack_user_token", "live restricted", slack("missing_scope")),
    trap("200 with org_login_required is live", "slack_user_token", "live restricted", slack("org_login_required")),
    trap("200 with ratelimited decides nothing", "slack_bot_token", "unknown rate_limited", slack("ratelimited")),
    trap("invalid_auth is dead where every address may call", "slack_bot_token", "dead", slack("invalid_auth")),
    trap(
        "invalid_auth may be about our address",
        "slack_bot_token",
        "unknown invalid_auth_or_address",
        slack("invalid_auth"),
        settings={"ip_allow_list": "yes"},
    ),
    trap("a new error decides nothing", "slack_bot_token", "unknown", slack("something_new")),
    trap("a payload that is none proves a webhook live", "slack_webhook", "live", answer(400, "invalid_payload")),
    trap("no_service is a dead webhook", "slack_webhook", "dead", answer(404, "no_service")),
    # SendGrid, Stripe: a 403 is a right that is missing
    trap("403 is a live key without the scope", "sendgrid_key", "live restricted", answer(403, {"errors": [{"message": "no"}]})),
    trap("403 is a live restricted key", "stripe_restricted_key", "live restricted", answer(403, {"error": {"message": "no"}})),
    # Twilio: a key is refused outside its own region
    trap(
        "a key of another region lives",
        "twilio_api_key",
        "live",
        *[answer(401, {"code": 20003})] * 2,
        answer(200, {"trunks": [], "meta": {"key": "trunks"}}),
    ),
    trap("refused in every region is dead", "twilio_auth_token", "dead", *[answer(401, {"code": 20003})] * 3),
    trap(
        "a region that does not answer",
        "twilio_api_key",
        "unknown connect",
        answer(401, {"code": 20003}),
        answer(trouble="connect"),
        answer(401, {"code": 20003}),
    ),
    # Figma: one status, two meanings
    trap("403 Invalid token is dead", "figma_pat", "dead", figma("Invalid token")),
    trap("403 Invalid scope is live", "figma_pat", "live restricted", figma("Invalid scope(s): current_user:read")),
    # Resend: a 401 that is live
    trap(
        "401 restricted_api_key is a live sending key",
        "resend_key",
        "live sending_only",
        answer(401, {"name": "restricted_api_key"}),
    ),
    trap("401 of another name decides nothing", "resend_key", "unknown", answer(401, {"name": "something_new"})),
    # Segment: a 403 that is dead
    trap("403 is dead, in both regions", "segment_token", "dead", *[answer(403, {"errors": [{"type": "forbidden"}]})] * 2),
    # Algolia
    trap("403 invalid is dead", "algolia_admin_key", "dead", answer(403, {"message": "Invalid Application-ID or API key"})),
    trap(
        "403 not allowed is live", "algolia_admin_key", "live", answer(403, {"message": "Method not allowed with this API key"})
    ),
    # Plaid: 400 for everything
    trap("400 INVALID_API_KEYS is dead, in both environments", "plaid_keys", "dead", *[plaid("INVALID_API_KEYS")] * 2),
    trap("another 400 decides nothing", "plaid_keys", "unknown", *[plaid("INVALID_FIELD")] * 2),
    trap(
        "400 ITEM_LOGIN_REQUIRED is live",
        "plaid_access_token",
        "live",
        plaid("ITEM_LOGIN_REQUIRED"),
        settings=KEYS,
        authority=KEYS,
    ),
    trap(
        "400 INVALID_ACCESS_TOKEN is dead",
        "plaid_access_token",
        "dead",
        plaid("INVALID_ACCESS_TOKEN"),
        settings=KEYS,
        authority=KEYS,
    ),
    trap("400 about our own client", "plaid_access_token", "unknown", plaid("INVALID_API_KEYS"), settings=KEYS, authority=KEYS),
    # Mapbox: 200 for everything
    trap("200 TokenValid is live", "mapbox_token", "live", mapbox("TokenValid")),
    trap("200 TokenInvalid is dead", "mapbox_token", "dead", mapbox("TokenInvalid")),
    trap("200 TokenExpired is dead", "mapbox_token", "dead expired", mapbox("TokenExpired")),
    trap("200 TokenRevoked is dead", "mapbox_token", "dead revoked", mapbox("TokenRevoked")),
    trap("200 of another code decides nothing", "mapbox_token", "unknown", mapbox("TokenSomethingNew")),
    # Neon, Salesforce, Auth0
    trap("400 org_id is required is live", "neon_api_key", "live", answer(400, {"message": "org_id is required"})),
    trap(
        "403 REQUEST_LIMIT_EXCEEDED is live",
        "salesforce_access_token",
        "live limit_exceeded",
        answer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "made up"}]),
    ),
    trap("403 invalid_grant is a right secret", "auth0_client", "live", answer(403, {"error": "invalid_grant"})),
    trap("403 unauthorized_client is a right secret", "auth0_client", "live", answer(403, {"error": "unauthorized_client"})),
    trap("401 access_denied is a wrong secret", "auth0_client", "dead", answer(401, {"error": "access_denied"})),
    trap("401 unauthorized_client is on no page", "auth0_client", "unknown", answer(401, {"error": "unauthorized_client"})),
    # Brevo
    trap(
        "401 about our address decides nothing",
        "brevo_key",
        "unknown address_not_authorised",
        answer(401, {"code": "unauthorized", "message": "We have detected you are using an unrecognised IP address"}),
    ),
    # Vault and OpenBao: a 403 with four causes
    trap(
        "403 of the token itself has four causes",
        "vault_token",
        "unknown",
        answer(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}),
    ),
    trap(
        "403 bad token to an administrator is dead",
        "vault_token",
        "dead",
        answer(403, {"errors": ["bad token"]}),
        authority={"token": "t"},
    ),
    trap(
        "503 of a sealed server", "vault_token", "unknown", answer(503, {"errors": ["Vault is sealed"]}), authority={"token": "t"}
    ),
]
WRONG_HOST = [
    trap(
        "refused in the US, live in the EU", "sendgrid_key", "live", answer(401, {"errors": []}), answer(200, {"scopes": ["a"]})
    ),
    trap("refused in the US, live in the EU", "mailgun_key", "live", answer(401, "Forbidden"), answer(200, {"items": []})),
    trap(
        "refused in two regions, live in the third",
        "intercom_token",
        "live",
        *[answer(401, {"type": "error.list", "errors": []})] * 2,
        answer(200, {"type": "admin", "id": "1"}),
    ),
    trap(
        "refused in production, live in the sandbox",
        "square_access_token",
        "live",
        answer(401, {"errors": [{"code": "UNAUTHORIZED"}]}),
        answer(200, {"merchant_id": "m"}),
    ),
    trap("refused live, live in test", "adyen_api_key", "live", answer(401, {"status": 401}), answer(200, {"id": "S2-1"})),
    trap(
        "refused in the US, live in the EU",
        "segment_token",
        "live",
        answer(403, {"errors": []}),
        answer(200, {"data": {"workspace": {}}}),
    ),
    trap(
        "refused at the first host, live in the EU",
        "postman_key",
        "live",
        answer(401, {"error": {"name": "AuthenticationError"}}),
        answer(200, {"user": {"id": 1}}),
    ),
    trap(
        "refused in the US, no answer from the EU",
        "sendgrid_key",
        "unknown timeout",
        answer(401, {"errors": []}),
        answer(trouble="timeout"),
    ),
]
MORE = [
    trap("a sending key of the new form is refused though it lives", "mailgun_key", "unknown", *[answer(401, "Forbidden")] * 2, value="0" * 32 + "-" + "0" * 8 + "-" + "0" * 8),
    trap("the wrong data centre", "mailchimp_key", "unknown wrong_data_centre", answer(403, {"title": "Wrong Datacenter"}), parts={"centre": "1"}),
    trap("a 500 with Invalid_Key is dead", "mandrill_key", "dead", answer(500, {"name": "Invalid_Key", "code": -1})),
    trap("401 on the server's call may be an account's token", "postmark_token", "live account_token", answer(401, {"ErrorCode": 10}), answer(200, {"TotalCount": 0})),
    trap("a frozen shop is a live token", "shopify_access_token", "live shop_frozen", answer(402, {"errors": "made up"})),
    trap("404 is another shop", "shopify_access_token", "unknown wrong_shop", answer(404, {"errors": "Not Found"})),
    trap("404 of a malformed token", "telegram_bot_token", "unknown malformed", answer(404, {"ok": False})),
    trap("nobody is a user without an id", "zendesk_token", "unknown", answer(200, {"user": {"id": None, "name": "Anonymous user"}})),
    trap("401 missing_scope is live", "dropbox_token", "live restricted", answer(401, {"error_summary": "missing_scope/.."})),
    trap("a network zone is no death", "okta_token", "live restricted", answer(403, {"errorCode": "E0000006"})),
    trap("400 RATELIMITED decides nothing", "linear_api_key", "unknown rate_limited", answer(400, {"errors": [{"extensions": {"code": "RATELIMITED"}}]})),
    trap("200 with errors is dead", "linear_api_key", "dead", answer(200, {"errors": [{"extensions": {"code": "AUTHENTICATION_ERROR"}}]})),
    trap("a refusal of the application's key is none of the token", "trello_token", "unknown app_key_refused", answer(401, "invalid key")),
    trap("a captcha is no death", "atlassian_api_token", "unknown captcha_or_refused", answer(403, "captcha")),
    trap("an address list is no death", "databricks_pat", "unknown ip_access_list", answer(403, {"message": "Source IP access list"})),
    trap("a network policy is no death", "snowflake_pat", "live network_policy", answer(401, {"message": "not allowed by network policy"})),
    trap("a browser's refusal is no death", "supabase_secret_key", "live", answer(401, {"message": "Forbidden use of secret API key in browser"})),
]  # fmt: skip


@pytest.mark.parametrize("known", STATUS_IS_NOT_A_VERDICT)
@pytest.mark.row("F15")
def test_a_status_is_not_a_verdict(known: Trap) -> None:
    verdict, _ = ask(known)
    assert known.holds(verdict), verdict


@pytest.mark.parametrize("known", WRONG_HOST)
@pytest.mark.row("F15")
def test_a_refusal_by_the_wrong_region_or_environment_is_no_death(known: Trap) -> None:
    verdict, reader = ask(known)
    assert known.holds(verdict), verdict
    assert len({sent.host for sent in reader.sent}) == len(known.answers)


@pytest.mark.parametrize("known", MORE)
def test_an_answer_means_what_the_vendor_says_and_not_what_its_status_says(known: Trap) -> None:
    verdict, _ = ask(known)
    assert known.holds(verdict), verdict


@pytest.mark.parametrize(
    "kind", ["paypal_oauth", "onelogin_client_secret", "mongodb_atlas_service_account", "infisical_client_secret"]
)
def test_what_only_a_minted_token_would_tell_is_not_asked(kind: str) -> None:
    """PayPal has two environments and one call, which mints: neither is asked."""
    verdict, reader = ask(Trap("", kind, (), ""))
    assert verdict.reason == "no_safe_check"
    assert not reader.sent


def test_a_confluent_key_is_not_tried_where_only_cloud_keys_are_known() -> None:
    """A key of a Kafka cluster gets a 401 from the Cloud API though it works."""
    verdict, reader = ask(Trap("", "confluent_api_key", (), ""))
    assert verdict.reason == "no_safe_check"
    assert not reader.sent


def test_every_region_of_a_provider_is_a_declared_host() -> None:
    wanted = {
        "sendgrid": 2, "mailgun": 2, "intercom": 3, "square": 2, "adyen": 2, "segment": 2, "postman": 2, "newrelic": 2,
        "opsgenie": 2, "pagerduty": 2, "honeycomb": 2, "datadog": 9, "snyk": 4, "launchdarkly": 3, "langsmith": 2, "mistral": 3,
        "assemblyai": 2, "sonarqube_cloud": 2, "onepassword": 4,
    }  # fmt: skip
    hosts = {provider.id: len(provider.hosts) for provider, _ in OWNERS.values()}
    assert {id: hosts[id] for id in wanted} == wanted
