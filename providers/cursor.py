"""Cursor: user and admin API keys, which look alike. No API manages them."""

import base64
from datetime import timedelta

from revoker.sdk import Auth, Kind, Manual, Propagation, Provider, Secret, dead, example_value, header, identity_from, live, probe

DOCS = "https://cursor.com/docs/cloud-agent/api/endpoints"


def as_user(secret: Secret) -> Auth:
    """HTTP Basic with the key as the user and no password."""
    return header("Authorization", Secret(base64.b64encode(f"{secret.reveal()}:".encode()).decode()), "Basic {}")


PROVIDER = Provider(
    id="cursor",
    title="Cursor",
    hosts=("api.cursor.com",),
    docs="https://cursor.com/docs/api",
    kinds=(
        Kind(
            id="cursor_api_key",
            title="Cursor API key",
            pattern=r"(?:key|crsr)_[0-9a-f]{64}",
            labels={"kingfisher": ("betterleaks.cursor-api-key",)},
            verify=probe(
                "/v0/me",
                [live(200, has=["apiKeyName"]), dead(401), live(403, "restricted")],  # 403: an admin key, or the plan
                auth=as_user,
                identity=identity_from(account="userEmail", principal="apiKeyName"),
            ),
            docs=DOCS,
            identity="the owner's e-mail and the key's name",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://cursor.com/dashboard",
                steps=(
                    "A user's key: open Integrations; a team's admin key: open the team's settings.",
                    "Make a new key and hand it to its users.",
                    "Delete the leaked key, whose name the check tells.",
                ),
                notify="the owner whom the check names, and the team's admins",
            ),
            offline=(example_value,),
        ),
    ),
)
