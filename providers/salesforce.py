"""Salesforce: access tokens, refresh tokens and consumer secrets. The finding must name the instance.

No business object is read: the organisation's limits tell a working token from a dead one.
"""

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
    bearer,
    bound_as_itself,
    dead,
    example_value,
    live,
    no_safe_check,
    receipt,
    seen_dead,
)

DOCS = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_limits.htm"
REVOKE_DOCS = "https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_revoke_token.htm"
USAGE = "https://login.salesforce.com/"
CODE = "0.errorCode"


def riding(cred: Credential) -> Auth:
    """A bearer token."""
    return bearer(cred.secret)


verify = at_its_host(
    "/services/data/v60.0/limits",
    [
        live(200, has=["DailyApiRequests"]),
        dead(401, at=CODE, codes=["INVALID_SESSION_ID"], has=[CODE]),
        live(403, "limit_exceeded", at=CODE, codes=["REQUEST_LIMIT_EXCEEDED"], has=[CODE]),
    ],
    auth=riding,
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Revoke this very token; a refresh token takes its access tokens with it."""
    cred = bound.credential
    form = {"token": cred.secret}
    reply = await api.send("POST", "/services/oauth2/revoke", form=form, host=cred.parts.get("host"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


def _revoke(checked: Verifier | None) -> tuple[Action, ...]:
    how = bound_as_itself("the request carries this very token, and can revoke no other")
    observe = seen_dead(checked) if checked else None
    needs = "nothing beside the token"
    return (
        Action(
            "revoke",
            Effect.REVOKE,
            revoke,
            how,
            needs,
            REVOKE_DOCS,
            by="self",
            observe=observe,
            experimental=True,  # not read in the documentation
            confirm="revoke the token of a sandbox, and see /services/data refuse it",
        ),
    )


USERS = Manual(
    url=USAGE,
    steps=(
        "Open Setup, OAuth Usage (or Session Management), and find the user and the application.",
        "Revoke the token. To stop the user at once: freeze the user, which can be taken back.",
        "Let the user authorise the application again.",
    ),
    notify="the organisation's administrators, and the user",
)

PROVIDER = Provider(
    id="salesforce",
    title="Salesforce",
    hosts=(),
    docs="https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/",
    kinds=(
        Kind(
            id="salesforce_access_token",
            title="Salesforce access token",
            pattern=r"(?P<org>00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?)![A-Za-z0-9._]{60,200}",
            host_from="host",
            verify=verify,
            docs=DOCS,
            account=lambda cred: cred.parts.get("org"),
            identity="the organisation's id stands in the token itself; the answer tells no more",
            propagation=Propagation(timedelta(minutes=5)),
            manual=USERS,
            offline=(example_value,),
            labels={"trufflehog": ("Salesforce",)},
            irreversible_loss="the user must sign in again",
            actions=_revoke(verify),
        ),
        Kind(
            id="salesforce_refresh_token",
            title="Salesforce refresh token",
            pattern=r"5Aep861[A-Za-z0-9._]{60,150}",
            host_from="host",
            verify=no_safe_check,
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs=REVOKE_DOCS,
            identity="none: using it makes an access token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=USERS,
            offline=(example_value,),
            labels={"trufflehog": ("SalesforceRefreshToken",)},
            irreversible_loss="the user must authorise the application again",
            actions=_revoke(None),
        ),
        Kind(
            id="salesforce_consumer_secret",
            title="Salesforce consumer secret",
            pattern=r"[0-9A-F]{64}|\d{19}",
            ambiguous=True,
            verify=no_safe_check,
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs="https://help.salesforce.com/s/articleView?id=xcloud.connected_app_rotate_consumer_details.htm",
            identity="none: every call that takes it makes a token",
            propagation=Propagation(timedelta(days=30), source="the old pair stays valid for 30 days after a rotation"),
            manual=Manual(
                url=USAGE,
                steps=(
                    "Open Setup, External Client App Manager (or App Manager), the application, consumer key and secret.",
                    "Stage new consumer details, hand them to their users, and apply them.",
                    "Delete the rotated entry: otherwise the old pair works for 30 more days.",
                ),
                notify="the organisation's administrators",
                proves="the page shows no rotated entry any more",
            ),
            offline=(example_value,),
            labels={"trufflehog": ("SalesforceOauth2",)},
        ),
    ),
)
