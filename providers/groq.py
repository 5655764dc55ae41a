"""Groq: API keys."""

from datetime import timedelta

from revoker.sdk import Budget, Kind, Manual, Propagation, Provider, dead, example_value, live, probe, unsure

DOCS = "https://console.groq.com/docs/errors"

PROVIDER = Provider(
    id="groq",
    title="Groq",
    hosts=("api.groq.com",),
    docs="https://console.groq.com/docs/api-reference",
    kinds=(
        Kind(
            id="groq_api_key",
            title="Groq API key",
            pattern=r"gsk_[A-Za-z0-9]{52}",
            verify=probe(
                "/openai/v1/models",
                [
                    live(200, has=["data"]),
                    dead(401, at="error.code", codes=["invalid_api_key"]),
                    # The key is good and its organisation is barred: it works again when the bar is lifted.
                    live(400, "organization_restricted", at="error.code", codes=["organization_restricted"]),
                    live(400, "organization_restricted", says="organization has been restricted"),
                    live(403, "restricted", at="error.code", codes=["permissions_error", "not_available_for_plan"]),
                    live(403, "restricted", at="error.type", codes=["permissions_error", "not_available_for_plan"]),
                    unsure(403, "network_refused"),
                    unsure(498, "no_capacity"),
                ],
            ),
            docs=DOCS,
            identity="none: no endpoint tells the organisation of a key",
            propagation=Propagation(timedelta(minutes=5)),
            offline=(example_value,),
            budget=Budget(per_second=0, in_flight=100),  # no limit is documented for this list; a 429 slows us down
            manual=Manual(
                url="https://console.groq.com/keys",
                steps=(
                    "Make a new key in the same project and hand it to its users.",
                    "Find the leaked key by its name and last characters.",
                    "Delete it.",
                ),
                notify="the organisation's Groq owner",
            ),
        ),
    ),
)
