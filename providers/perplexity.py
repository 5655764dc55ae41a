"""Perplexity: API keys. A key revokes itself, and can make others of its group."""

from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Effect,
    Issued,
    Kind,
    Manual,
    Propagation,
    Provider,
    Receipt,
    Reply,
    Residual,
    Secret,
    Writer,
    bearer,
    bound_as_itself,
    dead,
    example_value,
    live,
    probe,
    receipt,
    seen_dead,
    text_at,
    unsure,
)

DOCS = "https://docs.perplexity.ai/docs/admin/api-key-management"

# The list of asynchronous jobs is free; a chat would be billed.
verify = probe(
    "/async/chat/completions",
    [
        live(200, has=["requests"]),
        # Perplexity answers 401 to a key without credits too, and that one works again when they are bought.
        live(401, "no_quota", at="error.type", codes=["insufficient_quota"]),
        live(401, "no_quota", says="exceeded your current quota"),
        dead(401, says="invalid api key"),
        unsure(401, "refused_or_no_credits"),
        live(403, "restricted"),
    ],
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Revoke this very key with itself as the bearer, for good."""
    secret = bound.credential.secret
    reply = await api.send("POST", "/revoke_auth_token", auth=bearer(secret), json={"auth_token": secret})
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


async def issue(bound: Bound, api: Writer) -> Receipt:
    """Make a key of the same API group, with this one as the bearer. The value is in this one answer only."""
    body = {"token_name": api.mark}
    reply = await api.send("POST", "/generate_auth_token", auth=bearer(bound.credential.secret), json=body)

    def told(answer: Reply) -> str:
        return "done" if text_at(answer, "auth_token") else ""

    made = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[200], told=told)
    return replace(made, target=api.mark, issued=Issued(api.mark, Secret(str(reply.pick("auth_token")))))


PROVIDER = Provider(
    id="perplexity",
    title="Perplexity",
    hosts=("api.perplexity.ai",),
    docs="https://docs.perplexity.ai/docs/sdk/error-handling",
    kinds=(
        Kind(
            id="perplexity_api_key",
            title="Perplexity API key",
            pattern=r"pplx-[A-Za-z0-9]{48}",
            labels={
                "gitleaks": ("perplexity-api-key",),
                "kingfisher": ("kingfisher.perplexity.1", "betterleaks.perplexity-api-key"),
                "github": ("perplexity_api_key",),
            },
            verify=verify,
            docs=DOCS,
            identity="none: no endpoint tells whose key it is",
            propagation=Propagation(timedelta(minutes=15)),
            residual=(Residual("keys that were made with the leaked one", None, "look through the API group in the console"),),
            manual=Manual(
                url="https://console.perplexity.ai",
                steps=(
                    "Open API groups, and the group of the key; make a new key and hand it to its users.",
                    "Revoke the leaked key.",
                    "Revoke every key that was made since the leak and that nobody knows: the leaked one could make them.",
                ),
                notify="the API group's admins",
            ),
            offline=(example_value,),
            irreversible_loss="a revoked key cannot be brought back",
            actions=(
                Action(
                    id="revoke",
                    effect=Effect.REVOKE,
                    run=revoke,
                    bind=bound_as_itself("the request carries this very value, as the bearer and as the key to revoke"),
                    needs="nothing but the key itself",
                    docs=DOCS,
                    by="self",
                    observe=seen_dead(verify),
                ),
                Action(
                    id="issue",
                    effect=Effect.ISSUE,
                    run=issue,
                    bind=bound_as_itself("the new key is of the API group of this very key, which makes it"),
                    needs="nothing but the key itself",
                    docs=DOCS,
                    by="self",
                    undo="revoke",
                ),
            ),
        ),
    ),
)
