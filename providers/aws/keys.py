"""Access keys of IAM users: the check, the proof of the target, and the changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from revoker.sdk import (
    ActionFailed,
    Bound,
    Credential,
    Effect,
    Identity,
    Issued,
    Mutation,
    Observer,
    OutcomeUnknown,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Sibling,
    Unbound,
    Verdict,
    Writer,
    dead,
    judge,
    live,
    no_authority,
    receipt,
    text_at,
    time_at,
    unsure,
)

AUTHORITY = "secret_access_key"
SLOTS = 2  # keys that a user may have, active or not
QUARANTINE = "AWSCompromisedKeyQuarantine"

IDENTITY = live(200, has=["Account", "Arn"])
UNKNOWN_KEY = dead(403, "refused", codes=["InvalidClientTokenId"], json=False)  # deleted, inactive or unknown
MISPAIRED = unsure(403, "mispaired", codes=["SignatureDoesNotMatch"], json=False)  # the id may be live with another secret
KEY_ANSWERS = (IDENTITY, UNKNOWN_KEY, MISPAIRED)
EXPIRED = ("ExpiredToken", "ExpiredTokenException")
SESSION_ANSWERS = (*KEY_ANSWERS, *(dead(status, "expired", codes=EXPIRED, json=False) for status in (400, 403)))


def whoami(reply: Reply) -> Identity:
    """The account and the ARN."""
    return Identity(text_at(reply, "Account"), text_at(reply, "Arn"))


async def verify(cred: Credential, api: Reader) -> Verdict:
    """GetCallerIdentity needs no permission and ignores denies: a refusal is about the key, never about its rights."""
    reply = await api.aws_read("sts", "GetCallerIdentity", as_=cred)
    verdict = judge(reply, SESSION_ANSWERS if "session_token" in cred.secret_parts else KEY_ANSWERS, api.now, whoami)
    if verdict.identity is not None and (verdict.identity.principal or "").endswith(":root"):
        return replace(verdict, reason="authenticated_as_root")
    return verdict


@dataclass(frozen=True, slots=True)
class UserKey:
    """One row of ListAccessKeys."""

    id: str
    status: str
    made_at: datetime | None


async def keys_of(user: str, api: Reader) -> list[UserKey] | None:
    """All keys of a user; an empty list when the user is gone; None when IAM gave no whole answer."""
    reply = await api.aws_read("iam", "ListAccessKeys", UserName=user)
    if reply.trouble is None and reply.code == "NoSuchEntity":
        return []
    rows = reply.pick("AccessKeyMetadata") if reply.status == 200 and reply.trouble is None else None
    if not isinstance(rows, list) or reply.pick("IsTruncated") is True:
        return None
    return [
        UserKey(str(row.get("AccessKeyId")), str(row.get("Status")), time_at(reply, f"AccessKeyMetadata.{at}.CreateDate"))
        for at, row in enumerate(rows)
    ]


async def caller(api: Reader, cred: Credential | None = None) -> tuple[str, str] | Unbound:
    """The account and ARN of the leaked key, or of the authority."""
    reply = await api.aws_read("sts", "GetCallerIdentity", as_=cred)
    account, arn = text_at(reply, "Account"), text_at(reply, "Arn")
    if reply.trouble is None and reply.status == 200 and account and arn:
        return account, arn
    who = "the authority" if cred is None else "the leaked key"
    reason = "mispaired" if reply.code == "SignatureDoesNotMatch" else "refused"
    return Unbound(reason, f"STS refused {who} ({reply.code or reply.trouble or reply.status})")


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Bind the key id: it is half of the leaked pair, the pair signs as a user, and our account has that user's key.

    A key that IAM shows as Inactive cannot sign any more; its id in the pair and in our account is then all there is.
    """
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    ours, theirs = await caller(api), await caller(api, cred)
    if isinstance(ours, Unbound):
        return ours
    if isinstance(theirs, tuple) and theirs[0] != ours[0]:
        return Unbound("foreign_account", f"the key is of account {theirs[0]}, the authority of {ours[0]}")
    if isinstance(theirs, tuple) and theirs[1].endswith(":root"):
        return Unbound("root_key", "a root key is no user's; only root itself can delete it")
    if isinstance(theirs, Unbound) and not theirs.detail.endswith("(InvalidClientTokenId)"):
        return theirs
    found = await _in_our_account(cred.parts.get("key_id", ""), api)
    if isinstance(found, Unbound):
        return found
    return await _bound(cred, api, ours[0], theirs, found)


@dataclass(frozen=True, slots=True)
class Owner:
    """What the authority sees of a key: its user, all keys of that user, and the last use in words."""

    user: str
    keys: Sequence[UserKey]
    use: str


async def _in_our_account(key_id: str, api: Reader) -> Owner | Unbound:
    """The key's user, all keys of that user, and the last use, as the authority sees them."""
    reply = await api.aws_read("iam", "GetAccessKeyLastUsed", AccessKeyId=key_id)
    user = text_at(reply, "UserName")
    if reply.trouble is not None or reply.status != 200 or not user:
        return Unbound(
            "no_match", f"the authority's account does not show this key ({reply.code or reply.trouble or reply.status})"
        )
    keys = await keys_of(user, api)
    if keys is None:
        return Unbound("refused", f"IAM did not list the keys of user {user}")
    at = time_at(reply, "AccessKeyLastUsed.LastUsedDate")
    service = text_at(reply, "AccessKeyLastUsed.ServiceName")
    return Owner(user, keys, f"last used {at:%Y-%m-%d %H:%M} UTC for {service}" if at else "no use is recorded")


async def _bound(cred: Credential, api: Reader, account: str, theirs: tuple[str, str] | Unbound, owner: Owner) -> Bound | Unbound:
    key_id, user, keys = cred.parts["key_id"], owner.user, owner.keys
    mine = next((key for key in keys if key.id == key_id), None)
    if mine is None:
        return Unbound("no_match", f"user {user} has no such key")
    if isinstance(theirs, tuple) and theirs[1].rpartition("/")[2] != user:
        return Unbound("no_match", f"the key signs as {theirs[1]}, and IAM says that it is of user {user}")
    if isinstance(theirs, Unbound) and mine.status != "Inactive":
        return Unbound("refused", f"STS refuses the key although IAM shows it as {mine.status}; try again in a few minutes")
    signs = "it signs as" if isinstance(theirs, tuple) else "it is Inactive, and of"
    last = [key.id for key in keys if key.status == "Active"] == [key_id]
    notes = [owner.use, *(["the last active key of this user"] if last else []), *await _quarantine(user, api)]
    extra = {"user": user, "keys": ",".join(sorted(key.id for key in keys)), "last_active": "yes" if last else "no"}
    how = f"the key id is half of the leaked pair, and {signs} user {user} of account {account}; " + "; ".join(notes)
    return Bound(cred, key_id, Proof.EMBEDDED, how, account, extra)


async def _quarantine(user: str, api: Reader) -> list[str]:
    """AWS attaches a policy to users whose keys it finds in public; it denies a list of things, not everything."""
    reply = await api.aws_read("iam", "ListAttachedUserPolicies", UserName=user)
    rows = reply.pick("AttachedPolicies") if reply.status == 200 else None
    names = [str(row.get("PolicyName")) for row in rows or () if str(row.get("PolicyName")).startswith(QUARANTINE)]
    return [f"AWS has it in quarantine ({name}), which does not revoke it" for name in names]


async def bind_root(cred: Credential, api: Reader) -> Bound | Unbound:
    """A root key may delete itself: it signs the call, and its id is half of the pair."""
    theirs = await caller(api, cred)
    if isinstance(theirs, Unbound):
        return theirs
    if not theirs[1].endswith(":root"):
        return Unbound("no_match", "it is no root key")
    how = f"the key signs as the root of account {theirs[0]}, and deletes itself"
    return Bound(cred, cred.parts["key_id"], Proof.SELF_ENDPOINT, how, theirs[0])


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


def has_status(status: str) -> Observer:
    """Look at the key's status. IAM is eventually consistent: an old answer only makes us look again."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        keys = await keys_of(bound.extra["user"], api) if "user" in bound.extra else None
        mine = next((key for key in keys or () if key.id == bound.target), None)
        return None if mine is None else mine.status == status

    return observe


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The keys of the target's user. Keys have no name and no tag: what is new is found by comparing the ids."""
    keys = await keys_of(bound.extra["user"], api) if "user" in bound.extra else None
    return None if keys is None else [Sibling(key.id, "", key.made_at) for key in keys]


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
