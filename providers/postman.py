"""Postman: API keys. Accounts of Enterprise plans in the EU live at a host of their own."""

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

DOCS = "https://learning.postman.com/docs/developer/postman-api/authentication/"
HOSTS = ("api.getpostman.com", "api.eu.postman.com")


PROVIDER = Provider(
    id="postman",
    title="Postman",
    hosts=HOSTS,
    docs="https://learning.postman.com/api-docs",
    kinds=(
        Kind(
            id="postman_key",
            title="Postman API key",
            pattern=r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}",
            verify=everywhere(
                HOSTS,
                "/me",
                [
                    live(200, has=["user"]),
                    dead(401, at="error.name", codes=["AuthenticationError"]),
                    live(403, "restricted", has=["error"]),
                ],
                auth=lambda secret: header("X-API-Key", secret),
                identity=identity_from(account="user.teamId", principal="user.email"),
            ),
            docs=DOCS,
            identity="team id and the user's e-mail address",
            propagation=Propagation(timedelta(minutes=5)),
            requests=2,
            manual=Manual(
                url="https://go.postman.co/settings/me/api-keys",
                steps=(
                    "As the user, open Settings, API keys.",
                    "Generate a key, and hand it to its users.",
                    "Delete the leaked one (or regenerate it). Its collections and environments may hold more secrets.",
                ),
                notify="the user, and the team's admins",
            ),
            offline=(example_value,),
            effects_of_check="counts once or twice against the monthly quota of the API",
        ),
    ),
)
