"""Shopify: access tokens of apps, and app secrets. A token works at its own shop only, and the finding must name it."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Receipt,
    Reply,
    Writer,
    at_its_host,
    bound_as_itself,
    dead,
    example_value,
    header,
    live,
    no_safe_check,
    receipt,
    seen_dead,
    text_at,
    unsure,
)

DOCS = "https://shopify.dev/docs/api/admin-rest/latest/resources/accessscope"
UNINSTALL_DOCS = "https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/uninstall-app-api-request"


def token(cred: Credential) -> Auth:
    """Shopify's own header."""
    return header("X-Shopify-Access-Token", cred.secret)


def scopes(reply: Reply) -> Identity:
    """The token's scopes."""
    listed = reply.pick("access_scopes")
    rows = [Reply("", json=row) for row in listed] if isinstance(listed, list) else []
    return Identity(scopes=tuple(found for row in rows if (found := text_at(row, "handle"))))


verify = at_its_host(
    "/admin/oauth/access_scopes.json",
    [
        live(200, has=["access_scopes"]),
        dead(401, has=["errors"]),
        live(402, "shop_frozen", has=["errors"]),
        live(423, "shop_locked", has=["errors"]),
        unsure(404, "wrong_shop"),
    ],
    auth=token,
    identity=scopes,
)


async def uninstall(bound: Bound, api: Writer) -> Receipt:
    """The app uninstalls itself from the shop, for good."""
    cred = bound.credential
    path = "/admin/api_permissions/current.json"
    reply = await api.send("DELETE", path, auth=token(cred), host=cred.parts.get("host"))
    return receipt("uninstall_app", Effect.REVOKE, bound, reply, api.now, done=[200])


PROVIDER = Provider(
    id="shopify",
    title="Shopify",
    hosts=(),
    docs="https://shopify.dev/docs/apps/build/authentication-authorization",
    kinds=(
        Kind(
            id="shopify_access_token",
            title="Shopify access token",
            pattern=r"shp(?:at|ca|pa|ua)_[0-9a-fA-F]{32}",
            host_from="host",
            verify=verify,
            docs=DOCS,
            identity="the token's scopes; the shop came with the finding",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://admin.shopify.com/",
                steps=(
                    "A custom app made in the admin: Settings, Apps, Develop apps; uninstall it and install it again for a new token.",
                    "Any other app: make a new client secret in the dev dashboard, then exchange the tokens.",
                ),
                notify="the shop's owner; customers' data may have been read",
            ),
            offline=(example_value,),
            irreversible_loss="the app leaves the shop, with its webhooks and script tags",
            actions=(
                Action(
                    "uninstall_app",
                    Effect.REVOKE,
                    uninstall,
                    bound_as_itself("the token is the request's own credential, and uninstalls its own app from its own shop"),
                    "nothing beside the token",
                    UNINSTALL_DOCS,
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
        ),
        Kind(
            id="shopify_shared_secret",
            title="Shopify app secret",
            pattern=r"shpss_[0-9a-fA-F]{32}",
            verify=no_safe_check,
            docs="https://shopify.dev/docs/apps/build/authentication-authorization/client-secrets",
            identity="none: the call that takes it makes an access token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://dev.shopify.com/dashboard",
                steps=(
                    "Open the app, Settings, and rotate the client secret.",
                    "Hand the new one to its users, and exchange the shops' tokens.",
                    "Revoke the leaked one.",
                ),
                notify="the app's owner",
                proves="the page shows the leaked secret as revoked",
            ),
            offline=(example_value,),
        ),
    ),
)
