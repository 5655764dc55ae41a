"""Gitea and Forgejo: access tokens. The operator names the server (`[endpoints] gitea`).

Tokens are managed with a password only, and the list shows their last eight digits: a label, not a proof.
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
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Writer,
    as_authority,
    basic,
    dead,
    example_value,
    header,
    identity_from,
    live,
    no_authority,
    probe,
    receipt,
    safe_id,
    seen_dead,
    text_at,
)

DOCS = "https://docs.gitea.com/development/api-usage"
NEEDS = "user name and password of the token's user, or of a site administrator"


def by_token(secret: Secret) -> Auth:
    """`Authorization: token <secret>`."""
    return header("Authorization", secret, "token {}")


def as_owner(api: Reader) -> Auth:
    """The password of the operator's own authority."""
    return as_authority(api, "password", lambda secret: basic(api.setting("username") or "", secret))


verify = probe(
    "/api/v1/user",
    [live(200, has=["login"]), dead(401, has=["message"]), live(403, "restricted", has=["message"])],
    auth=by_token,
    identity=identity_from(account="login", principal="id"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the tokens of the token's own user that end like this one."""
    if api.authority("password") is None or api.setting("username") is None:
        return no_authority("password and username")
    me = await api.get("/api/v1/user", auth=by_token(cred.secret))
    login = text_at(me, "login") if me.status == 200 and me.trouble is None else None
    if login is None:
        return Unbound("refused", "the token did not tell its user")
    listed = await api.get(f"/api/v1/users/{safe_id(login)}/tokens", auth=as_owner(api), params={"limit": "50"})
    rows = listed.json if listed.status == 200 and listed.trouble is None else None
    found = [Reply("", json=row) for row in rows] if isinstance(rows, list) else []
    fitting = [row for row in found if cred.secret.reveal().endswith(text_at(row, "token_last_eight") or " ")]
    if not fitting:
        return Unbound("no_match", "no listed token of this user ends like this one")
    shown = ", ".join(f"{text_at(row, 'id')} ({text_at(row, 'name')})" for row in fitting)
    return Unbound("label_only", f"tokens of {login} that end like this one: {shown}; a person must confirm which")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete one token of a user, for good."""
    path = f"/api/v1/users/{safe_id(bound.account)}/tokens/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=as_owner(api))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404])


PROVIDER = Provider(
    id="gitea",
    title="Gitea and Forgejo",
    hosts=(),
    docs="https://docs.gitea.com/api/",
    obtain="Use the token owner's own name and password, or make a site administrator for this job; tokens cannot manage tokens.",
    authority={"password": NEEDS, "username": "the name that the password belongs to"},
    kinds=(
        Kind(
            id="gitea_token",
            title="Gitea or Forgejo access token",
            pattern=r"[0-9a-f]{40}",
            verify=verify,
            docs=DOCS,
            identity="user name and id",
            propagation=Propagation(timedelta(minutes=2)),
            manual=Manual(
                DOCS,
                (
                    "The user: open Settings, Applications (/user/settings/applications) on the server that made it.",
                    "Make a new token with the same scopes and hand it to its users.",
                    "Delete the leaked one, and look for deploy keys and webhooks that were made with it.",
                ),
                notify="the user, and the server's administrators",
            ),
            labels={"kingfisher": ("kingfisher.gitea.1", "kingfisher.gitea.2"), "trufflehog": ("Gitea",)},
            offline=(example_value,),
            actions=(
                Action("revoke", Effect.REVOKE, revoke, bind, NEEDS, DOCS, authority="password", observe=seen_dead(verify)),
            ),
            irreversible_loss="a deleted token cannot be brought back",
            ambiguous=True,
        ),
    ),
)
