"""Jenkins: users' API tokens. The operator names the server (`[endpoints] jenkins`).

`whoAmI` answers 200 to nobody too: only its body tells.
"""

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
    judge,
    live,
    text_at,
    unsure,
)

DOCS = "https://www.jenkins.io/doc/book/system-administration/authenticating-scripted-clients/"
ANSWERS = (
    live(200, at="anonymous", codes=["False"], has=["authenticated", "name"]),
    unsure(200, "anonymous", at="anonymous", codes=["True"]),
    dead(401, says="Invalid password/token", json=False),
    dead(401, at="status", codes=["401"]),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask the server who is asking."""
    reply = await api.get("/whoAmI/api/json", auth=basic(cred.parts.get("username", ""), cred.secret))

    def whoami(said: Reply) -> Identity:
        return Identity(text_at(said, "name"))

    return judge(reply, ANSWERS, api.now, whoami)


PROVIDER = Provider(
    id="jenkins",
    title="Jenkins",
    hosts=(),
    docs="https://www.jenkins.io/doc/book/using/remote-access-api/",
    kinds=(
        Kind(
            id="jenkins_token",
            title="Jenkins API token",
            pattern=r"(?:11)?[0-9a-f]{32}",
            verify=verify,
            docs=DOCS,
            identity="the user name",
            propagation=Propagation(timedelta(minutes=2)),
            manual=Manual(
                DOCS,
                (
                    "The user, or an administrator: open /user/NAME/security on the server.",
                    "Make a new API token and hand it to its users.",
                    "Find the leaked one by its name and its count of uses, and revoke it.",
                    "Look for jobs, credentials and users that were made with it.",
                ),
                notify="the user, and the server's administrators",
            ),
            needs=("username",),
            offline=(example_value,),
            ambiguous=True,
        ),
    ),
)
