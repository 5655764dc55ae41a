"""Elastic Cloud: API keys of users and organisations."""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    dead,
    example_value,
    header,
    identity_from,
    live,
    probe,
)

DOCS = "https://www.elastic.co/docs/api/doc/cloud"

PROVIDER = Provider(
    id="elastic_cloud",
    title="Elastic Cloud",
    hosts=("api.elastic-cloud.com",),
    docs=DOCS,
    kinds=(
        Kind(
            id="elastic_cloud_api_key",
            title="Elastic Cloud API key",
            pattern=r"essu_[A-Za-z0-9+/_-]{40,200}={0,2}",
            verify=probe(
                "/api/v1/account",
                [live(200, has=["id"]), dead(401, has=["errors"]), live(403, "restricted", has=["errors"])],
                auth=lambda secret: header("Authorization", secret, "ApiKey {}"),
                identity=identity_from(account="id"),
            ),
            docs=DOCS,
            identity="the account's id",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://cloud.elastic.co/account/keys",
                steps=(
                    "Open Organization, API keys (a user's own: Account, API keys): the list shows names, roles and expiry.",
                    "Make a new one with the same roles and hand it to its users.",
                    "Revoke the leaked one.",
                ),
                notify="the organisation's owners",
            ),
            offline=(example_value,),
            irreversible_loss="a revoked key cannot be brought back",
        ),
    ),
)
