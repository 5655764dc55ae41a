"""Who signs: the check of a key, and the rights of the authority."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from revoker.providers.aws.accounts import account_of
from revoker.sdk import (
    Credential,
    Identity,
    Reader,
    Reply,
    Unbound,
    Validity,
    Verdict,
    anywhere,
    dead,
    decided,
    declares,
    judge,
    live,
    text_at,
    unsure,
)

AUTHORITY = "secret_access_key"
RIGHTS = (
    "iam:GetAccessKeyLastUsed",
    "iam:ListAccessKeys",
    "iam:UpdateAccessKey",
    "iam:CreateAccessKey",
    "iam:DeleteAccessKey",
    "iam:ListAttachedUserPolicies",
    "iam:PutUserPolicy",
    "iam:PutRolePolicy",
)

PARTITIONS = ("us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1")  # one region of each
IDENTITY = live(200, has=["Account", "Arn"])
UNKNOWN_KEY = dead(403, "refused", codes=["InvalidClientTokenId"], json=False)  # deleted, inactive or unknown
MISPAIRED = unsure(403, "mispaired", codes=["SignatureDoesNotMatch"], json=False)  # the id may be live with another secret
CLOCKS = ("RequestTimeTooSkewed", "RequestExpired", "RequestNotYetValid")
CLOCK = tuple(
    unsure(status, "clock", codes=CLOCKS, json=False) for status in (400, 403)
)  # ours is wrong; the key was not looked at
KEY_ANSWERS = (IDENTITY, UNKNOWN_KEY, MISPAIRED, *CLOCK)
EXPIRED = ("ExpiredToken", "ExpiredTokenException")
SESSION_ANSWERS = (*KEY_ANSWERS, *(dead(status, "expired", codes=EXPIRED, json=False) for status in (400, 403)))


def whoami(reply: Reply) -> Identity:
    """The account and the ARN."""
    return Identity(text_at(reply, "Account"), text_at(reply, "Arn"))


ELSEWHERE = "perhaps_another_partition"


@declares(
    decided(Validity.LIVE, "authenticated_as_root", "the ARN ends in :root", status=200),
    decided(
        Validity.UNKNOWN,
        ELSEWHERE,
        "one partition does not know the key, nothing says that it is of that one, and another gave no answer",
    ),
    *SESSION_ANSWERS,
)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """GetCallerIdentity needs no permission and ignores denies: a refusal is about the key, never about its rights.

    A key works in its own partition only, and its id does not say which: a key that one partition does not know is asked about
    in the others, unless the finding names a region, or the key's id holds the account of the authority that was asked with.
    """

    async def ask(region: str | None) -> Verdict:
        here = cred if region is None else replace(cred, parts={**cred.parts, "region": region})
        reply = await api.aws_read("sts", "GetCallerIdentity", as_=here)
        return judge(reply, SESSION_ANSWERS if "session_token" in cred.secret_parts else KEY_ANSWERS, api.now, whoami)

    home = api.setting("region") or PARTITIONS[0]
    verdict = await ask(None)
    refused = (verdict.validity, verdict.reason) == (Validity.DEAD, "refused")
    if refused and "region" not in cred.parts and not await _of_our_account(cred, api):
        verdict = await _elsewhere(verdict, _others(home), ask)
    if verdict.identity is not None and (verdict.identity.principal or "").endswith(":root"):
        return replace(verdict, reason="authenticated_as_root")
    return verdict


async def _of_our_account(cred: Credential, api: Reader) -> bool:
    """Whether the account that stands in the key's id is the authority's: then they are of one partition."""
    account = account_of(cred)
    if account is None or api.authority(AUTHORITY) is None or api.authority("access_key_id") is None:
        return False
    ours = await caller(api)
    return isinstance(ours, tuple) and ours[0] == account


def _others(region: str) -> list[str]:
    """One region of each partition that this region is not of."""

    def partition(name: str) -> str:
        return next((head for head in ("cn-", "us-gov-", "eusc-") if name.startswith(head)), "")

    return [other for other in PARTITIONS if partition(other) != partition(region)]


async def _elsewhere(refused: Verdict, others: Sequence[str], ask: Callable[[str], Awaitable[Verdict]]) -> Verdict:
    """Ask the other partitions: dead when none of them knows the key, unknown when one gave no answer."""
    found = await anywhere(others, ask)
    if found.validity is Validity.UNKNOWN:
        return replace(refused, validity=Validity.UNKNOWN, reason=ELSEWHERE)
    return refused if found.validity is Validity.DEAD else found


async def caller(api: Reader, cred: Credential | None = None) -> tuple[str, str] | Unbound:
    """The account and ARN of the leaked key, or of the authority."""
    reply = await api.aws_read("sts", "GetCallerIdentity", as_=cred)
    account, arn = text_at(reply, "Account"), text_at(reply, "Arn")
    if reply.trouble is None and reply.status == 200 and account and arn:
        return account, arn
    who = "the authority" if cred is None else "the leaked key"
    reason = "mispaired" if reply.code == "SignatureDoesNotMatch" else "refused"
    if reply.trouble is not None:
        return Unbound(reason, f"STS did not answer {who} ({reply.trouble})")
    return Unbound(reason, f"STS refused {who} ({reply.code or reply.status})")


async def check_authority(api: Reader) -> dict[str, bool | None]:
    """Which rights the authority holds, by IAM's own simulator. None where IAM does not say."""
    found = await caller(api)
    if isinstance(found, Unbound):
        refused = any(code in found.detail for code in ("InvalidClientTokenId", "SignatureDoesNotMatch", *EXPIRED))
        return {f"a working key ({found.detail})": False if refused else None}
    role = re.fullmatch(r"arn:([\w-]+):sts::(\d{12}):assumed-role/([^/]+)/.*", found[1])
    source = f"arn:{role[1]}:iam::{role[2]}:role/{role[3]}" if role else found[1]
    reply = await api.aws_read("iam", "SimulatePrincipalPolicy", PolicySourceArn=source, ActionNames=list(RIGHTS))
    rows = reply.pick("EvaluationResults") if reply.status == 200 and reply.trouble is None else None
    said = {row.get("EvalActionName"): row.get("EvalDecision") == "allowed" for row in rows or () if isinstance(row, dict)}
    return {"a working key": True, **{right: said.get(right) for right in RIGHTS}}
