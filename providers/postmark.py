"""Postmark: server and account tokens. Both are UUIDs, and nothing in the value says which of them it is."""

from datetime import timedelta

from revoker.sdk import (
    Credential,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Validity,
    Verdict,
    dead,
    declares,
    example_value,
    header,
    judge,
    live,
)

DOCS = "https://postmarkapp.com/developer/api/overview#error-codes"
REFUSED = dead(401, at="ErrorCode", codes=["10"])


AS_SERVER = live(200, "server_token", has=["InactiveMails"])
AS_ACCOUNT = live(200, "account_token", has=["TotalCount"])


@declares(AS_SERVER, AS_ACCOUNT, REFUSED)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask as a server, then as an account. The lists of servers are never asked: they hold the tokens."""
    reply = await api.get("/deliverystats", auth=header("X-Postmark-Server-Token", cred.secret))
    first = judge(reply, (AS_SERVER, REFUSED), api.now)
    if first.validity is not Validity.DEAD:
        return first
    page = {"count": "1", "offset": "0"}
    reply = await api.get("/domains", auth=header("X-Postmark-Account-Token", cred.secret), params=page)
    return judge(reply, (AS_ACCOUNT, REFUSED), api.now)


PROVIDER = Provider(
    id="postmark",
    title="Postmark",
    hosts=("api.postmarkapp.com",),
    docs="https://postmarkapp.com/developer",
    kinds=(
        Kind(
            id="postmark_token",
            title="Postmark server or account token",
            pattern=r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            ambiguous=True,
            verify=verify,
            docs=DOCS,
            identity="none: the calls that tell it return the tokens; the reason says whether it is a server's or the account's",
            propagation=Propagation(timedelta(minutes=5)),
            requests=2,
            manual=Manual(
                url="https://account.postmarkapp.com/servers",
                steps=(
                    "For a server token: open the server, API Tokens. For an account token: Account, API Tokens.",
                    "Generate another token and hand it to its users.",
                    "Delete the leaked one. (Deleting the server is not the way.)",
                ),
                notify="the account's owner; look for mail that was sent in its name",
            ),
            offline=(example_value,),
            labels={"trufflehog": ("Postmark",)},
        ),
    ),
)
