"""npm: granular access tokens, asked at the registry that the operator names (`[endpoints] npm`, as an .npmrc does)."""

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
    Writer,
    as_authority,
    bearer,
    bound_as_itself,
    can_read,
    checksum,
    crc32_suffix,
    dead,
    example_value,
    identity_from,
    live,
    no_authority,
    probe,
    receipt,
    seen_dead,
)

DOCS = "https://github.com/npm/api-documentation"
SESSION = "a session of the token's own user"


verify = probe(
    "/-/whoami",
    [live(200, has=["username"]), dead(401), live(403, "restricted")],  # 403: address list or policy
    identity=identity_from(account="username", principal="username"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The full value stands in the request: it can name no other token."""
    if api.authority("session") is None:
        return no_authority("session")
    return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the request names this very value in full")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete the token by its full value, as its user. There is no other place for the value than the path."""
    code = api.authority("otp")
    reply = await api.send(
        "DELETE",
        f"/-/npm/v1/tokens/token/{bound.credential.secret.reveal()}",
        auth=as_authority(api, "session"),
        headers={"npm-otp": code.reveal()} if code else {},
    )
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 204], already=[404])


async def log_out(bound: Bound, api: Writer) -> Receipt:
    """What `npm logout` sends for the token in use."""
    value = bound.credential.secret
    reply = await api.send("DELETE", f"/-/user/token/{value.reveal()}", auth=bearer(value))
    return receipt("log_out", Effect.REVOKE, bound, reply, api.now, done=[200, 204])


PROVIDER = Provider(
    id="npm",
    title="npm",
    hosts=(),
    docs=DOCS,
    obtain="npm login as the token's own user, and the token that .npmrc then holds; never a leaked one.",
    authority={"session": SESSION, "otp": "a one-time password, when the user has a second factor"},
    check_authority=can_read("session", {"the user's session": "/-/whoami"}),
    kinds=(
        Kind(
            id="npm_token",
            title="npm access token",
            pattern=r"npm_[A-Za-z0-9]{36}",
            verify=verify,
            docs=DOCS,
            identity="the user's name",
            propagation=Propagation(timedelta(hours=1), source="documented: up to one hour"),
            manual=Manual(
                url=DOCS,
                steps=(
                    "The user signs in at the registry's own website and opens Access Tokens in their settings.",
                    "Prefer trusted publishing to a new token; a new one that may publish lives 90 days at the most.",
                    "Find the token by its first and last characters and delete it.",
                ),
                notify="the packages' maintainers: look for versions that nobody of you published",
            ),
            offline=(checksum(crc32_suffix), example_value),
            effects_of_check="moves the token's last use",
            irreversible_loss="a deleted token cannot be brought back",
            actions=(
                Action("revoke", Effect.REVOKE, revoke, bind, SESSION, DOCS, authority="session", observe=seen_dead(verify)),
                Action(
                    "log_out",
                    Effect.REVOKE,
                    log_out,
                    bound_as_itself("the token names itself in the request"),
                    "nothing beside the token",
                    DOCS,
                    by="self",
                    observe=seen_dead(verify),
                    experimental=True,  # seen in the client; not confirmed for granular tokens
                    confirm="log a granular test token out, and see whoami refuse it",
                ),
            ),
        ),
    ),
)
