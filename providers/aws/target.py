"""The proof that a key is of our account and of one user: nothing is changed without it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from revoker.providers.aws.caller import AUTHORITY, caller
from revoker.sdk import (
    Bound,
    Credential,
    Observer,
    Proof,
    Reader,
    Reply,
    Sibling,
    Unbound,
    no_authority,
    text_at,
    time_at,
)

QUARANTINE = re.compile(r"AWSCompromisedKeyQuarantine(?:V[1-9]\d?)?")  # the first, V2, V3, V4 and what may come
SLOTS = 2  # keys that a user may have, active or not


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
        if isinstance(row, dict)
    ]


@dataclass(frozen=True, slots=True)
class Owner:
    """What the authority sees of a key: its user, all keys of that user, and the last use in words."""

    user: str
    keys: Sequence[UserKey]
    use: str


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
    return Owner(user, keys, _last_use(reply))


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
    quarantine = await _quarantine(user, api)
    notes = [owner.use, *(["the last active key of this user"] if last else [])]
    notes += [f"AWS has it in quarantine ({name}), which does not revoke it" for name in quarantine]
    extra = {"user": user, "keys": ",".join(sorted(key.id for key in keys)), "last_active": "yes" if last else "no"}
    if quarantine:
        extra["contained_by_provider"] = ", ".join(quarantine)
    how = f"the key id is half of the leaked pair, and {signs} user {user} of account {account}; " + "; ".join(notes)
    return Bound(cred, key_id, Proof.EMBEDDED, how, account, extra)


async def _quarantine(user: str, api: Reader) -> list[str]:
    """AWS attaches a policy to users whose keys it finds in public.

    It denies a list of things, not everything: iam:UpdateAccessKey and iam:CreateAccessKey among them, so that the leaked key
    could not even switch itself off. The authority is another identity and is not hit.
    """
    reply = await api.aws_read("iam", "ListAttachedUserPolicies", UserName=user)
    rows = reply.pick("AttachedPolicies") if reply.status == 200 else None
    names = [str(row.get("PolicyName")) for row in rows or () if isinstance(row, dict)]
    return sorted(name for name in names if QUARANTINE.fullmatch(name))


async def bind_issue(cred: Credential, api: Reader) -> Bound | Unbound:
    """The same target, when its user has room for one more key: an inactive key takes a place too."""
    target = await bind(cred, api)
    others = [id for id in target.extra["keys"].split(",") if id != target.target] if isinstance(target, Bound) else []
    if isinstance(target, Unbound) or len(others) + 1 < SLOTS:
        return target
    keys = {key.id: key.status for key in await keys_of(target.extra["user"], api) or ()}
    told = [f"{id} ({keys.get(id, 'gone by now')}, {await _use(id, api)})" for id in others]
    return Unbound(
        "no_room",
        f"user {target.extra['user']} may have {SLOTS} keys, active or not, and also has {', '.join(told)}; "
        "delete by hand the one that nobody needs, and plan again",
    )


async def _use(key_id: str, api: Reader) -> str:
    return _last_use(await api.aws_read("iam", "GetAccessKeyLastUsed", AccessKeyId=key_id))


def _last_use(reply: Reply) -> str:
    at = time_at(reply, "AccessKeyLastUsed.LastUsedDate")
    return (
        f"last used {at:%Y-%m-%d %H:%M} UTC for {text_at(reply, 'AccessKeyLastUsed.ServiceName')}" if at else "no use is recorded"
    )


async def bind_root(cred: Credential, api: Reader) -> Bound | Unbound:
    """A root key may delete itself: it signs the call, and its id is half of the pair."""
    theirs = await caller(api, cred)
    if isinstance(theirs, Unbound):
        return theirs
    if not theirs[1].endswith(":root"):
        return Unbound("no_match", "it is no root key")
    how = f"the key signs as the root of account {theirs[0]}, and deletes itself"
    return Bound(cred, cred.parts["key_id"], Proof.SELF_ENDPOINT, how, theirs[0])


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The keys of the target's user. Keys have no name and no tag: what is new is found by comparing the ids."""
    keys = await keys_of(bound.extra["user"], api) if "user" in bound.extra else None
    return None if keys is None else [Sibling(key.id, "", key.made_at) for key in keys]


def has_status(status: str) -> Observer:
    """Look at the key's status. IAM is eventually consistent: an old answer only makes us look again."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        keys = await keys_of(bound.extra["user"], api) if "user" in bound.extra else None
        mine = next((key for key in keys or () if key.id == bound.target), None)
        return None if mine is None else mine.status == status

    return observe


async def last_used(bound: Bound, api: Reader) -> datetime | None:
    """When IAM last saw a key used, by anybody. Its record is some minutes late."""
    reply = await api.aws_read("iam", "GetAccessKeyLastUsed", AccessKeyId=bound.target)
    return time_at(reply, "AccessKeyLastUsed.LastUsedDate") if reply.status == 200 else None
