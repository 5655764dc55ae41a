"""Cerebras: API keys. No API manages them."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, dead, example_value, live, probe

DOCS = "https://inference-docs.cerebras.ai/support/error"

PROVIDER = Provider(
    id="cerebras",
    title="Cerebras",
    hosts=("api.cerebras.ai",),
    docs=DOCS,
    kinds=(
        Kind(
            id="cerebras_api_key",
            title="Cerebras API key",
            pattern=r"csk-[a-z0-9]{48}",
            labels={"kingfisher": ("betterleaks.cerebras-api-key",)},
            verify=probe("/v1/models", [live(200, has=["data"]), dead(401), live(402, "no_quota"), live(403, "restricted")]),
            docs=DOCS,
            identity="none: no endpoint tells whose key it is",
            propagation=Propagation(timedelta(minutes=5), source="a delete is documented as immediate; our margin"),
            manual=Manual(
                url="https://cloud.cerebras.ai",
                steps=(
                    "Open API keys: values stay visible here, so the leaked one can be found by comparing.",
                    "Make a new key and hand it to its users.",
                    "Delete the leaked key, for good.",
                ),
                notify="the organisation's owner",
            ),
            offline=(example_value,),
        ),
    ),
)
