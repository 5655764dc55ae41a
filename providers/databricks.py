"""Databricks: personal access tokens and OAuth secrets, at the workspace's own host.

The list of tokens shows no part of their values: nobody can tell which listed id the leaked one has, so a person decides.
"""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    at_its_host,
    bearer,
    dead,
    example_value,
    identity_from,
    live,
    no_safe_check,
    unsure,
)

DOCS = "https://docs.databricks.com/api/workspace/tokens"
IP_LIST = "https://docs.databricks.com/security/network/front-end/ip-access-list"

verify = at_its_host(
    "/api/2.0/preview/scim/v2/Me",
    [
        live(200, has=["id"]),
        *(unsure(status, "ip_access_list", says=text) for status in (401, 403) for text in ("IP access list", "IP ACL")),
        dead(401, says="invalid access token"),
        dead(403, says="invalid access token"),
    ],
    auth=lambda cred: bearer(cred.secret),
    identity=identity_from(principal="userName"),
)

PROVIDER = Provider(
    id="databricks",
    title="Databricks",
    hosts=(),
    docs=DOCS,
    kinds=(
        Kind(
            id="databricks_pat",
            title="Databricks personal access token",
            pattern=r"dapi[0-9a-f]{32}(?:-\d{1,2})?",
            host_from="host",
            verify=verify,
            docs=DOCS,
            identity="the user or service principal",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://docs.databricks.com/dev-tools/auth/pat",
                steps=(
                    "Ask the user that the check named: Settings, Developer, Access tokens; find it by comment and creation date.",
                    "An administrator lists all with GET /api/2.0/token-management/tokens (created_by_username, last_used_day).",
                    "Make a new token, hand it to its users, and revoke the leaked one (POST /api/2.0/token/delete with its token_id).",
                    "When it is abused and not found: switch personal access tokens off for the workspace; that deletes none.",
                ),
                notify="the workspace's administrators",
            ),
            offline=(example_value,),
            irreversible_loss="a revoked token cannot be brought back",
        ),
        Kind(
            id="databricks_oauth_secret",
            title="Databricks OAuth secret of a service principal",
            pattern=r"dose[0-9a-f]{32}",
            verify=no_safe_check,  # a grant would mint an access token
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs="https://docs.databricks.com/dev-tools/auth/oauth-m2m",
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(hours=1), source="tokens that it made last an hour; our margin"),
            manual=Manual(
                url="https://accounts.cloud.databricks.com/",
                steps=(
                    "Open the service principal, Secrets.",
                    "Generate a new secret and hand it to its users.",
                    "Delete the leaked one: it is listed by its creation date.",
                ),
                notify="the account's administrators",
                proves="the account console does not show the secret any more",
            ),
            offline=(example_value,),
            labels={"list": ("databricks_oauth_secret",)},
        ),
    ),
)
