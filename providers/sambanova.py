"""SambaNova: API keys. Its list of models is public, and a chat is billed: there is no safe check."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, example_value, no_safe_check

DOCS = "https://docs.sambanova.ai/docs/en/get-started/api-keys-urls"

PROVIDER = Provider(
    id="sambanova",
    title="SambaNova",
    hosts=("api.sambanova.ai",),
    docs=DOCS,
    kinds=(
        Kind(
            id="sambanova_api_key",
            title="SambaNova API key",
            pattern=r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            ambiguous=True,
            labels={"other": ("sambanova_api_key",)},
            verify=no_safe_check,
            docs=DOCS,
            identity="none: no free call takes the key",
            effects_of_check="nothing is asked",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://cloud.sambanova.ai/apis",
                steps=(
                    "Sign in as the owner; a user has up to 25 keys.",
                    "Make a new key and hand it to its users.",
                    "Delete the leaked key.",
                ),
                notify="the account's owner",
                proves="the owner sees that the key is listed no more: there is no call that proves it for free",
            ),
            offline=(example_value,),
        ),
    ),
)
