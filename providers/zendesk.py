"""Zendesk: API tokens of an account, and OAuth access tokens. Both work at one subdomain, and the finding must name it.

An API token works with the e-mail address of any verified user: its reach is the whole account.
"""

from collections.abc import Callable
from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Receipt,
    Verifier,
    Writer,
    at_its_host,
    basic,
    bearer,
    bound_as_itself,
    dead,
    example_value,
    identity_from,
    live,
    receipt,
    seen_dead,
)

DOCS = "https://developer.zendesk.com/api-reference/introduction/security-and-auth/"
OAUTH_DOCS = "https://developer.zendesk.com/api-reference/ticketing/oauth/oauth_tokens/"
ADMIN = "https://support.zendesk.com/hc/en-us/articles/4408889192858"


def with_mail(cred: Credential) -> Auth:
    """E-mail address, the word `token`, and the token."""
    return basic(f"{cred.parts.get('username', '')}/token", cred.secret)


def as_bearer(cred: Credential) -> Auth:
    """An OAuth access token."""
    return bearer(cred.secret)


def _check(auth: Callable[[Credential], Auth]) -> Verifier:
    return at_its_host(
        "/api/v2/users/me.json",
        [
            live(200, has=["user.id"]),  # nobody is let in as an anonymous user whose id is null
            dead(401, has=["error"]),
            live(403, "restricted", has=["error"]),
        ],
        auth=auth,
        identity=identity_from(principal="user.email"),
    )


verify_oauth = _check(as_bearer)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The OAuth token revokes itself."""
    cred = bound.credential
    reply = await api.send("DELETE", "/api/v2/oauth/tokens/current.json", auth=bearer(cred.secret), host=cred.parts.get("host"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


PROVIDER = Provider(
    id="zendesk",
    title="Zendesk",
    hosts=(),
    docs="https://developer.zendesk.com/api-reference/",
    kinds=(
        Kind(
            id="zendesk_token",
            title="Zendesk API token",
            pattern=r"[A-Za-z0-9]{40}",
            ambiguous=True,
            needs=("username",),
            host_from="host",
            verify=_check(with_mail),
            docs=DOCS,
            identity="the user whose e-mail address came with the finding; the token itself is the account's",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=ADMIN,
                steps=(
                    "Open Admin Center, Apps and integrations, APIs, API tokens.",
                    "Deactivate the leaked token: that can be taken back.",
                    "Make a new one and hand it to its users; then delete the leaked one.",
                ),
                notify="the account's owner: the token opens everything",
            ),
            offline=(example_value,),
        ),
        Kind(
            id="zendesk_oauth_token",
            title="Zendesk OAuth access token",
            pattern=r"[0-9a-f]{64}",
            ambiguous=True,
            host_from="host",
            verify=verify_oauth,
            docs=OAUTH_DOCS,
            identity="the user of the token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=OAUTH_DOCS,
                steps=(
                    "As an admin, list /api/v2/oauth/tokens: it shows the first 10 characters of each.",
                    "Delete the token whose beginning is the leaked one's, by its id.",
                ),
                notify="the account's owner, and the client's",
            ),
            offline=(example_value,),
            irreversible_loss="the user must authorise the client again",
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bound_as_itself("the token is the request's own credential, and revokes itself"),
                    "the token's own scope write",
                    OAUTH_DOCS,
                    by="self",
                    observe=seen_dead(verify_oauth),
                    experimental=True,  # users report that it fails
                    confirm="revoke the token of a test client, and see /api/v2/users/me.json refuse it",
                ),
            ),
        ),
    ),
)
