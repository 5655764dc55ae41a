"""Plaid: client secrets and item access tokens. Every refusal is a 400; `error_code` decides.

A token is checked with the operator's own client, since it works with no other.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Issued,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
    Read,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Verdict,
    Writer,
    anywhere,
    as_authority,
    dead,
    declares,
    example_value,
    identity_from,
    judge,
    live,
    no_authority,
    receipt,
    safe_id,
    seen_dead,
    skip,
    text_at,
    unsure,
)

DOCS = "https://plaid.com/docs/errors/"
ITEM_DOCS = "https://plaid.com/docs/api/items/"
PRODUCTION, SANDBOX = HOSTS = ("production.plaid.com", "sandbox.plaid.com")
CLIENT = "the client id and secret that the item was linked with"

KEYS = (
    live(200, has=["institutions"]),
    dead(400, at="error_code", codes=["INVALID_API_KEYS"]),
    live(400, "restricted", at="error_code", codes=["UNAUTHORIZED_ENVIRONMENT", "PRODUCTS_NOT_SUPPORTED"]),
)
ITEM = (
    live(200, has=["item.item_id"]),
    live(400, "login_required", at="error_code", codes=["ITEM_LOGIN_REQUIRED"]),
    dead(400, at="error_code", codes=["INVALID_ACCESS_TOKEN"]),  # our client was let in, and the token is none of its
    unsure(400, "authority_refused", at="error_code", codes=["INVALID_API_KEYS"]),
)
WHOAMI = identity_from(principal="item.item_id")


@declares(*KEYS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One institution of the public list, in both environments: each has secrets of its own."""
    pair = {"client_id": cred.parts.get("key_id", ""), "secret": cred.secret}
    body = {**pair, "count": 1, "offset": 0, "country_codes": ["US"]}

    async def ask(host: str) -> Verdict:
        return judge(await api.query("/institutions/get", json=body, host=host), KEYS, api.now)

    return await anywhere(HOSTS, ask)


def host_of(cred: Credential) -> str:
    """The environment stands in the token."""
    return SANDBOX if cred.parts.get("environment") == "sandbox" else PRODUCTION


def with_client(cred: Credential, api: Reader) -> dict[str, Any]:
    """The body of a call about one item."""
    secret = as_authority(api, "secret").value
    return {"client_id": api.setting("client_id") or "", "secret": secret, "access_token": cred.secret}


@declares(*ITEM)
async def verify_item(cred: Credential, api: Reader) -> Verdict:
    """The item, asked for with the operator's own client."""
    if api.authority("secret") is None or api.setting("client_id") is None:
        return skip("no_authority")
    reply = await api.query("/item/get", json=with_client(cred, api), host=host_of(cred))
    return judge(reply, ITEM, api.now, WHOAMI)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The request carries this very token; the operator's client reaches its own items only."""
    if api.authority("secret") is None or api.setting("client_id") is None:
        return no_authority("client_id and secret")
    return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the request carries this very token, and replaces no other")


async def rotate(bound: Bound, api: Writer) -> Receipt:
    """Give the item a new token; the old one is dead at once, and the person need not link again."""
    cred = bound.credential
    reply = await api.send("POST", "/item/access_token/invalidate", json=with_client(cred, api), host=host_of(cred))

    def told(answer: Reply) -> str:
        return "done" if text_at(answer, "new_access_token") else ""

    done = receipt("rotate", Effect.ISSUE, bound, reply, api.now, done=[200], told=told)
    new = Issued(safe_id(bound.target), Secret(str(reply.pick("new_access_token"))), dict(cred.parts))
    return replace(done, issued=new)


async def remove(bound: Bound, api: Writer) -> Receipt:
    """Remove the item, for good."""
    cred = bound.credential
    reply = await api.send("POST", "/item/remove", json=with_client(cred, api), host=host_of(cred))
    return receipt("remove_item", Effect.REVOKE, bound, reply, api.now, done=[200])


PROVIDER = Provider(
    id="plaid",
    title="Plaid",
    hosts=HOSTS,
    docs="https://plaid.com/docs/api/",
    reads=(
        Read("/institutions/get", json=("client_id", "secret", "count", "offset", "country_codes"), fixed={"count": (1,)}),
        Read("/item/get", json=("client_id", "secret", "access_token")),
    ),
    obtain="Dashboard, Developers, Keys: the client id and the secret of the environment that the item lives in.",
    authority={"secret": CLIENT, "client_id": "that client's id"},
    kinds=(
        Kind(
            id="plaid_keys",
            title="Plaid client secret",
            pattern=r"[0-9a-f]{30}",
            ambiguous=True,
            needs=("key_id",),
            verify=verify,
            docs=DOCS,
            identity="none: the client id came with the finding",
            propagation=Propagation(timedelta(minutes=10)),
            requests=2,
            manual=Manual(
                url="https://dashboard.plaid.com/developers/keys",
                steps=(
                    "Open Developers, Keys, and the secret's environment.",
                    "Make a new secret and hand it to its users.",
                    "Delete the leaked one.",
                ),
                notify="the team's admins",
            ),
            offline=(example_value,),
        ),
        Kind(
            id="plaid_access_token",
            title="Plaid item access token",
            pattern=r"access-(?P<environment>sandbox|development|production)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            verify=verify_item,
            docs=ITEM_DOCS,
            check_needs="secret: the client id and secret that the item was linked with",
            identity="the item",
            propagation=Propagation(timedelta(minutes=5), source="documented as immediate; our margin"),
            manual=Manual(
                url="https://dashboard.plaid.com/",
                steps=(
                    "Call /item/access_token/invalidate with the token, and store the new one.",
                    "Or call /item/remove, and let the person link the account again.",
                ),
                notify="the person whose account was linked",
            ),
            offline=(example_value,),
            labels={"gitleaks": ("plaid-api-token",), "trufflehog": ("PlaidToken",)},
            irreversible_loss="a removed item must be linked again by the person",
            actions=(
                Action(
                    "rotate",
                    Effect.ISSUE,
                    rotate,
                    bind,
                    CLIENT,
                    f"{ITEM_DOCS}#itemaccess_tokeninvalidate",
                    authority="secret",
                    replaces=True,
                    observe=seen_dead(verify_item),
                ),
                Action(
                    "remove_item",
                    Effect.REVOKE,
                    remove,
                    bind,
                    CLIENT,
                    f"{ITEM_DOCS}#itemremove",
                    authority="secret",
                    observe=seen_dead(verify_item),
                ),
            ),
        ),
    ),
)
