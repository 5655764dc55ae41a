"""Sonatype: user tokens of Nexus Repository (a name code and a pass code), and of the Central publisher portal."""

from datetime import timedelta

from revoker.sdk import (
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Reply,
    Verdict,
    basic,
    dead,
    declares,
    example_value,
    guided,
    judge,
    live,
    with_code,
)

DOCS = "https://help.sonatype.com/en/user-tokens.html"
CENTRAL_DOCS = "https://central.sonatype.org/publish/generate-portal-token/"
CODE = r"[A-Za-z0-9+/_-]{20,64}={0,2}"
# A proxy in front may answer 401 or 403 of its own: only Nexus's own word counts, and its refusals have no body to tell.
ANSWERS = (
    live(200, codes=["nexus"], json=False),
    live(403, "restricted", codes=["nexus"], json=False),
    dead(401, codes=["nexus"], json=False),
)


def nexus(reply: Reply) -> str | None:
    """Whether Nexus itself answered, by its header `Server: Nexus/3...`."""
    return "nexus" if reply.headers.get("server", "").startswith("Nexus/") else None


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The system's state, which a privilege guards: who has not got it is refused with 403, and is known."""
    user = cred.parts.get("username", "")
    reply = await api.get("/service/rest/v1/status/check", auth=basic(user, cred.secret), host=cred.parts.get("host"))
    return judge(with_code(reply, nexus), ANSWERS, api.now, lambda _: Identity(principal=user))


PROVIDER = Provider(
    id="sonatype",
    title="Sonatype",
    hosts=(),
    docs="https://help.sonatype.com/en/rest-and-integration-api.html",
    kinds=(
        Kind(
            id="nexus_user_token",
            title="Nexus Repository user token",
            pattern=CODE,
            ambiguous=True,
            needs=("username",),
            proves_pair=True,
            host_from="host",
            verify=verify,
            docs=DOCS,
            identity="the name code, which came with the finding; not the user",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                DOCS,
                (
                    "The user: open the profile, User Token, and reset it; a new pair is made.",
                    "An administrator: Administration, Security, User Tokens, reset that user's. (Reset all hits everybody.)",
                    "Hand the new pair to its users, and look for artifacts that were deployed with the old one.",
                ),
                notify="the user, and the repository's administrators",
            ),
            offline=(example_value,),
            labels={"list": ("nexus_user_token", "nexus_token")},
            irreversible_loss="the old pair",
        ),
        guided(
            "sonatype_central_token",
            "Central publisher portal user token",
            CODE,
            docs=CENTRAL_DOCS,
            why="the portal's calls publish, and none is known that only tells who asks",
            manual=Manual(
                "https://central.sonatype.com/usertoken",
                ("As the user, generate another token: it replaces the old one.", "Hand it to the builds that publish."),
                notify="the namespace's owners: look for versions that nobody of you published",
                proves="the page shows a token that was made after the leak",
            ),
            needs=("username",),
            ambiguous=True,
            labels={"list": ("sonatype_central_token", "maven_central_token")},
        ),
    ),
)
