"""Mapbox: secret, temporary and public tokens. The check answers 200 to everything; `code` decides.

Mapbox takes tokens in the address only, which is shown nowhere. A token's middle part names its user and its own id.
"""

import base64
import json
from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Unbound,
    Verdict,
    Writer,
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
)

DOCS = "https://docs.mapbox.com/api/accounts/tokens/#retrieve-a-token"
DELETE_DOCS = "https://docs.mapbox.com/api/accounts/tokens/#delete-a-token"
PAGE = "https://console.mapbox.com/account/access-tokens/"
NEEDS = "a secret token of the same account with the scope tokens:write"

ANSWERS = (
    live(200, at="code", codes=["TokenValid"]),
    dead(200, at="code", codes=["TokenInvalid"]),
    dead(200, "expired", at="code", codes=["TokenExpired"]),
    dead(200, "revoked", at="code", codes=["TokenRevoked"]),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """What Mapbox knows of the token."""
    reply = await api.get("/tokens/v2", params={"access_token": cred.secret.reveal()})
    return judge(reply, ANSWERS, api.now, identity_from(account="token.user", principal="token.authorization"))


def payload(cred: Credential) -> tuple[str, str] | None:
    """The user and the token's own id, as the middle part says them."""
    middle = cred.secret.reveal().split(".")[1]
    try:
        said = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (ValueError, RecursionError):
        return None
    user, id = (said.get("u"), said.get("a")) if isinstance(said, dict) else (None, None)
    return (user, id) if isinstance(user, str) and isinstance(id, str) else None


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The token itself names its user and its id."""
    if api.authority("access_token") is None:
        return no_authority("access_token")
    said = payload(cred)
    if said is None:
        return Unbound("no_match", "the token's middle part names no id")
    user, id = said
    return Bound(cred, safe_id(id), Proof.EMBEDDED, "the token's middle part names its user and its id", safe_id(user))


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a token, for good. The default public token of an account cannot be deleted."""
    path = f"/tokens/v2/{safe_id(bound.account)}/{safe_id(bound.target)}"
    authority = as_authority(api, "access_token").value
    reply = await api.send("DELETE", path, params={"access_token": authority.reveal()})
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


def _kind(id: str, title: str, pattern: str) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=verify,
        docs=DOCS,
        identity="the user and the token's id",
        propagation=Propagation(timedelta(minutes=10)),
        manual=Manual(
            url=PAGE,
            steps=(
                "Open Tokens and find the token by its name and its last use.",
                "Make a new one with the same scopes and addresses, and hand it to its users.",
                "Delete the leaked one. The default public token can only be refreshed.",
            ),
            notify="the account's owner",
        ),
        offline=(example_value,),
        labels={"trufflehog": ("MapBox",)} | ({"gitleaks": ("mapbox-api-token",)} if id == "mapbox_public_token" else {}),
        irreversible_loss="a deleted token cannot be brought back",
        actions=(
            Action(
                "revoke",
                Effect.REVOKE,
                revoke,
                bind,
                NEEDS,
                DELETE_DOCS,
                authority="access_token",
                observe=seen_dead(verify),
            ),
        ),
    )


PROVIDER = Provider(
    id="mapbox",
    title="Mapbox",
    hosts=("api.mapbox.com",),
    docs="https://docs.mapbox.com/api/accounts/tokens/",
    obtain="Account, Tokens: make a secret token with the scope; it can be given only by the account's own sign-in.",
    authority={"access_token": NEEDS},
    kinds=(
        _kind("mapbox_token", "Mapbox secret or temporary token", r"[st]k\.eyJ[A-Za-z0-9_-]{20,1000}\.[A-Za-z0-9_-]{20,40}"),
        _kind("mapbox_public_token", "Mapbox public token", r"pk\.eyJ[A-Za-z0-9_-]{20,400}\.[A-Za-z0-9_-]{20,40}"),
    ),
)
