"""Sentry: user and organisation tokens. An organisation's token names its organisation and region in itself.

Tokens are deleted by a person's own session only: every token is refused there, whatever its rights.
"""

import base64
import json
import re
from datetime import timedelta
from urllib.parse import urlsplit

from revoker.sdk import (
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Reply,
    Verdict,
    bearer,
    dead,
    declares,
    example_value,
    identity_from,
    judge,
    live,
    probe,
    skip,
    text_at,
    unsure,
)

DOCS = "https://docs.sentry.io/api/auth/"
HOSTS = ("sentry.io", "us.sentry.io", "de.sentry.io")
SLUG = re.compile(r"[a-z0-9_-]{1,100}")

USER_ANSWERS = (
    live(200, has=["auth.scopes"]),
    live(200, has=["user.id"]),
    unsure(200, "not_authenticated"),  # a 200 with `auth: null` let nobody in
    dead(401, has=["detail"]),
    live(403, "restricted", has=["detail"]),
)
ORG_ANSWERS = (live(200, has=["slug"]), dead(401, has=["detail"]), live(403, "restricted", has=["detail"]))


def embedded(cred: Credential) -> dict[str, str]:
    """What an organisation's token says about itself: organisation and addresses. Empty when it cannot be read."""
    part = cred.secret.reveal().removeprefix("sntrys_").rpartition("_")[0]
    try:
        found = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_"))
    except (ValueError, RecursionError):
        return {}
    said = found if isinstance(found, dict) else {}
    return {name: said[name] for name in ("org", "region_url", "url") if isinstance(said.get(name), str)}


def organisation(cred: Credential) -> str | None:
    """The organisation that a token belongs to, read offline."""
    return embedded(cred).get("org")


def readable(cred: Credential, now: object) -> Verdict | None:
    """Skip a token that does not say what every one of its kind says, and one of a server that is not Sentry's own."""
    if not SLUG.fullmatch(organisation(cred) or ""):
        return skip("malformed")
    return None if host_of(embedded(cred)) in HOSTS else skip("self_hosted")


def host_of(said: dict[str, str]) -> str | None:
    """The host that a token names as its own: its region's, else its server's."""
    try:
        return urlsplit(said.get("region_url") or said.get("url", "")).hostname
    except ValueError:
        return None


def region(said: dict[str, str]) -> str:
    """The host of the token's region. A token of another server never comes here: it is skipped before."""
    host = host_of(said)
    return host if host in HOSTS else HOSTS[0]


@declares(*ORG_ANSWERS)
async def verify_org(cred: Credential, api: Reader) -> Verdict:
    """The token's own organisation, at the region that stands in the token."""
    said = embedded(cred)
    if not SLUG.fullmatch(said.get("org", "")):
        return skip("malformed")

    def whoami(reply: Reply) -> Identity:
        return Identity(account=text_at(reply, "slug"), principal=text_at(reply, "name"))

    reply = await api.get(f"/api/0/organizations/{said['org']}/", auth=bearer(cred.secret), host=region(said))
    return judge(reply, ORG_ANSWERS, api.now, whoami)


def _manual(url: str, whom: str) -> Manual:
    return Manual(
        url=url,
        steps=(
            "Sign in: no token may delete tokens, only a person's session.",
            "Make a new token with the same permissions and hand it to its users.",
            "Find the leaked one by its last characters and its last use, and revoke it.",
        ),
        notify=whom,
    )


PROVIDER = Provider(
    id="sentry",
    title="Sentry",
    hosts=HOSTS,
    docs=DOCS,
    kinds=(
        Kind(
            id="sentry_auth_token",
            title="Sentry user token",
            pattern=r"sntryu_[0-9a-f]{64}",
            verify=probe("/api/0/", USER_ANSWERS, identity=identity_from(principal="user.email", scopes="auth.scopes")),
            docs=DOCS,
            also_at="self-hosted Sentry",
            identity="the user and the scopes",
            propagation=Propagation(timedelta(minutes=5)),
            manual=_manual("https://sentry.io/settings/account/api/auth-tokens/", "the token's user"),
            offline=(example_value,),
        ),
        Kind(
            id="sentry_legacy_token",
            title="Sentry user token (old form)",
            pattern=r"[0-9a-f]{64}",
            ambiguous=True,
            verify=probe("/api/0/", USER_ANSWERS, identity=identity_from(principal="user.email", scopes="auth.scopes")),
            docs=DOCS,
            also_at="self-hosted Sentry",
            identity="the user and the scopes",
            propagation=Propagation(timedelta(minutes=5)),
            manual=_manual("https://sentry.io/settings/account/api/auth-tokens/", "the token's user"),
            offline=(example_value,),
            labels={"trufflehog": ("SentryToken",), "gitleaks": ("sentry-access-token",)},
        ),
        Kind(
            id="sentry_integration_token",
            title="Sentry token of an integration or an application",
            pattern=r"sntry[ai]_[0-9a-f]{64}",
            verify=probe("/api/0/", USER_ANSWERS, identity=identity_from(principal="user.email", scopes="auth.scopes")),
            docs="https://docs.sentry.io/organization/integrations/integration-platform/",
            also_at="self-hosted Sentry",
            identity="the user that the integration or application acts as, and the scopes",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://sentry.io/settings/developer-settings/",
                steps=(
                    "Sign in to the organisation: no token may delete tokens, only a person's session.",
                    "An integration's (sntryi_): open it under Custom Integrations, make a new token and hand it to its users.",
                    "Find the leaked one by its last characters, and delete it.",
                    "An application's (sntrya_): its user takes the approval back under Account, Authorized Applications.",
                ),
                notify="the organisation's owners",
            ),
            offline=(example_value,),
            labels={"github": ("sentry_integration_token", "sentry_user_app_auth_token")},
        ),
        Kind(
            id="sentry_org_token",
            title="Sentry organisation token",
            pattern=r"sntrys_eyJ[A-Za-z0-9+/=_-]{20,500}_[A-Za-z0-9+/]{43}",
            verify=verify_org,
            docs=DOCS,
            account=organisation,
            identity="the organisation, which also stands in the token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=_manual("https://sentry.io/settings/auth-tokens/", "the organisation's owners"),
            offline=(example_value, readable),
        ),
    ),
)
