"""Changes to access keys of IAM users."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from revoker.providers.aws.target import SLOTS, UserKey, keys_of
from revoker.sdk import (
    ActionFailed,
    Bound,
    Effect,
    Issued,
    Mutation,
    OutcomeUnknown,
    Reader,
    Receipt,
    Reply,
    Secret,
    Writer,
    receipt,
    text_at,
)


async def user_of(bound: Bound, api: Reader) -> str:
    """The user of the target. Raises ActionFailed when nobody knows it."""
    if bound.extra.get("user"):
        return bound.extra["user"]
    reply = await api.aws_read("iam", "GetAccessKeyLastUsed", AccessKeyId=bound.target)
    user = text_at(reply, "UserName") if reply.status == 200 else None
    if user is None:
        raise ActionFailed("IAM does not name the user of this key.", safe="nothing was sent")
    return user


def set_status(action: str, effect: Effect, status: str) -> Mutation:
    """UpdateAccessKey: Inactive can be taken back at any time."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        user = await user_of(bound, api)
        reply = await api.aws_write("iam", "UpdateAccessKey", UserName=user, AccessKeyId=bound.target, Status=status)
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """DeleteAccessKey, for good. A user whose other key went away since the plan is not cut off unseen."""
    user = await user_of(bound, api)
    if bound.extra.get("last_active") == "no" and bound.target in bound.extra.get("keys", "").split(","):
        keys = await keys_of(user, api)
        if keys and [key.id for key in keys if key.status == "Active"] == [bound.target]:
            raise ActionFailed(
                f"{bound.target} became the last active key of user {user} after it was looked at.",
                fingerprint=bound.credential.fingerprint,
                safe="nothing was changed by this call",
                next="plan again, so that the approval names this; or suspend the key first",
            )
    reply = await api.aws_write("iam", "DeleteAccessKey", UserName=user, AccessKeyId=bound.target)
    gone = [404] if reply.code == "NoSuchEntity" else []
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=gone)


async def revoke_root(bound: Bound, api: Writer) -> Receipt:
    """DeleteAccessKey without a user name: IAM takes the signer's own."""
    reply = await api.aws_write("iam", "DeleteAccessKey", as_=bound.credential, AccessKeyId=bound.target)
    return receipt("revoke_root", Effect.REVOKE, bound, reply, api.now, done=[200])


async def issue(bound: Bound, api: Writer) -> Receipt:
    """CreateAccessKey for the same user, into a free slot only. The secret is in this one answer."""
    user = await user_of(bound, api)
    keys = await keys_of(user, api)
    _check_slots(bound, user, keys)
    reply = await api.aws_write("iam", "CreateAccessKey", UserName=user)
    if reply.code in ("LimitExceeded", "LimitExceededException"):
        raise _full(bound, user, keys or [])
    made = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[200], told=_whole)
    key: dict[str, Any] = reply.pick("AccessKey")
    new = Issued(str(key["AccessKeyId"]), Secret(str(key["SecretAccessKey"])), {"key_id": str(key["AccessKeyId"])})
    return replace(made, target=new.target, issued=new)


def _whole(reply: Reply) -> str:
    return "done" if text_at(reply, "AccessKey.AccessKeyId") and text_at(reply, "AccessKey.SecretAccessKey") else ""


def _check_slots(bound: Bound, user: str, keys: Sequence[UserKey] | None) -> None:
    if keys is None:
        raise ActionFailed(f"IAM did not list the keys of user {user}.", safe="no key was made")
    before = set(filter(None, bound.extra.get("keys", "").split(",")))
    new = sorted({key.id for key in keys} - before) if before else []
    if new:
        raise OutcomeUnknown(
            f"User {user} has a key that was not there before: {', '.join(new)}.",
            fingerprint=bound.credential.fingerprint,
            safe="no further key was made",
            next="when it came from an earlier try of this run, delete it; its secret is in nobody's hands",
        )
    if len(keys) >= SLOTS:
        raise _full(bound, user, keys)


def _full(bound: Bound, user: str, keys: Sequence[UserKey]) -> ActionFailed:
    others = [f"{key.id} ({key.status}, made {key.made_at:%Y-%m-%d})" if key.made_at else key.id for key in keys]
    return ActionFailed(
        f"User {user} has no room for another key: {', '.join(others) or 'both are taken'}.",
        fingerprint=bound.credential.fingerprint,
        safe="no key was made or deleted",
        next="find out which of them nobody needs, delete that one by hand, and plan again",
    )
