"""crates.io: API tokens. A token may revoke itself."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Budget,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Receipt,
    Secret,
    Writer,
    bound_as_itself,
    dead,
    example_value,
    header,
    live,
    probe,
    receipt,
    seen_dead,
)

DOCS = "https://doc.rust-lang.org/cargo/reference/registry-web-api.html"


def plain(secret: Secret) -> Auth:
    """The token is the whole header."""
    return header("Authorization", secret)


verify = probe(
    "/api/v1/crates",
    [
        live(200, has=["crates"]),
        live(403, "restricted", says="does not have the required permissions"),
        dead(403, says="authentication failed"),
    ],
    auth=plain,
    params={"following": "1", "per_page": "1"},
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token revokes itself, for good."""
    reply = await api.send("DELETE", "/api/v1/tokens/current", auth=plain(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


PROVIDER = Provider(
    id="crates_io",
    title="crates.io",
    hosts=("crates.io",),
    docs=DOCS,
    kinds=(
        Kind(
            id="cratesio_token",
            title="crates.io API token",
            pattern=r"cio[A-Za-z0-9]{32}",
            verify=verify,
            docs=DOCS,
            identity="none: no call that a token may make names its user",
            propagation=Propagation(timedelta(minutes=5)),
            budget=Budget(per_second=1, in_flight=1),  # one request a second, says the data access policy
            manual=Manual(
                url="https://crates.io/settings/tokens",
                steps=(
                    "As the token's owner, open Account settings, API tokens.",
                    "Make a new token with the least scopes and hand it to its users (tokens are made on the site only).",
                    "Revoke the leaked one; look for versions that were published with it, and yank what is not yours.",
                ),
                notify="the owners of the crates",
            ),
            offline=(example_value,),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bound_as_itself("the token revokes itself, and can revoke no other by this call"),
                    "none: a token may revoke itself",
                    DOCS,
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
            effects_of_check="the token's last use becomes this check",
            irreversible_loss="a revoked token cannot be brought back",
        ),
    ),
)
