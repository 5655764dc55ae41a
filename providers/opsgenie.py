"""Opsgenie: account API keys and keys of integrations, at two regions."""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    dead,
    everywhere,
    example_value,
    header,
    identity_from,
    live,
)

DOCS = "https://docs.opsgenie.com/docs/authentication"
HOSTS = ("api.opsgenie.com", "api.eu.opsgenie.com")

PROVIDER = Provider(
    id="opsgenie",
    title="Opsgenie",
    hosts=HOSTS,
    docs="https://docs.opsgenie.com/docs/api-overview",
    kinds=(
        Kind(
            id="opsgenie_key",
            title="Opsgenie API key",
            pattern=r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            ambiguous=True,
            verify=everywhere(
                HOSTS,
                "/v2/account",
                [
                    live(200, has=["data.name"]),
                    live(403, "restricted", has=["message"]),  # an integration's key has no right to read the account
                    dead(401, has=["message"]),
                    dead(422, has=["message"]),
                ],
                auth=lambda secret: header("Authorization", secret, "GenieKey {}"),
                identity=identity_from(account="data.name"),
            ),
            docs=DOCS,
            identity="the account's name, where the key may read it",
            propagation=Propagation(timedelta(minutes=5)),
            requests=len(HOSTS),
            manual=Manual(
                url="https://support.atlassian.com/opsgenie/docs/api-key-management/",
                steps=(
                    "An account's key: Settings, API key management. An integration's: Settings, Integrations.",
                    "Make a new key and hand it to its users.",
                    "Disable the leaked one (an integration can be enabled again), then delete it.",
                    "Opsgenie is being shut down: think of moving instead.",
                ),
                notify="the account's owner",
            ),
            offline=(example_value,),
        ),
    ),
)
