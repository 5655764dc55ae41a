"""Voyage AI: keys of its own dashboard, and model keys that MongoDB Atlas makes."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, dead, example_value, live, no_safe_check, probe

DOCS = "https://docs.voyageai.com/docs/error-codes"
LABEL = "betterleaks.voyageai-api-key"

PROVIDER = Provider(
    id="voyage",
    title="Voyage AI",
    hosts=("api.voyageai.com",),
    docs=DOCS,
    kinds=(
        Kind(
            id="voyage_api_key",
            title="Voyage AI key",
            pattern=r"pa-[A-Za-z0-9_-]{43}",
            labels={"kingfisher": (LABEL,)},
            verify=probe(
                "/v1/files",
                [live(200, has=["data"]), dead(401), live(403, "restricted")],  # 403: an address that the key does not allow
            ),
            docs=DOCS,
            identity="none: no endpoint tells whose key it is",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://dashboard.voyageai.com/api-keys",
                steps=(
                    "Make a new key in the same project and hand it to its users.",
                    "Find the leaked key by its name and the characters that the list shows.",
                    "Delete it.",
                ),
                notify="the organisation's admins",
            ),
            offline=(example_value,),
        ),
        Kind(
            id="voyage_atlas_key",
            title="Voyage AI model key of MongoDB Atlas",
            pattern=r"al-[A-Za-z0-9_-]{43}",
            labels={"kingfisher": (LABEL,)},
            verify=no_safe_check,
            docs="https://www.mongodb.com/docs/voyageai/management/api-keys/",
            identity="none: no free call is confirmed for these keys",
            effects_of_check="nothing is asked",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://cloud.mongodb.com",
                steps=(
                    "Open the Atlas project's AI models, model API keys (role Project Model Owner).",
                    "Make a new key and hand it to its users.",
                    "Delete the leaked key; the Atlas Admin API does the same: DELETE .../groups/{group}/aiModelApiKeys/{id}.",
                ),
                notify="the Atlas project's owners",
                proves="the project's list holds the key no more: no free call is confirmed that proves it",
            ),
            offline=(example_value,),
        ),
    ),
)
