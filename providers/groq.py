"""Groq: API keys."""

from datetime import timedelta

from revoker.sdk import Budget, Kind, Manual, Propagation, Provider, dead, live, probe, unsure

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
            pattern=r"gsk_[A-Za-z0-9]{50,}",
            labels={"trufflehog": ("Groq",), "kingfisher": ("kingfisher.groq.1", "betterleaks.groq-api-key")},
            verify=probe(
                "/openai/v1/models",
                [
                    live(200, has=["data"]),
                    dead(401, at="error.code", codes=["invalid_api_key"]),
                    live(400, "organization_restricted", at="error.code", codes=["organization_restricted"]),
                    unsure(403, "network_refused"),
                ],
            ),
            docs=DOCS,
            identity="none: no endpoint tells the organisation of a key",
            propagation=Propagation(timedelta(minutes=5)),
            budget=Budget(per_second=10),
            manual=Manual(
                url="https://console.groq.com/keys",
                steps=("Open API Keys.", "Find the key by its name and last characters.", "Delete it."),
                notify="the organisation's Groq owner",
            ),
        ),
    ),
)
