"""Who signs: the check of a key, and the rights of the authority."""

import re
from dataclasses import replace

from revoker.sdk import (
    Credential,
    Identity,
    Reader,
    Reply,
    Unbound,
    Validity,
    Verdict,
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

IDENTITY = live(200, has=["Account", "Arn"])
UNKNOWN_KEY = dead(403, "refused", codes=["InvalidClientTokenId"], json=False)  # deleted, inactive or unknown
MISPAIRED = unsure(403, "mispaired", codes=["SignatureDoesNotMatch"], json=False)  # the id may be live with another secret
KEY_ANSWERS = (IDENTITY, UNKNOWN_KEY, MISPAIRED)
EXPIRED = ("ExpiredToken", "ExpiredTokenException")
SESSION_ANSWERS = (*KEY_ANSWERS, *(dead(status, "expired", codes=EXPIRED, json=False) for status in (400, 403)))


def whoami(reply: Reply) -> Identity:
    """The account and the ARN."""
    return Identity(text_at(reply, "Account"), text_at(reply, "Arn"))


@declares(decided(Validity.LIVE, "authenticated_as_root", "the ARN ends in :root", status=200), *SESSION_ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """GetCallerIdentity needs no permission and ignores denies: a refusal is about the key, never about its rights."""
    reply = await api.aws_read("sts", "GetCallerIdentity", as_=cred)
    verdict = judge(reply, SESSION_ANSWERS if "session_token" in cred.secret_parts else KEY_ANSWERS, api.now, whoami)
    if verdict.identity is not None and (verdict.identity.principal or "").endswith(":root"):
        return replace(verdict, reason="authenticated_as_root")
    return verdict


async def caller(api: Reader, cred: Credential | None = None) -> tuple[str, str] | Unbound:
    """The account and ARN of the leaked key, or of the authority."""
    reply = await api.aws_read("sts", "GetCallerIdentity", as_=cred)
    account, arn = text_at(reply, "Account"), text_at(reply, "Arn")
    if reply.trouble is None and reply.status == 200 and account and arn:
        return account, arn
    who = "the authority" if cred is None else "the leaked key"
    reason = "mispaired" if reply.code == "SignatureDoesNotMatch" else "refused"
    return Unbound(reason, f"STS refused {who} ({reply.code or reply.trouble or reply.status})")


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
