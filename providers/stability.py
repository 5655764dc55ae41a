"""Stability AI: API keys. No API manages them."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, dead, example_value, identity_from, live, probe

DOCS = "https://platform.stability.ai/docs/api-reference"

PROVIDER = Provider(
    id="stability",
    title="Stability AI",
    hosts=("api.stability.ai",),
    docs=DOCS,
    kinds=(
        Kind(
            id="stability_api_key",
            title="Stability AI key",
            pattern=r"sk-(?![A-Za-z0-9]{0,40}T3BlbkFJ)[A-Za-z0-9]{48}",  # a legacy OpenAI key is as long, and has that mark
            ambiguous=True,
            labels={"kingfisher": ("betterleaks.stability-ai-api-key",)},
            verify=probe(
                "/v1/user/account",
                [live(200, has=["id"]), dead(401), live(403, "restricted")],
                identity=identity_from(account="organizations.0.id", principal="email"),
            ),
            docs=DOCS,
            identity="the owner's e-mail and organisation",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://platform.stability.ai/account/keys",
                steps=(
                    "Sign in as the owner whom the check names.",
                    "Make a new key and hand it to its users.",
                    "Delete the leaked key.",
                ),
                notify="the owner whom the check names",
            ),
            offline=(example_value,),
        ),
    ),
)
