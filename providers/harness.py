"""Harness: tokens of users and service accounts. The account's id stands in the token."""

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
    dead,
    declares,
    example_value,
    header,
    judge,
    live,
    text_at,
)

DOCS = "https://developer.harness.io/docs/platform/automation/api/add-and-manage-api-keys/"
ANSWERS = (live(200, has=["data.uuid"]), live(403, "restricted", has=["code"]), dead(401, has=["code"]))


def account(cred: Credential) -> str | None:
    """The account that the token names."""
    parts = cred.secret.reveal().split(".")
    return parts[1] if len(parts) == 4 else None


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask who the token is; a service account is no user, and is told so."""
    params = {"accountIdentifier": account(cred) or ""}
    reply = await api.get("/ng/api/user/currentUser", auth=header("x-api-key", cred.secret), params=params)

    def whoami(said: Reply) -> Identity:
        return Identity(account(cred), text_at(said, "data.uuid"))

    return judge(reply, ANSWERS, api.now, whoami)


PROVIDER = Provider(
    id="harness",
    title="Harness",
    hosts=("app.harness.io",),
    docs="https://apidocs.harness.io/",
    kinds=(
        Kind(
            id="harness_token",
            title="Harness token",
            pattern=r"(?P<type>pat|sat)\.(?P<account_id>[A-Za-z0-9_-]{22})\.(?P<token_id>[0-9a-f]{24})\.[A-Za-z0-9]{20}",
            verify=verify,
            docs=DOCS,
            also_at="self-managed Harness",
            identity="account and token id, which stand in it; the user's id",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                "https://app.harness.io/",
                (
                    "A user's token: Profile, My API keys. A service account's: Access Control, Service Accounts.",
                    "Rotate it: the old value can be given an end, and the new one goes to its users.",
                    "Delete the leaked token.",
                ),
                notify="the account's administrators",
            ),
            labels={"trufflehog": ("Harness",), "gitleaks": ("harness-api-key",), "kingfisher": ("kingfisher.harness.1",)},
            offline=(example_value,),
            account=account,
        ),
    ),
)
