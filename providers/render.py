"""Render: API keys. No API manages them."""

from datetime import timedelta

from revoker.sdk import Budget, Kind, Manual, Propagation, Provider, dead, example_value, identity_from, live, probe

DOCS = "https://api-docs.render.com/reference/list-owners"

PROVIDER = Provider(
    id="render",
    title="Render",
    hosts=("api.render.com",),
    docs="https://api-docs.render.com/",
    kinds=(
        Kind(
            id="render_api_key",
            title="Render API key",
            pattern=r"rnd_[A-Za-z0-9]{28}",
            verify=probe(
                "/v1/owners",
                [live(200, has=["0.owner.id"]), dead(401, has=["message"])],
                params={"limit": "1"},
                identity=identity_from(account="0.owner.id", principal="0.owner.email"),
            ),
            docs=DOCS,
            identity="the first workspace that the key opens, with its mail address",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                "https://dashboard.render.com/u/settings#api-keys",
                (
                    "Sign in as the key's user, Account Settings, API Keys.",
                    "Make a new one and hand it to its users.",
                    "Revoke the leaked one.",
                ),
                notify="the user, and the workspace's administrators",
            ),
            offline=(example_value,),
            budget=Budget(per_second=5),
            labels={"kingfisher": ("kingfisher.render.1",)},
        ),
    ),
)
