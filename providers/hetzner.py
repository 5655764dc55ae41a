"""Hetzner Cloud: a project's API tokens. No API manages them, and none tells the project."""

from datetime import timedelta

from revoker.sdk import Budget, Kind, Manual, Propagation, Provider, dead, example_value, live, probe

DOCS = "https://docs.hetzner.cloud/reference/cloud#authentication"

PROVIDER = Provider(
    id="hetzner",
    title="Hetzner Cloud",
    hosts=("api.hetzner.cloud",),
    docs="https://docs.hetzner.cloud/",
    kinds=(
        Kind(
            id="hetzner_token",
            title="Hetzner Cloud API token",
            pattern=r"[A-Za-z0-9]{64}",
            verify=probe("/v1/locations", [live(200, has=["locations"]), dead(401, at="error.code", codes=["unauthorized"])]),
            docs=DOCS,
            identity="none: no endpoint tells the project of a token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                "https://console.hetzner.com/projects",
                (
                    "Open the project, Security, API tokens; find the token by its name and last use.",
                    "Make a new one with the same rights and hand it to its users.",
                    "Delete the leaked one, and look at the project's activities for servers and keys that it made.",
                ),
                notify="the project's owner",
            ),
            offline=(example_value,),
            budget=Budget(per_second=1),
            ambiguous=True,
        ),
    ),
)
