"""Railway: account, workspace and project tokens look alike, and each has a question of its own.

GraphQL answers 200 to a dead token and to one of another sort, so that only three refusals are a death.
"""

from datetime import timedelta

from revoker.sdk import (
    Auth,
    Budget,
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Reader,
    Reply,
    Validity,
    Verdict,
    bearer,
    decided,
    declares,
    evidence,
    example_value,
    header,
    judge,
    live,
    text_at,
)

DOCS = "https://docs.railway.com/integrations/api"
PATH = "/graphql/v2"
ACCOUNT = "{ me { id email } }"
WORKSPACE = "{ projects(first: 1) { edges { node { id } } } }"
PROJECT = "{ projectToken { projectId environmentId } }"
REFUSED = "not authorized"


def by_project(cred: Credential) -> Auth:
    """A project token has a header of its own."""
    return header("Project-Access-Token", cred.secret)


def is_refused(reply: Reply) -> bool:
    """Whether the answer says "Not Authorized" and nothing else."""
    errors = reply.pick("errors") if reply.trouble is None and reply.status in (200, 401) else None
    said = [row.get("message") for row in errors if isinstance(row, dict)] if isinstance(errors, list) else []
    return bool(said) and all(isinstance(text, str) and text.casefold() == REFUSED for text in said)


PLACES = ("data.me.id", "data.projects.edges", "data.projectToken.projectId")
DEAD = decided(Validity.DEAD, "refused", "each of the three questions is answered with Not Authorized and nothing else")


@declares(*(live(200, has=[place]) for place in PLACES), DEAD)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask as each sort in turn; dead when all three were refused."""
    asked = (
        (bearer(cred.secret), ACCOUNT, PLACES[0]),
        (bearer(cred.secret), WORKSPACE, PLACES[1]),
        (by_project(cred), PROJECT, PLACES[2]),
    )
    for auth, question, place in asked:
        reply = await api.query(PATH, auth=auth, json={"query": question})

        def whoami(said: Reply) -> Identity:
            return Identity(text_at(said, "data.me.id") or text_at(said, "data.projectToken.projectId"))

        if not is_refused(reply):
            return judge(reply, [live(200, has=[place])], api.now, whoami)
    return Verdict(Validity.DEAD, "refused", evidence(reply, api.now))


PROVIDER = Provider(
    id="railway",
    title="Railway",
    hosts=("backboard.railway.com",),
    docs=DOCS,
    reads=(Read(PATH, json=("query",), fixed={"query": (ACCOUNT, WORKSPACE, PROJECT)}),),
    kinds=(
        Kind(
            id="railway_token",
            title="Railway token",
            pattern=r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
            verify=verify,
            docs=DOCS,
            identity="the user's or the project's id; none for a workspace token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                "https://railway.com/account/tokens",
                (
                    "An account's or workspace's token: find it here by its name. A project's: the project's Settings, Tokens.",
                    "Make a new one and hand it to its users.",
                    "Delete the leaked one.",
                ),
                notify="the workspace's administrators",
            ),
            offline=(example_value,),
            budget=Budget(per_second=1, in_flight=1),  # the smallest plan has 100 requests in an hour for one token
            requests=3,
            ambiguous=True,
        ),
    ),
)
