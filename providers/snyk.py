"""Snyk: API tokens of users and service accounts, and personal access tokens, at four regions."""

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

DOCS = "https://docs.snyk.io/snyk-api/authentication-for-api"
HOSTS = ("api.snyk.io", "api.us.snyk.io", "api.eu.snyk.io", "api.au.snyk.io")

ANSWERS = (
    live(200, has=["data.id"]),
    dead(401, has=["errors"]),
    dead(401, has=["message"]),
    live(403, "restricted", has=["errors"]),  # a plan without the API, too
    live(403, "restricted", has=["message"]),
)

verify = everywhere(
    HOSTS,
    "/rest/self",
    ANSWERS,
    auth=lambda secret: header("Authorization", secret, "token {}"),
    params={"version": "2024-10-15"},
    identity=identity_from(account="data.attributes.default_org_context", principal="data.attributes.username"),
)


def _kind(id: str, title: str, pattern: str, *, ambiguous: bool, labels: dict[str, tuple[str, ...]]) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        verify=verify,
        docs=DOCS,
        identity="the user or service account, and its default organisation",
        propagation=Propagation(timedelta(minutes=5), source="documented as immediate; our margin"),
        requests=len(HOSTS),
        manual=Manual(
            url="https://app.snyk.io/account",
            steps=(
                "A user's token: the user opens the account settings and revokes and regenerates it; the old one stops at once.",
                "A service account's: open the group's or organisation's Service accounts and replace or delete it.",
                "Hand the new one to its users.",
            ),
            notify="the user or the organisation's administrators",
        ),
        offline=(example_value,),
        labels=labels,
        irreversible_loss="the old token",
    )


PROVIDER = Provider(
    id="snyk",
    title="Snyk",
    hosts=HOSTS,
    docs=DOCS,
    kinds=(
        _kind(
            "snyk_token",
            "Snyk API token",
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            ambiguous=True,
            labels={},
        ),
        _kind(
            "snyk_personal_token",
            "Snyk personal access token",
            r"snyk_uat\.[A-Za-z0-9._-]{20,200}",
            ambiguous=True,  # the shape is not confirmed
            labels={"list": ("snyk_personal_token",)},
        ),
    ),
)
