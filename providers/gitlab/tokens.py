"""Access tokens (`glpat-`): a token asks about, revokes and rotates itself; the authority makes a new one beside it."""

import re
import zlib
from dataclasses import replace
from datetime import datetime, timedelta

from revoker.sdk import (
    ActionFailed,
    Auth,
    Bound,
    Credential,
    Effect,
    Issued,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Sibling,
    Unbound,
    Validity,
    Verdict,
    Writer,
    as_authority,
    dead,
    declares,
    header,
    identity_from,
    judge,
    live,
    no_authority,
    receipt,
    safe_id,
    text_at,
    time_at,
    unsure,
)

SELF = "/api/v4/personal_access_tokens/self"
USER = "/api/v4/user"
AUTHORITY = "admin_token"
YEAR = timedelta(days=364)
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
BOT = re.compile(r"(project|group)_(\d+)_bot(?:_|$)")
ROUTABLE = re.compile(r"(.+)(.{7})")


def by_token(secret: Secret) -> Auth:
    """The token in `PRIVATE-TOKEN`."""
    return header("PRIVATE-TOKEN", secret)


def right_sum(value: str) -> bool:
    """True for the older form without a checksum, and for a routable one whose last seven characters are its CRC-32."""
    found = ROUTABLE.fullmatch(value) if value.count(".") == 2 else None
    return found is None or base36(zlib.crc32(found[1].encode()), 7) == found[2]


def base36(number: int, width: int) -> str:
    """A number in base 36, left-padded with zeros."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = BASE36[rest] + digits
    return digits.rjust(width, "0")


REFUSED = (
    # A working token of a server where impersonation is off for now comes with the same code as a revoked one.
    unsure(401, "impersonation_off", says="impersonation was disabled"),
    dead(401, at="error", codes=["invalid_token"]),  # revoked or expired
    dead(401, at="message", codes=["401 Unauthorized"]),  # unknown
    live(403, "restricted", at="error", codes=["insufficient_scope"]),
    live(403, "user_blocked", says="blocked"),
    live(403, "ip_restricted", says="IP address"),
    unsure(403, "forbidden"),
)
ANSWERS = (
    live(200, at="active", codes=["True"], has=["id", "scopes"]),
    dead(200, "inactive", at="active", codes=["False"], has=["id", "scopes"]),
    *REFUSED,
)
whoami = identity_from(principal="user_id", scopes="scopes", expires_at="expires_at", last_used_at="last_used_at")


BY_USER = live(200, has=["id", "username"])  # of a server before 15.5


@declares(*ANSWERS, BY_USER)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The token about itself, which works with any scope; servers before 15.5 know the user only."""
    reply = await api.get(SELF, auth=by_token(cred.secret))
    if reply.status == 404 and reply.trouble is None and reply.json is not None:
        reply = await api.get(USER, auth=by_token(cred.secret))
        return judge(reply, [BY_USER, *REFUSED], api.now, identity_from(principal="username"))
    return judge(reply, ANSWERS, api.now, whoami)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token deletes itself, with any scope. 400 says that it was revoked before."""
    reply = await api.send("DELETE", SELF, auth=by_token(bound.credential.secret))
    gone = [400] if "already revoked" in reply.text.casefold() else []
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=gone)


async def bind_id(cred: Credential, api: Reader) -> Bound | Unbound:
    """The token tells its own id, its user and its scopes; a bot user tells the project or group."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    reply = await api.get(SELF, auth=by_token(cred.secret))
    if judge(reply, ANSWERS, api.now).validity is not Validity.LIVE or reply.status != 200:
        return Unbound("no_match", f"the token does not tell its own id ({reply.status or reply.trouble})")
    id, user = safe_id(reply.pick("id"), r"\d{1,20}"), safe_id(reply.pick("user_id"), r"\d{1,20}")
    owner = await api.get(f"/api/v4/users/{user}", auth=as_authority(api, AUTHORITY, by_token))
    name = text_at(owner, "username") if owner.status == 200 and owner.trouble is None else None
    if name is None:
        return Unbound("refused", f"the authority cannot see user {user}")
    bot = BOT.match(name)
    base = f"/api/v4/{bot[1]}s/{bot[2]}/access_tokens" if bot else "/api/v4/personal_access_tokens"
    extra = {"user": user, "base": base, "scopes": " ".join(map(str, reply.pick("scopes") or ()))}
    if bot:
        level = await api.get(f"{base}/{id}", auth=as_authority(api, AUTHORITY, by_token))
        extra["level"] = text_at(level, "access_level") or ""
    whose = f"a bot of {bot[1]} {bot[2]}" if bot else f"user {name}"
    return Bound(cred, id, Proof.SELF_ENDPOINT, f"the token itself says that it is token {id} of {whose}", None, extra)


async def last_used(bound: Bound, api: Reader) -> datetime | None:
    """When GitLab last saw a token used, as the authority is told; a use of the same minute may not be noted."""
    path = f"{_base(bound)}/{safe_id(bound.target, r'[0-9]{1,20}')}"
    reply = await api.get(path, auth=as_authority(api, AUTHORITY, by_token))
    return time_at(reply, "last_used_at") if reply.status == 200 and reply.trouble is None else None


def _base(bound: Bound) -> str:
    return safe_id(bound.extra.get("base"), r"/api/v4/(?:personal_access_tokens|(?:projects|groups)/\d{1,20}/access_tokens)")


async def revoke_by_id(bound: Bound, api: Writer) -> Receipt:
    """Delete a token by its id, as the authority."""
    path = f"{_base(bound)}/{safe_id(bound.target, r'[0-9]{1,20}')}"
    reply = await api.send("DELETE", path, auth=as_authority(api, AUTHORITY, by_token))
    return receipt("revoke_by_id", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404])


async def issue(bound: Bound, api: Writer) -> Receipt:
    """A new token beside the old one: same user or project, same scopes, a year at the most. Its name is our mark."""
    base, scopes = _base(bound), bound.extra.get("scopes", "").split()
    own = base.endswith("/personal_access_tokens")
    path = f"/api/v4/users/{safe_id(bound.extra.get('user'), r'[0-9]{1,20}')}/personal_access_tokens" if own else base
    body: dict[str, str | int | list[str]] = {
        "name": api.mark,
        "scopes": scopes,
        "expires_at": (api.now + YEAR).date().isoformat(),
    }
    if not own:
        body["access_level"] = int(safe_id(bound.extra.get("level"), r"[0-9]{1,2}"))
    reply = await api.send("POST", path, auth=as_authority(api, AUTHORITY, by_token), json=body)
    return _issued("issue", bound, reply, api, done=201)


async def rotate(bound: Bound, api: Writer) -> Receipt:
    """The token replaces itself, and the old value ends at once.

    A token that is revoked already must not be rotated: GitLab takes that for a theft and revokes all its successors.
    """
    if (await verify(bound.credential, api)).validity is not Validity.LIVE:
        raise ActionFailed("The token is not live: rotating it would revoke its successors.", safe="nothing was sent")
    body = {"expires_at": (api.now + YEAR).date().isoformat()}  # without it, the new one lives for a week
    reply = await api.send("POST", f"{SELF}/rotate", auth=by_token(bound.credential.secret), json=body)
    return _issued("rotate", bound, reply, api, done=200)


def _issued(action: str, bound: Bound, reply: Reply, api: Writer, *, done: int) -> Receipt:
    whole = "done" if text_at(reply, "token") and text_at(reply, "id") else ""
    made = receipt(action, Effect.ISSUE, bound, reply, api.now, done=[done], told=lambda _: whole)
    new = Issued(safe_id(reply.pick("id")), Secret(str(reply.pick("token"))))
    return replace(made, target=new.target, issued=new)


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The active tokens of the same user, project or group, with their names."""
    base = _base(bound)
    params = {"state": "active", "per_page": "100"}
    if base.endswith("/personal_access_tokens"):
        params["user_id"] = bound.extra.get("user", "")
    reply = await api.get(base, auth=as_authority(api, AUTHORITY, by_token), params=params)
    rows = reply.json if reply.status == 200 and reply.trouble is None else None
    if not isinstance(rows, list) or len(rows) >= 100:
        return None
    names = [(safe_id(reply.pick(f"{at}.id")), text_at(reply, f"{at}.name") or "") for at in range(len(rows))]
    return [Sibling(id, name, time_at(reply, f"{at}.created_at")) for at, (id, name) in enumerate(names)]
