"""Temporary credentials. One session cannot be revoked; all that a role or a user was given before now can be denied."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from revoker.providers.aws.caller import AUTHORITY, caller
from revoker.providers.aws.target import bind
from revoker.sdk import Bound, Credential, Effect, Proof, Reader, Receipt, Reply, Unbound, Writer, no_authority, receipt

POLICY = "AWSRevokeOlderSessions"  # the name that the console uses for the same
ARN = re.compile(r"arn:[\w-]+:(?:sts|iam)::(?P<account>\d{12}):(?P<type>assumed-role|user|federated-user)/(?P<name>[\w+=,.@/-]+)")


async def bind_session(cred: Credential, api: Reader) -> Bound | Unbound:
    """The session names its own role or user; IAM must let us edit that one, in the authority's own account."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    ours, theirs = await caller(api), await caller(api, cred)
    if isinstance(ours, Unbound):
        return ours
    if isinstance(theirs, Unbound):
        return theirs
    account, arn = theirs
    if account != ours[0]:
        return Unbound("foreign_account", f"the session is of account {account}, the authority of {ours[0]}")
    found = ARN.fullmatch(arn)
    if found is None:
        return Unbound("root_key", "sessions of the root user cannot be denied by an IAM policy")
    if found["type"] == "federated-user":
        return Unbound("no_match", "a federated session does not name the user whose key made it; deny that user's sessions")
    name = found["name"].split("/")[0] if found["type"] == "assumed-role" else found["name"].rpartition("/")[2]
    if name.startswith(("AWSServiceRoleFor", "AWSReservedSSO_")):
        return Unbound("protected_role", f"IAM cannot edit {name}; end the session where it was made (IAM Identity Center)")
    owner = "role" if found["type"] == "assumed-role" else "user"
    how = f"the session says that it is {arn}; all sessions of this {owner} from before now are denied"
    return Bound(cred, name, Proof.SELF_ENDPOINT, how, account, {"owner": owner})


async def bind_user(cred: Credential, api: Reader) -> Bound | Unbound:
    """The user of a leaked long-term key, whose sessions outlive the key."""
    found = await bind(cred, api)
    if isinstance(found, Unbound):
        return found
    user = found.extra["user"]
    how = f"{found.how}; all sessions of this user from before now are denied"
    return Bound(cred, user, found.proof, how, found.account, {"owner": "user", "user": user})


def denial(now: datetime) -> str:
    """The statement that refuses every session that was issued before now."""
    when = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"DateLessThan": {"aws:TokenIssueTime": when}}
    statement = {"Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _named(bound: Bound) -> tuple[str, dict[str, Any]]:
    """`Role` or `User`, and the parameters that name the target and the policy."""
    owner = "Role" if bound.extra.get("owner") == "role" else "User"
    return owner, {f"{owner}Name": bound.target, "PolicyName": POLICY}


async def end_sessions(bound: Bound, api: Writer) -> Receipt:
    """Put the denial as an inline policy. Healthy workloads of the role get a new session and go on."""
    owner, names = _named(bound)
    reply = await api.aws_write("iam", f"Put{owner}Policy", **names, PolicyDocument=denial(api.now))
    detail = "re-checks go on saying `live` until the session ends by itself: GetCallerIdentity ignores denies"
    return receipt("end_sessions", Effect.END_SESSIONS, bound, reply, api.now, done=[200], detail=detail)


async def allow_sessions(bound: Bound, api: Writer) -> Receipt:
    """Take the denial away, when the longest session is over or a workload cannot renew."""
    owner, names = _named(bound)
    reply = await api.aws_write("iam", f"Delete{owner}Policy", **names)
    gone = [404] if reply.code == "NoSuchEntity" else []
    return receipt("allow_sessions", Effect.RESTORE, bound, reply, api.now, done=[200], already=gone)


async def is_denied(bound: Bound, api: Reader) -> bool | None:
    """Read the policy back."""
    owner, names = _named(bound)
    reply = await api.aws_read("iam", f"Get{owner}Policy", **names)
    if reply.trouble is not None:
        return None
    if reply.code == "NoSuchEntity":
        return False
    return "aws:TokenIssueTime" in _document(reply) if reply.status == 200 else None


async def is_allowed(bound: Bound, api: Reader) -> bool | None:
    """The opposite of is_denied()."""
    denied = await is_denied(bound, api)
    return None if denied is None else not denied


def _document(reply: Reply) -> str:
    """The policy as text. IAM gives it URL-encoded, and boto3 gives it parsed."""
    found = reply.pick("PolicyDocument")
    return unquote(found) if isinstance(found, str) else json.dumps(found)
