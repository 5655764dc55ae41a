"""Airtable: personal access tokens and OAuth access tokens."""

from datetime import timedelta

from revoker.sdk import Budget, Kind, Manual, Propagation, Provider, dead, example_value, identity_from, live, probe

DOCS = "https://airtable.com/developers/web/api/get-user-id-scopes"
NOTIFY = "the user; Enterprise admins see all tokens in the admin panel, and can deactivate the user meanwhile"

verify = probe(
    "/v0/meta/whoami",
    [live(200, has=["id"]), dead(401, has=["error"]), live(403, "restricted", has=["error"])],
    identity=identity_from(principal="id", scopes="scopes"),
)


def _kind(id: str, title: str, pattern: str, page: str, *steps: str, ambiguous: bool = False) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        verify=verify,
        docs=DOCS,
        identity="the user's id, and the scopes of an OAuth token",
        propagation=Propagation(timedelta(minutes=5)),
        budget=Budget(per_second=5, in_flight=4),
        manual=Manual(page, steps, notify=NOTIFY),
        offline=(example_value,),
    )


PROVIDER = Provider(
    id="airtable",
    title="Airtable",
    hosts=("api.airtable.com",),
    docs="https://airtable.com/developers/web/api/authentication",
    kinds=(
        _kind(
            "airtable_pat",
            "Airtable personal access token",
            r"pat(?P<token_id>[A-Za-z0-9]{14})\.[0-9a-f]{64}",
            "https://airtable.com/create/tokens",
            "Find the token by its id: what stands before the dot.",
            "Make a new token with the same scopes and bases, and hand it to its users.",
            "Delete the leaked one. (Regenerating it kills the old value at once.)",
        ),
        _kind(
            "airtable_oauth_token",
            "Airtable OAuth access token",
            r"[A-Za-z0-9]{10,30}\.v1\.[A-Za-z0-9+/=_-]{40,500}(?:\.[A-Za-z0-9+/=_-]{20,500})?",
            "https://airtable.com/account/integrations",
            "As the user, open Integrations, Third-party integrations.",
            "Revoke the integration's access, and authorise it again.",
            ambiguous=True,
        ),
    ),
)
