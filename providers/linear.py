"""Linear: personal API keys and OAuth access tokens. GraphQL: the errors' codes decide, not the status."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Budget,
    Credential,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Reader,
    Receipt,
    Verdict,
    Writer,
    bearer,
    bound_as_itself,
    dead,
    declares,
    example_value,
    header,
    identity_from,
    judge,
    live,
    receipt,
    seen_dead,
    unsure,
)

DOCS = "https://linear.app/developers/graphql"
OAUTH_DOCS = "https://linear.app/developers/oauth-2-0-authentication"
WHO = {"query": "{ viewer { id name email admin organization { urlKey name } } }"}
CODE = "errors.0.extensions.code"
REFUSED = ("AUTHENTICATION_ERROR",)

ANSWERS = (
    live(200, has=["data.viewer.id"]),
    dead(200, at=CODE, codes=REFUSED),
    dead(400, at=CODE, codes=REFUSED),
    dead(401, at=CODE, codes=REFUSED),
    unsure(400, "rate_limited", at=CODE, codes=["RATELIMITED"]),
)
WHOAMI = identity_from(account="data.viewer.organization.urlKey", principal="data.viewer.email")


def riding(cred: Credential) -> Auth:
    """A personal key stands bare in the header, an OAuth token as a bearer."""
    return header("Authorization", cred.secret) if cred.kind == "linear_api_key" else bearer(cred.secret)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask for the viewer."""
    return judge(await api.query("/graphql", auth=riding(cred), json=WHO), ANSWERS, api.now, WHOAMI)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The OAuth token revokes itself."""
    reply = await api.send("POST", "/oauth/revoke", auth=bearer(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


def _kind(id: str, title: str, pattern: str, manual: Manual, actions: tuple[Action, ...] = ()) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=verify,
        docs=DOCS,
        identity="organisation and the user's e-mail address",
        propagation=Propagation(timedelta(minutes=5)),
        budget=Budget(per_second=1, in_flight=2),
        manual=manual,
        offline=(example_value,),
        actions=actions,
    )


PROVIDER = Provider(
    id="linear",
    title="Linear",
    hosts=("api.linear.app",),
    docs=DOCS,
    reads=(Read("/graphql", json=("query",), fixed={"query": (WHO["query"],)}),),
    kinds=(
        _kind(
            "linear_api_key",
            "Linear personal API key",
            r"lin_api_[A-Za-z0-9]{40}",
            Manual(
                "https://linear.app/settings/account/security",
                (
                    "As the user, open Settings, Security & access, Personal API keys.",
                    "Make a new key, and hand it to its users.",
                    "Revoke the leaked one.",
                ),
                notify="the user, and the workspace's admins",
            ),
        ),
        _kind(
            "linear_oauth_token",
            "Linear OAuth access token",
            r"lin_oauth_[A-Za-z0-9]{40,80}",
            Manual(
                "https://linear.app/settings/account/security",
                ("As the user, open Settings, Security & access, Authorized applications.", "Revoke the application's access."),
                notify="the user, and the application's owner",
            ),
            (
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bound_as_itself("the token is the request's own credential, and revokes itself"),
                    "nothing beside the token",
                    OAUTH_DOCS,
                    by="self",
                    observe=seen_dead(verify),
                    experimental=True,  # not read in the documentation
                    confirm="revoke the token of a test application, and see viewer refused",
                ),
            ),
        ),
    ),
)
