"""Spacelift: API keys. The one call that would tell mints a session, and the bill counts its user: it is not made."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, example_value, no_safe_check

DOCS = "https://docs.spacelift.io/integrations/api"


PROVIDER = Provider(
    id="spacelift",
    title="Spacelift",
    hosts=(),
    docs=DOCS,
    kinds=(
        Kind(
            id="spacelift_key",
            title="Spacelift API key",
            pattern=r"[0-9a-f]{64}",
            verify=no_safe_check,
            docs=DOCS,
            identity="the key id, which is the finding's own",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                "https://docs.spacelift.io/integrations/api#api-key-management",
                (
                    "An administrator: open the account, Organization settings, API keys.",
                    "Make a new key in the same spaces and hand it to its users.",
                    "Find the leaked one by its id, and delete it.",
                ),
                notify="the account's administrators",
                proves="the list of API keys holds the id no more",
            ),
            needs=("key_id",),
            offline=(example_value,),
            ambiguous=True,
        ),
    ),
)
