"""Amazon ECR: the password of `docker login`, which lasts twelve hours and is worth what the IAM identity behind it is.

Nobody can revoke one: the identity that got it is what a responder goes after (aws.py).
"""

import base64
import json
from datetime import datetime, timedelta

from revoker.sdk import (
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Reply,
    Residual,
    Verdict,
    basic,
    dead,
    declares,
    expired_offline,
    judge,
    live,
    skip,
    with_code,
)

DOCS = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html"
REGISTRY = "Docker-Distribution-Api-Version"
ANSWERS = (live(200, codes=["registry"], json=False), dead(401, codes=["registry"], json=False))


def said(cred: Credential) -> Reply:
    """The object inside the password: `payload`, `datakey`, `type`, `expiration`."""
    try:
        return Reply("", json=json.loads(base64.b64decode(cred.secret.reveal())))
    except (ValueError, RecursionError):
        return Reply("")


def over(cred: Credential, now: datetime) -> Verdict | None:
    """Dead when its own end is over; skipped when it is no such object."""
    end = said(cred).pick("expiration")
    if not isinstance(end, int) or isinstance(end, bool):
        return skip("malformed")
    return expired_offline() if end < now.timestamp() else None


def registry(reply: Reply) -> str | None:
    """Only a registry says which API it speaks: both of its answers may come without a body."""
    return "registry" if REGISTRY.lower() in reply.headers else None


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The registry's own entry; nothing is listed or pulled."""
    reply = await api.get("/v2/", auth=basic("AWS", cred.secret), host=cred.parts.get("host"))
    account = cred.parts.get("host", "").partition(".")[0]
    return judge(with_code(reply, registry), ANSWERS, api.now, lambda _: Identity(account if account.isdigit() else None))


PROVIDER = Provider(
    id="ecr",
    title="Amazon ECR",
    hosts=(),
    docs=DOCS,
    kinds=(
        Kind(
            id="aws_ecr_token",
            title="Amazon ECR login password",
            pattern=r"eyJwYXlsb2FkIjoi[A-Za-z0-9+/]{200,4000}={0,2}",
            host_from="host",
            verify=verify,
            docs=DOCS,
            identity="the account, which is the registry's host; not who got the password",
            propagation=Propagation(timedelta(hours=12), source="documented: it lasts twelve hours, and nothing ends it sooner"),
            manual=Manual(
                "https://console.aws.amazon.com/cloudtrail/home#/events",
                (
                    "Find in CloudTrail who called GetAuthorizationToken before the leak.",
                    "Handle that identity's own key or session: whoever has it gets another password.",
                    "Until the end of the twelve hours: deny ecr:* to it, or look for images that were pushed.",
                ),
                notify="the account's security contact",
                proves="its own end is over, twelve hours after it was made",
            ),
            offline=(over,),
            labels={"list": ("aws_ecr_token", "ecr_token")},
            residual=(Residual("images that were pulled or pushed with it", None),),
            effects_of_check="one CloudTrail event in the registry's account",
        ),
    ),
)
