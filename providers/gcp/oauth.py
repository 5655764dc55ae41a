"""OAuth tokens of Google: an access token tells about itself; anybody who holds a token can revoke it."""

import json
from typing import cast

from revoker.sdk import (
    Bound,
    Credential,
    Effect,
    Identity,
    Reader,
    Receipt,
    Reply,
    Secret,
    Verdict,
    Writer,
    dead,
    declares,
    judge,
    live,
    receipt,
    text_at,
    time_at,
)

ANSWERS = (live(200, has=["scope", "exp"]), dead(400, at="error", codes=["invalid_token"]))


def whoami(reply: Reply) -> Identity:
    """Whose token it is, for which client, with which scopes."""
    scopes = (text_at(reply, "scope") or "").split()[:50]
    exp = text_at(reply, "exp") or ""
    end = time_at(Reply("", json={"exp": int(exp)}), "exp") if exp.isdigit() else None
    return Identity(text_at(reply, "azp"), text_at(reply, "email") or text_at(reply, "sub"), tuple(scopes), end)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask for the token's own data. Google takes the token in the query and nowhere else."""
    params = cast("dict[str, str]", {"access_token": cred.secret})
    reply = await api.get("/oauth2/v3/tokeninfo", params=params, host="www.googleapis.com")
    return judge(reply, ANSWERS, api.now, whoami)


def token(cred: Credential) -> Secret:
    """The token itself, or the refresh token inside a file of application default credentials."""
    if cred.kind != "gcp_application_default_credentials":
        return cred.secret
    try:
        return Secret(str(json.loads(cred.secret.reveal())["refresh_token"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return Secret("")


def told(reply: Reply) -> str:
    """200 is done; a 400 says whether the token was dead before."""
    if reply.status == 200:
        return "done"
    return "already" if text_at(reply, "error") == "invalid_token" else "refused"


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Revoke the grant: the access token and its refresh token, for good."""
    reply = await api.send("POST", "/revoke", form={"token": token(bound.credential)}, host="oauth2.googleapis.com")
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 400], told=told)
