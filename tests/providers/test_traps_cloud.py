"""The traps of cloud, Git, CI, registry, quality and observability providers, each given to the kind's real check."""

from __future__ import annotations

from typing import Any

import pytest

from revoker.model import Validity
from tests.providers.catalogue import KINDS, OWNERS
from tests.providers.fake_api import FakeReader, always, reply_of, run
from tests.providers.samples import credential_of
from tests.providers.traps import Trap, answer, ask, trap

UNKNOWN_ID = {"code": "InvalidClientTokenId", "status": 403}
ARN = {"Account": "123456789012", "UserId": "made-up"}
SUM = {"message": "made up"}


def github(status: int, message: str, **headers: str) -> dict[str, Any]:
    return answer(status, {"message": message}, headers={name.replace("_", "-"): text for name, text in headers.items()})


def graph(*hints: str, app: bool = True) -> dict[str, Any]:
    row = {"appId": "c", "id": "o", "passwordCredentials": [{"hint": hint, "keyId": "k"} for hint in hints]}
    return answer(200, {"value": [row] if app else []})


AWS = {"secret_access_key": "made-up", "access_key_id": "made-up"}
GRAPH = {"graph_token": "made-up"}
TRAPS = [
    # AWS
    trap("a mispaired secret is no death of the id", "aws_access_key", "unknown mispaired", answer(403, code="SignatureDoesNotMatch")),
    trap("a wrong clock is no death", "aws_access_key", "unknown", answer(403, code="RequestExpired")),
    trap("throttling is no death", "aws_access_key", "unknown", answer(400, code="Throttling")),
    trap("a region that is off is no death", "aws_session", "unknown", answer(403, code="RegionDisabledException")),
    trap("a key of another partition lives", "aws_access_key", "live", UNKNOWN_ID, answer(200, {**ARN, "Arn": "arn:aws-cn:iam::123456789012:user/x"})),
    trap("a partition that does not answer", "aws_access_key", "unknown perhaps_another_partition", UNKNOWN_ID, UNKNOWN_ID, answer(trouble="connect"), UNKNOWN_ID),
    trap("an authority may be of another partition than the key", "aws_access_key", "live", UNKNOWN_ID, answer(200, {**ARN, "Arn": "arn:aws-us-gov:iam::123456789012:user/x"}), authority=AWS),
    trap("the operator's region is asked first, not alone", "aws_access_key", "live", UNKNOWN_ID, answer(200, {**ARN, "Arn": "arn:aws:iam::123456789012:user/x"}), settings={"region": "us-gov-west-1"}),
    trap("the region that came with the key decides", "aws_access_key", "dead", UNKNOWN_ID, parts={"region": "eu-west-1"}),
    trap("root is said to be root", "aws_access_key", "live authenticated_as_root", answer(200, {**ARN, "Arn": "arn:aws:iam::123456789012:root"})),
    # Google
    trap("a list of certificates without the key is a death", "gcp_service_account_key", "dead not_listed", answer(200, {"f" * 40: "-----BEGIN CERTIFICATE-----"})),
    trap("an empty list decides nothing", "gcp_service_account_key", "unknown", answer(200, {})),
    trap("a 404 page is no answer of Google's", "gcp_service_account_key", "unknown", answer(404, "<!doctype html><html></html>")),
    trap("400 invalid_token is dead", "gcp_oauth_access_token", "dead", answer(400, {"error": "invalid_token", "error_description": "Invalid Value"})),
    trap("another 400 decides nothing", "gcp_oauth_access_token", "unknown", answer(400, {"error": "invalid_request"})),
    # Azure
    trap("no secret of the application begins like it", "azure_entra_client_secret", "dead not_listed", graph("zzz"), graph("yyy"), authority=GRAPH),
    trap("its application is another tenant's", "azure_entra_client_secret", "unknown application_of_another_tenant", graph(app=False), graph("zzz"), authority=GRAPH),
    trap("no such application here", "azure_entra_client_secret", "unknown not_in_tenant", graph(app=False), graph(app=False), authority=GRAPH),
    trap("a secret without a hint may be it", "azure_entra_client_secret", "unknown hint_listed", graph(""), graph("zzz"), authority=GRAPH),
    trap("keys are not permitted", "azure_storage_legacy_key", "unknown keys_not_permitted", answer(403, "<Error><Code>KeyBasedAuthenticationNotPermitted</Code></Error>")),
    trap("a firewall", "azure_storage_legacy_key", "unknown network_refused", answer(403, "<Error><Code>AuthorizationFailure</Code></Error>")),
    trap("203 with a sign-in page", "azure_devops_pat", "unknown html", answer(203, "<!DOCTYPE html><html><title>Sign In</title></html>"), settings={"organization": "acme"}),
    trap("302 to a sign-in page", "azure_devops_pat", "unknown redirect", answer(302, ""), settings={"organization": "acme"}),
    trap("200 for nobody", "azure_devops_pat", "unknown anonymous", answer(200, {"authenticatedUser": {"id": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", "subjectDescriptor": "x"}}), settings={"organization": "acme"}),
    trap("no organisation is known", "azure_devops_pat", "unknown no_organization"),
    # Cloudflare
    trap("refused as a user's, live as an account's", "cloudflare_legacy_token", "live", answer(401, {"errors": [{"code": 1000}]}), answer(200, {"result": {"id": "t", "status": "active"}}), settings={"account_id": "a"}),
    trap("refused as a user's, and no account is known", "cloudflare_legacy_token", "unknown no_account_id", answer(401, {"errors": [{"code": 1000}]})),
    trap("refused on both routes", "cloudflare_legacy_token", "dead refused_by_account", *[answer(401, {"errors": [{"code": 1000}]})] * 2, settings={"account_id": "a"}),
    trap("refused by the one account that was asked", "cloudflare_account_token", "dead refused_by_account", answer(401, {"errors": [{"code": 1000}]}), settings={"account_id": "a"}),
    trap("200 disabled is dead", "cloudflare_api_token", "dead disabled", answer(200, {"result": {"id": "t", "status": "disabled"}})),
    trap("200 expired is dead", "cloudflare_api_token", "dead expired", answer(200, {"result": {"id": "t", "status": "expired"}})),
    trap("403 of an address", "cloudflare_api_token", "unknown network_refused", answer(403, {"errors": [{"code": 9109}]})),
    # hosting
    trap("400 after the token was accepted is live", "fly_token", "live", answer(400, {"error": "org_slug is required"})),
    trap("two refusals of three sorts are no death", "railway_token", "live", *[answer(200, {"errors": [{"message": "Not Authorized"}]})] * 2, answer(200, {"data": {"projectToken": {"projectId": "p"}}})),
    trap("all three sorts refused is dead", "railway_token", "dead", *[answer(200, {"errors": [{"message": "Not Authorized"}]})] * 3),
    trap("403 without account:read is live", "digitalocean_pat", "live restricted", answer(403, {"id": "Forbidden"})),
    trap("403 invalidToken is dead", "vercel_token", "dead", answer(403, {"error": {"code": "forbidden", "invalidToken": True}})),
    trap("403 otherwise is live", "vercel_token", "live restricted", answer(403, {"error": {"code": "forbidden"}})),
    # GitHub
    trap("403 at the rate limit decides nothing", "github_classic_pat", "unknown rate_limited", github(403, "API rate limit exceeded", x_ratelimit_remaining="0")),
    trap("403 with Retry-After decides nothing", "github_classic_pat", "unknown rate_limited", github(403, "secondary rate limit", retry_after="60")),
    trap("403 after bad logins refuses good tokens too", "github_classic_pat", "unknown login_lockout", github(403, "Maximum number of login attempts exceeded. Please try again later.")),
    trap("403 of SAML is live", "github_classic_pat", "live sso_required", github(403, "Resource protected by organization SAML enforcement.")),
    trap("403 of a permission is live", "github_fine_grained_pat", "live restricted", github(403, "Resource not accessible by personal access token")),
    trap("403 of an address list is live", "github_oauth_token", "live ip_allow_list", github(403, "Although you appear to have the correct authorization credentials, the organization has an IP allow list enabled")),
    trap("401 of another text decides nothing", "github_classic_pat", "unknown", github(401, "Requires authentication")),
    trap("an installation's token is asked as one", "github_installation_token", "live", answer(200, {"total_count": 1, "repositories": []})),
    # GitLab
    trap("200 not active is dead", "gitlab_pat", "dead inactive", answer(200, {"id": 1, "active": False, "scopes": []})),
    trap("403 of a blocked user is live", "gitlab_pat", "live user_blocked", answer(403, {"message": "403 Forbidden - Your account has been blocked."})),
    trap("404 of an old server asks the user", "gitlab_pat", "live", answer(404, {"error": "404 Not Found"}), answer(200, {"id": 1, "username": "x"})),
    trap("401 while impersonation is off decides nothing", "gitlab_pat", "unknown impersonation_off", answer(401, {"error": "invalid_token", "error_description": "Token is an impersonation token but impersonation was disabled."})),
    trap("another 403 decides nothing", "gitlab_pat", "unknown forbidden", answer(403, {"message": "403 Forbidden"})),
    trap("a job's end is its token's", "gitlab_ci_job_token", "dead", answer(401, {"message": "401 Unauthorized"})),
    # CI
    trap("200 for nobody", "jenkins_token", "unknown anonymous", answer(200, {"name": "anonymous", "anonymous": True, "authenticated": True})),
    trap("200 loggedIn:false is dead", "argocd_token", "dead not_logged_in", answer(200, {"loggedIn": False})),
    trap("403 is the refusal of Travis", "travis_token", "dead", answer(403, "access denied")),
    trap("a refused one may be an agent pool's", "terraform_cloud_token", "unknown maybe_agent_token", answer(401, {"errors": [{"status": "401"}]})),
    trap("a refused one is dead where there is no pool", "terraform_cloud_token", "dead", answer(401, {"errors": [{"status": "401"}]}), settings={"agent_pools": "none"}),
    trap("403 of a service account is live", "harness_token", "live restricted", answer(403, {"code": "ACCESS_DENIED"})),
    # registries
    trap("a right password with a second factor due", "docker_hub_pat", "live second_factor_due", answer(401, {"login_2fa_token": "made-up"})),
    trap("403 of an address list is live", "npm_token", "live restricted", answer(403, SUM)),
    trap("403 of a missing scope is live", "rubygems_key", "live restricted", answer(403, {"error": "The API key doesn't have access"})),
    trap("403 of a key whose owner went is dead", "rubygems_key", "dead soft_deleted", answer(403, "An invalid API key cannot be used. Please delete it and create a new one.")),
    trap("another 403 decides nothing", "rubygems_key", "unknown refused_or_restricted", answer(403, "made up")),
    trap("403 authentication failed is dead", "cratesio_token", "dead", answer(403, {"errors": [{"detail": "authentication failed"}]})),
    trap("403 of a scope is live", "cratesio_token", "live restricted", answer(403, {"errors": [{"detail": "this token does not have the required permissions to perform this action"}]})),
    trap("403 without the privilege is live", "nexus_user_token", "live restricted", answer(403, headers={"Server": "Nexus/3.91.0"})),
    # quality and observability
    trap("200 valid:false is dead", "sonarqube_token", "dead", answer(200, {"valid": False})),
    trap("refused in the EU, valid in the US", "sonarqube_cloud_token", "live", answer(200, {"valid": False}), answer(200, {"valid": True})),
    trap("403 of a plan is live", "snyk_token", "live restricted", answer(403, {"errors": []})),
    trap("401 in one region, live in another", "snyk_token", "live", *[answer(401, {"errors": []})] * 3, answer(200, {"data": {"id": "x"}})),
    trap("refused at eight sites, live at the ninth", "datadog_api_key", "live", *[answer(403, {"errors": ["Forbidden"]})] * 8, answer(200, {"valid": True, "api_key_id": "k"})),
    trap("200 with errors decides nothing", "newrelic_user_key", "unknown", *[answer(200, {"errors": [{"message": "sorry"}]})] * 2),
    trap("403 InvalidCredentials is dead", "grafana_cloud_token", "dead", answer(403, {"code": "InvalidCredentials"})),
    trap("403 of a permission is live", "grafana_cloud_token", "live restricted", answer(403, {"code": "Forbidden", "message": "missing permission accesspolicies:read"})),
    trap("200 auth:null let nobody in", "sentry_auth_token", "unknown not_authenticated", answer(200, {"version": "0", "auth": None, "user": None})),
    trap("400 is an account's live key", "pagerduty_key", "live account_key", answer(400, {"error": {"message": "made up"}})),
    trap("422 is dead, in both regions", "opsgenie_key", "dead", *[answer(422, SUM)] * 2),
    trap("403 of an integration's key is live", "opsgenie_key", "live restricted", answer(403, SUM)),
]  # fmt: skip


@pytest.mark.parametrize("known", TRAPS)
def test_a_status_is_not_a_verdict(known: Trap) -> None:
    verdict, _ = ask(known)
    assert known.holds(verdict), verdict


NOT_READ_ONLY = {
    "pypi_token": "an upload",
    "nuget_key": "a push",
    "newrelic_license_key": "sends data",
    "newrelic_insert_key": "sends data",
    "digitalocean_refresh_token": "an exchange uses it up",
    "github_refresh_token": "an exchange uses it up",
    "vercel_ai_gateway_key": "a completion is billed",
    "gcp_oauth_refresh_token": "an exchange mints a token",
    "azure_entra_refresh_token": "an exchange mints a token",
    "spacelift_key": "a session that the bill counts",
    "launchdarkly_sdk_key": "downloads the flags",
    "segment_write_key": "sends an event",
    "square_app_secret": "a revocation",
    "slack_refresh_token": "an exchange uses it up",
    "anthropic_oauth_token": "a message is billed",
}


@pytest.mark.parametrize("kind", NOT_READ_ONLY)
def test_what_peers_verify_by_changing_something_is_not_verified(kind: str) -> None:
    verdict, reader = ask(Trap("", kind, (), ""))
    assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, "no_safe_check")
    assert not reader.sent


def test_no_check_puts_a_secret_in_an_address_where_a_header_would_do() -> None:
    """What a vendor takes nowhere else stands in a list of its own, which tells why."""
    told = {"telegram_bot_token", "mapbox_token", "mapbox_public_token", "algolia_admin_key", "gcp_oauth_access_token",
            "discord_webhook", "slack_webhook"}  # fmt: skip
    for provider, kind in KINDS:
        reader = FakeReader(provider, always(reply_of(answer(418, {}))))
        cred = credential_of(kind)
        run(kind.verify(cred, reader))
        value = cred.secret.reveal()
        shown = [sent for sent in reader.sent if value in f"{sent.path} {sent.params}" or value.endswith(sent.path)]
        assert not shown or kind.id in told, kind.id


@pytest.mark.parametrize(
    "kind", ["aws_access_key", "aws_session", "pypi_token", "harness_token", "sentry_org_token", "grafana_cloud_token"]
)
def test_what_carries_its_owner_is_compared_with_ours_before_it_is_sent(kind: str) -> None:
    known = OWNERS[kind][1]
    assert known.account is not None or known.verify is OWNERS["pypi_token"][1].verify


@pytest.mark.parametrize("kind", ["aws_access_key", "aws_session"])
@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "RequestExpired", "RequestNotYetValid"])
@pytest.mark.row("F9")
def test_an_answer_about_our_clock_is_no_death(kind: str, code: str) -> None:
    provider, known = OWNERS[kind]
    reader = FakeReader(provider, always(reply_of({"status": 403, "code": code})))
    verdict = run(known.verify(credential_of(known), reader))
    assert (verdict.validity, verdict.reason) == (Validity.UNKNOWN, "clock")
