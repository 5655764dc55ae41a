"""HubSpot: access tokens of private apps."""

from datetime import timedelta

from revoker.sdk import (
    Credential,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Reader,
    Residual,
    Verdict,
    dead,
    declares,
    example_value,
    guided,
    identity_from,
    judge,
    live,
)

DOCS = "https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview"
INFO = "/oauth/v2/private-apps/get/access-token-info"
ANSWERS = (
    live(200, has=["hubId"]),
    dead(401, at="status", codes=["error"]),
    dead(404, at="category", codes=["OBJECT_NOT_FOUND"]),
)
WHOAMI = identity_from(account="hubId", principal="appId", scopes="scopes")


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """What HubSpot knows of the token; the token is the question, not its login."""
    return judge(await api.query(INFO, json={"tokenKey": cred.secret}), ANSWERS, api.now, WHOAMI)


PROVIDER = Provider(
    id="hubspot",
    title="HubSpot",
    hosts=("api.hubapi.com",),
    docs="https://developers.hubspot.com/docs",
    reads=(Read(INFO, json=("tokenKey",)),),
    kinds=(
        Kind(
            id="hubspot_token",
            title="HubSpot private app token",
            pattern=r"pat-(?P<region>[a-z]{2}\d{1,2})-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            verify=verify,
            docs=DOCS,
            identity="account (hub), app and scopes",
            propagation=Propagation(timedelta(days=7), source="a rotation may leave the old token for 7 days"),
            manual=Manual(
                url="https://app.hubspot.com/private-apps",
                steps=(
                    "Open the app (the check tells its id), Auth.",
                    "Rotate, and choose `Rotate and expire this token now` when it is abused; otherwise it works for 7 more days.",
                    "Hand the new token to its users.",
                ),
                notify="the account's super admins",
            ),
            offline=(example_value,),
        ),
        guided(
            "hubspot_oauth_refresh_token",
            "HubSpot OAuth refresh token",
            r"(?:[a-z]{2}\d{1,2}-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            docs="https://developers.hubspot.com/docs/api-reference/auth-oauth-v1/guide",
            why="an exchange makes an access token, and what looks it up takes it in the address",
            manual=Manual(
                "https://app.hubspot.com/connected-apps",
                ("A super admin: open Connected apps, the app, and uninstall it.", "Install it again for new tokens."),
                notify="the account's super admins, and the app's owner",
                proves="the app's exchange of the old token is refused",
            ),
            ambiguous=True,
            labels={"list": ("hubspot_oauth_refresh_token",)},
            residual=(Residual("access tokens that it made", timedelta(minutes=30)),),
        ),
    ),
)
