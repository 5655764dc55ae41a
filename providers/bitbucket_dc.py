"""Bitbucket Data Center: HTTP access tokens. The operator names the server (`[endpoints] bitbucket_dc`)."""

from datetime import timedelta

from revoker.sdk import (
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Verdict,
    bearer,
    dead,
    declares,
    example_value,
    judge,
    live,
    safe_id,
)

DOCS = "https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html"


ANSWERS = (live(200, has=["values"]), live(403, "restricted", has=["errors"]), dead(401, has=["errors"]))


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The token's user lists their own tokens."""
    user = safe_id(cred.parts.get("username"))
    reply = await api.get(f"/rest/access-tokens/1.0/users/{user}", auth=bearer(cred.secret))
    return judge(reply, ANSWERS, api.now, lambda _: Identity(user))


PROVIDER = Provider(
    id="bitbucket_dc",
    title="Bitbucket Data Center",
    hosts=(),
    docs="https://developer.atlassian.com/server/bitbucket/rest/",
    kinds=(
        Kind(
            id="bitbucket_data_center_token",
            title="Bitbucket Data Center HTTP access token",
            pattern=r"BBDC-[A-Za-z0-9+/@_-]{40,50}",
            verify=verify,
            docs=DOCS,
            identity="the user name, which is the finding's own",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                DOCS,
                (
                    "The user: open Manage account, HTTP access tokens, on the server that made it.",
                    "Make a new one with the same permissions and hand it to its users.",
                    "Revoke the leaked one; an administrator can do it in the user's place.",
                ),
                notify="the user, and the server's administrators",
            ),
            needs=("username",),
            offline=(example_value,),
        ),
    ),
)
