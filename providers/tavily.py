"""Tavily: API keys. A key of an Enterprise account deactivates itself."""

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
    Writer,
    bearer,
    bound_as_itself,
    dead,
    example_value,
    live,
    probe,
    receipt,
    seen_dead,
)

DOCS = "https://docs.tavily.com/documentation/api-reference/endpoint/usage"
KEY_DOCS = "https://docs.tavily.com/documentation/enterprise/api-key-generator"
KEYS_HOST = "api-key-generator.tavily.com"

verify = probe(
    "/usage",  # free; a search would be billed
    [
        live(200, has=["key", "account"]),
        dead(401),
        live(432, "no_quota"),  # the plan's limit
        live(433, "no_quota"),  # the pay-as-you-go limit
    ],
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The key deactivates itself. Without a body: one with a request id would drop a whole batch of keys."""
    reply = await api.send("POST", "/deactivate-keys", auth=bearer(bound.credential.secret), host=KEYS_HOST)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


PROVIDER = Provider(
    id="tavily",
    title="Tavily",
    hosts=("api.tavily.com", KEYS_HOST),
    docs=DOCS,
    kinds=(
        Kind(
            id="tavily_api_key",
            title="Tavily API key",
            pattern=r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}",
            labels={"kingfisher": ("kingfisher.tavily.1",)},
            verify=verify,
            docs=DOCS,
            identity="none: the answer tells the plan and the usage only",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://app.tavily.com",
                steps=(
                    "Make a new key and hand it to its users.",
                    "Find the leaked key by its name and delete it, or write to support@tavily.com.",
                ),
                notify="the account's owner",
            ),
            offline=(example_value,),
            irreversible_loss="a deactivated key cannot be brought back",
            actions=(
                Action(
                    id="revoke",
                    effect=Effect.REVOKE,
                    run=revoke,
                    bind=bound_as_itself("the request carries this very value as its bearer, and names no other"),
                    needs="the key itself, of an Enterprise account",
                    docs=KEY_DOCS,
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
        ),
    ),
)
