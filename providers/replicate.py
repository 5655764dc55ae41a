"""Replicate: API tokens. No API manages them."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, dead, example_value, identity_from, live, probe

DOCS = "https://replicate.com/docs/reference/http"

PROVIDER = Provider(
    id="replicate",
    title="Replicate",
    hosts=("api.replicate.com",),
    docs=DOCS,
    kinds=(
        Kind(
            id="replicate_api_token",
            title="Replicate API token",
            pattern=r"r8_[A-Za-z0-9_-]{37}",
            labels={
                "trufflehog": ("Replicate",),
                "kingfisher": ("kingfisher.replicate.1", "betterleaks.replicate-api-token"),
                "github": ("replicate_api_token",),
            },
            verify=probe(
                "/v1/account",
                [live(200, has=["username"]), dead(401), live(402, "no_quota"), live(403, "restricted")],
                identity=identity_from(account="username", principal="name"),
            ),
            docs=DOCS,
            identity="the account's user name, and its type (user or organisation)",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://replicate.com/account/api-tokens",
                steps=(
                    "Sign in as the account that the check names; an organisation's tokens are under its own account.",
                    "Make a new token and hand it to its users.",
                    "Disable the leaked token (a disabled one can be enabled again).",
                ),
                notify="the account's owner",
            ),
            offline=(example_value,),
        ),
    ),
)
