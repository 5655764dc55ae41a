"""monday.com: personal API tokens, which are JWTs. The API is GraphQL."""

from datetime import timedelta

from revoker.sdk import (
    Credential,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Reader,
    Verdict,
    dead,
    declares,
    example_value,
    expired_jwt,
    header,
    identity_from,
    judge,
    live,
)

DOCS = "https://developer.monday.com/api-reference/docs/authentication"
WHO = {"query": "{ me { id email account { id name } } }"}
ANSWERS = (live(200, has=["data.me.id"]), dead(401, says="Not Authenticated"))
WHOAMI = identity_from(account="data.me.account.id", principal="data.me.email")


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask for the user whose token it is."""
    reply = await api.query("/v2", auth=header("Authorization", cred.secret), json=WHO)
    return judge(reply, ANSWERS, api.now, WHOAMI)


PROVIDER = Provider(
    id="monday",
    title="monday.com",
    hosts=("api.monday.com",),
    docs="https://developer.monday.com/api-reference/",
    reads=(Read("/v2", json=("query",), fixed={"query": (WHO["query"],)}),),
    kinds=(
        Kind(
            id="monday_token",
            title="monday.com API token",
            pattern=r"eyJ[A-Za-z0-9_-]{10,200}\.eyJ[A-Za-z0-9_-]{20,2000}\.[A-Za-z0-9_-]{20,200}",
            ambiguous=True,
            verify=verify,
            docs=DOCS,
            identity="account id and the user's e-mail address",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://monday.com/",
                steps=(
                    "As the user, open the avatar, Developers, API token.",
                    "Regenerate it: the old one stops. Hand the new one to its users.",
                    "An admin can do the same in the administration, Connections, Personal API token.",
                ),
                notify="the user, and the account's admins",
            ),
            offline=(example_value, expired_jwt),
            labels={"trufflehog": ("Monday",)},
        ),
    ),
)
