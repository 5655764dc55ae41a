"""Changes to GitHub tokens: handed in by value, deleted by their app, or by themselves."""

from revoker.providers.github.checks import VERSION
from revoker.sdk import (
    Auth,
    Bound,
    Credential,
    Effect,
    Proof,
    Reader,
    Receipt,
    Unbound,
    Writer,
    as_authority,
    basic,
    bearer,
    no_authority,
    receipt,
    safe_id,
    text_at,
)

AUTHORITY = "client_secret"


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Hand the token to GitHub, without any login. 202 says: taken, and felt later."""
    body = {"credentials": [bound.credential.secret]}
    reply = await api.send("POST", "/credentials/revoke", headers=VERSION, json=body)
    detail = "GitHub mails the owner, and cannot bring it back"
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[202], detail=detail)


def app_of(api: Reader) -> tuple[str, Auth]:
    """The path of the app's tokens, and the app's own login."""
    client = safe_id(api.setting("client_id"))
    return f"/applications/{client}/token", as_authority(api, AUTHORITY, lambda secret: basic(client, secret))


async def bind_app(cred: Credential, api: Reader) -> Bound | Unbound:
    """The app that made the token looks it up by its whole value. This does not count as a failed login."""
    if api.authority(AUTHORITY) is None or not api.setting("client_id"):
        return no_authority(f"client_id and {AUTHORITY}")
    path, auth = app_of(api)
    reply = await api.query(path, auth=auth, headers=VERSION, json={"access_token": cred.secret})
    id = text_at(reply, "id") if reply.status == 200 and reply.trouble is None else None
    if id is None:
        return Unbound("no_match", f"it is no token of this app ({reply.status or reply.trouble})")
    how = f"the app that made it looked up this very token, of user {text_at(reply, 'user.login')}"
    return Bound(cred, safe_id(id), Proof.SELF_ENDPOINT, how)


async def revoke_as_app(bound: Bound, api: Writer) -> Receipt:
    """Delete one token of the app, by its value."""
    path, auth = app_of(api)
    reply = await api.github_write("DELETE", path, auth=auth, json={"access_token": bound.credential.secret})
    return receipt("revoke_as_app", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404])


async def revoke_grant(bound: Bound, api: Writer) -> Receipt:
    """Delete the user's whole grant to the app: all tokens that the user gave it end."""
    path, auth = app_of(api)
    body = {"access_token": bound.credential.secret}
    reply = await api.github_write("DELETE", path.removesuffix("token") + "grant", auth=auth, json=body)
    return receipt("revoke_grant", Effect.END_SESSIONS, bound, reply, api.now, done=[204], already=[404])


async def revoke_installation(bound: Bound, api: Writer) -> Receipt:
    """An installation token deletes itself."""
    reply = await api.github_write("DELETE", "/installation/token", auth=bearer(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])
