"""Neon: API keys of people, organisations and projects.

A key is deleted by an id that no answer to the key itself tells; its last use and address help a person find it.
"""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    dead,
    example_value,
    identity_from,
    live,
    probe,
)

DOCS = "https://neon.com/docs/manage/api-keys"

PROVIDER = Provider(
    id="neon",
    title="Neon",
    hosts=("console.neon.tech",),
    docs="https://api-docs.neon.tech/reference/getting-started-with-neon-api",
    kinds=(
        Kind(
            id="neon_api_key",
            title="Neon API key",
            pattern=r"napi_[A-Za-z0-9]{64}",
            verify=probe(
                "/api/v2/projects",
                [
                    live(200, has=["projects"]),
                    live(400, "needs_an_organisation", says="org_id is required"),
                    dead(401, has=["message"]),
                    live(403, "restricted", has=["message"]),
                ],
                params={"limit": "1"},
                identity=identity_from(account="projects.0.org_id", principal="projects.0.owner_id"),
            ),
            docs=DOCS,
            identity="organisation and owner of the first project that it reads",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://console.neon.tech/app/settings/api-keys",
                steps=(
                    "Open Account settings, API keys (or the organisation's): name, last use and last address are listed.",
                    "Find the leaked one: its last use is the moment of revoker's check.",
                    "Create a new key and hand it to its users; revoke the leaked one.",
                ),
                notify="the key's owner",
            ),
            offline=(example_value,),
            labels={"list": ("neon_api_key",)},
            effects_of_check="the key's last use and last address become this check",
            irreversible_loss="a revoked key cannot be brought back",
        ),
    ),
)
