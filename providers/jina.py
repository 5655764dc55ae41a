"""Jina AI: API keys. The one free check that peers use is of a service that may be gone, so none is used."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, example_value, no_safe_check

DOCS = "https://jina.ai/api-dashboard"

PROVIDER = Provider(
    id="jina",
    title="Jina AI",
    hosts=("api.jina.ai",),
    docs=DOCS,
    kinds=(
        Kind(
            id="jina_api_key",
            title="Jina AI key",
            pattern=r"jina_[A-Za-z0-9]{60}",
            labels={"kingfisher": ("kingfisher.jina.1",)},
            verify=no_safe_check,
            docs=DOCS,
            identity="none: no free call is confirmed",
            effects_of_check="nothing is asked",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://jina.ai/api-dashboard/key-manager",
                steps=(
                    "Sign in as the owner, or enter the key where it has no owner yet.",
                    "Make a new key and hand it to its users.",
                    "Delete the leaked key.",
                ),
                notify="the account's owner",
                proves="the owner sees that the key is listed no more: no free call is confirmed that proves it",
            ),
            offline=(example_value,),
        ),
    ),
)
