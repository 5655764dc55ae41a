"""Pulumi Cloud: access tokens. Lists show names and ids without values: none is bound by them."""

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
    dead,
    example_value,
    header,
    identity_from,
    live,
    probe,
    receipt,
    safe_id,
    seen_dead,
    text_at,
)

DOCS = "https://www.pulumi.com/docs/reference/cloud-rest-api/access-tokens/"
V8 = {"Accept": "application/vnd.pulumi+8"}


def by_token(secret: Secret) -> Auth:
    """`Authorization: token <secret>`."""
    return header("Authorization", secret, "token {}")


verify = probe(
    "/api/user",
    [live(200, has=["githubLogin"]), dead(401, has=["code"])],
    auth=by_token,
    headers=V8,
    identity=identity_from(account="githubLogin", principal="email"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the tokens of the token's own user, for a person."""
    listed = await api.get("/api/user/tokens", auth=by_token(cred.secret), headers=V8)
    rows = listed.pick("tokens") if listed.status == 200 and listed.trouble is None else None
    if not isinstance(rows, list):
        return Unbound("refused", "the token may not list its user's tokens")
    found = [Reply("", json=row) for row in rows]
    shown = ", ".join(f"{text_at(row, 'id')} ({text_at(row, 'description')})" for row in found[:20])
    return Unbound("label_only", f"tokens of the same user: {shown}; a person must confirm which")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete one of the user's tokens by its id, for good."""
    path = f"/api/user/tokens/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=by_token(bound.credential.secret), headers=V8)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


PROVIDER = Provider(
    id="pulumi",
    title="Pulumi Cloud",
    hosts=("api.pulumi.com",),
    docs="https://www.pulumi.com/docs/reference/cloud-rest-api/",
    kinds=(
        Kind(
            id="pulumi_token",
            title="Pulumi access token",
            pattern=r"pul-[0-9a-f]{40}",
            verify=verify,
            docs=DOCS,
            also_at="self-hosted Pulumi",
            identity="login and mail address",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                "https://app.pulumi.com/account/tokens",
                (
                    "A person's: find it here by its description and last use. An organisation's or team's: its settings.",
                    "Make a new one and hand it to its users.",
                    "Delete the leaked one, and rotate the stacks' secrets that it could read.",
                ),
                notify="the user, and the organisation's administrators",
            ),
            offline=(example_value,),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    "none of ours; a person's token may delete its own",
                    DOCS,
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
            irreversible_loss="a deleted token cannot be brought back",
        ),
    ),
)
