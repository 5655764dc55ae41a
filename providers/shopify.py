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
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Unbound,
    Writer,
    as_authority,
    at_its_host,
    bound_as_itself,
    dead,
    example_value,
    header,
    live,
    no_authority,
    no_safe_check,
    receipt,
    seen_dead,
    text_at,
    unsure,
)

DOCS = "https://shopify.dev/docs/api/admin-rest/latest/resources/accessscope"
DELEGATE_DOCS = "https://shopify.dev/docs/api/admin-graphql/latest/mutations/delegateAccessTokenDestroy"
GRAPHQL = "/admin/api/2026-07/graphql.json"
DESTROY = "mutation($token: String!) { delegateAccessTokenDestroy(accessToken: $token) { status userErrors { message } } }"
PARENT = "the access token of the app that made the delegate token, for the same shop"
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


async def bind_delegate(cred: Credential, api: Reader) -> Bound | Unbound:
    """The request carries this very token; the parent token reaches its own delegates only."""
    if api.authority("access_token") is None:
        return no_authority("access_token")
    return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the request carries this very token, and destroys no other")


def destroyed(reply: Reply) -> str:
    """GraphQL answers 200 to a refusal too."""
    status = reply.pick("data.delegateAccessTokenDestroy.status")
    return "done" if status is True else "refused" if status is False or reply.pick("errors") else ""


async def destroy(bound: Bound, api: Writer) -> Receipt:
    """Destroy a delegate token, for good; the app stays in the shop. Any other token is refused."""
    cred = bound.credential
    auth = as_authority(api, "access_token", lambda secret: header("X-Shopify-Access-Token", secret))
    body = {"query": DESTROY, "variables": {"token": cred.secret}}
    reply = await api.send("POST", GRAPHQL, auth=auth, json=body, host=cred.parts.get("host"))
    return receipt("destroy_delegate", Effect.REVOKE, bound, reply, api.now, done=[200], told=destroyed)


PROVIDER = Provider(
    id="shopify",
    title="Shopify",
    hosts=(),
    obtain="The parent app's own Admin API access token, from its installation in the shop.",
    authority={"access_token": PARENT},
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
                    "destroy_delegate",
                    Effect.REVOKE,
                    destroy,
                    bind_delegate,
                    PARENT,
                    DELEGATE_DOCS,
                    authority="access_token",
                    observe=seen_dead(verify),
                ),
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
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
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
