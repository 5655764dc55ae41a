"""Doppler: tokens of people, services, CLIs and service accounts. Whoever holds one may revoke it."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Receipt,
    Residual,
    Writer,
    bound_as_itself,
    dead,
    example_value,
    identity_from,
    live,
    probe,
    receipt,
    seen_dead,
)

DOCS = "https://docs.doppler.com/reference/auth-me"
REVOKE = "https://docs.doppler.com/reference/auth-revoke"

verify = probe(
    "/v3/me",
    [live(200, has=["type"]), dead(401, has=["messages"]), live(403, "restricted", has=["messages"])],
    identity=identity_from(account="workplace.slug", principal="name", last_used_at="last_seen_at"),
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Revoke the token by its own value, for good."""
    reply = await api.send("POST", "/v3/auth/revoke", json={"token": bound.credential.secret})
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


PROVIDER = Provider(
    id="doppler",
    title="Doppler",
    hosts=("api.doppler.com",),
    docs="https://docs.doppler.com/reference/api",
    kinds=(
        Kind(
            id="doppler_token",
            title="Doppler token",
            pattern=r"dp\.(?:pt|ct|sa|scim|audit|st(?:\.[a-z0-9_-]{2,35})?)\.[A-Za-z0-9]{40,44}",
            verify=verify,
            docs=DOCS,
            identity="workplace, the token's name and its last use",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://dashboard.doppler.com/",
                steps=(
                    "A service token reads every secret of its config: count all of them as leaked too.",
                    "Open the config's Access tab (service), Team, Service Accounts, or the user's Tokens page, by the token's name.",
                    "Make a new one with read access only and hand it to its users.",
                    "Revoke the leaked one.",
                ),
                notify="the workplace's owners, and the owners of all secrets in the config",
            ),
            offline=(example_value,),
            actions=(
                # Seen in another tool's code only. To confirm: revoke a test token by it.
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bound_as_itself("the request carries this very value, and can revoke no other"),
                    "none: a token may revoke itself",
                    REVOKE,
                    by="self",
                    observe=seen_dead(verify),
                    experimental=True,
                    confirm="revoke a test CLI token, and one of each other sort in use, and see /v3/me refuse it",
                ),
            ),
            residual=(Residual("every secret that the token could read", None),),
            irreversible_loss="a revoked token cannot be brought back",
        ),
    ),
)
