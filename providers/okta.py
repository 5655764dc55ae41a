"""Okta: API tokens (SSWS) and the secrets of OAuth clients, at the org's own domain.

There is no harmless GET on a token itself, only a DELETE: the check asks for the token's user instead.
"""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Receipt,
    Residual,
    Writer,
    at_its_host,
    bound_as_itself,
    dead,
    example_value,
    expired_jwt,
    guided,
    header,
    identity_from,
    live,
    no_safe_check,
    receipt,
    seen_dead,
)

DOCS = "https://developer.okta.com/docs/reference/core-okta-api/"
TOKENS = "https://developer.okta.com/docs/api/openapi/okta-management/management/tag/ApiToken/"
SECRETS = "https://developer.okta.com/docs/guides/client-secret-rotation-key/main/"


def ssws(cred: Credential) -> Auth:
    """Okta's own scheme."""
    return header("Authorization", cred.secret, "SSWS {}")


verify = at_its_host(
    "/api/v1/users/me",
    [
        live(200, has=["id"]),
        dead(401, at="errorCode", codes=["E0000011"]),
        live(403, "restricted", has=["errorCode"]),  # a network zone, or a role without this right
    ],
    auth=ssws,
    identity=identity_from(principal="profile.login"),
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token deletes itself, for good."""
    cred = bound.credential
    reply = await api.send("DELETE", "/api/v1/api-tokens/current", auth=ssws(cred), host=cred.parts.get("host"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


PROVIDER = Provider(
    id="okta",
    title="Okta",
    hosts=(),
    docs=DOCS,
    kinds=(
        Kind(
            id="okta_token",
            title="Okta API token",
            pattern=r"00[A-Za-z0-9_-]{40}",
            ambiguous=True,
            host_from="host",
            verify=verify,
            docs=TOKENS,
            identity="the user that made the token; it holds all that user's permissions",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://help.okta.com/en-us/content/topics/security/api.htm",
                steps=(
                    "In the Admin Console open Security, API, Tokens: tokens are made here only.",
                    "Make a new token as a service user with the least role, and hand it to its users.",
                    "Find the leaked one by its user (revoker tells) and name; until it is gone, restrict it to a network zone.",
                    "Revoke it, and read the System Log for what was done with it.",
                ),
                notify="the org's super administrators",
            ),
            offline=(example_value,),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bound_as_itself("the token deletes itself, and can delete no other by this call"),
                    "none: a token may delete itself",
                    TOKENS,
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
            residual=(Residual("users, apps and tokens that were made with it", None),),
            effects_of_check="logged in the System Log; the token's expiry moves on with its use",
            irreversible_loss="a revoked token cannot be brought back",
        ),
        guided(
            "okta_oauth_token",
            "Okta OAuth access token",
            r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}",
            docs="https://developer.okta.com/docs/guides/revoke-tokens/main/",
            why="to ask about it takes its own client's secret; issuer, client and end stand in it",
            manual=Manual(
                url="https://developer.okta.com/docs/guides/revoke-tokens/main/",
                steps=(
                    "It ends by itself (exp). With its client's secret: POST /oauth2/v1/revoke.",
                    "Revoke the app's tokens (DELETE /apps/{id}/tokens), and end the user's sessions with oauthTokens=true.",
                ),
                notify="the app's owner",
                proves="its end is over, or the introspection says that it is not active",
            ),
            ambiguous=True,
            offline=(expired_jwt,),
            labels={"list": ("okta_oauth_token",)},
        ),
        Kind(
            id="okta_client_secret",
            title="Okta OAuth client secret",
            pattern=r"[A-Za-z0-9_-]{40,64}",
            ambiguous=True,
            host_from="host",
            verify=no_safe_check,  # a grant would mint an access token
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs=SECRETS,
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=SECRETS,
                steps=(
                    "Open the app, General, Client Credentials, and generate a second secret (two are the most).",
                    "Hand it to its users; deactivate the leaked one, and delete it when nothing breaks.",
                    "Revoke the app's tokens (DELETE /apps/{id}/tokens): refresh tokens and what came from them.",
                ),
                notify="the app's owner",
                proves="the console shows the old secret as inactive or gone",
            ),
            offline=(example_value,),
            labels={"list": ("okta_client_secret",)},
            residual=(Residual("access tokens that were issued without a refresh token", timedelta(hours=24)),),
        ),
    ),
)
