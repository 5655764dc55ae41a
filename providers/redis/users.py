"""Changes to a user. Its passwords go out as their SHA-256, except where the one password stands in the configuration."""

import secrets
import string
from functools import cache

from revoker.providers.redis.login import ENGINE, password_of, user_of
from revoker.sdk import (
    ActionFailed,
    Binder,
    Bound,
    Credential,
    Effect,
    Issued,
    Mutation,
    Observer,
    OutcomeUnknown,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Writer,
    evidence,
    no_authority,
)

AUTHORITY = "password"
NEEDS = "a user with +acl +config|get +config|set +config|rewrite +client|kill (ACL SETUSER rotator on >... -@all and these)"
ALPHABET = string.ascii_letters + string.digits
LENGTH = 40


async def named(cred: Credential, api: Reader) -> Bound | Unbound:
    """The user is a part of the URI. Nothing is asked, so that it can still be told when the password is changed."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    user = user_of(cred)
    if user == (api.setting("user") or "default"):
        return Unbound("own_authority", "this is the user that we act with; give [authority.redis] one of its own")
    if not user.isprintable() or " " in user:
        return Unbound("no_match", "the URI names no user")
    server = f"{cred.parts.get('host', '')}:{cred.parts.get('port') or 6379}"
    return Bound(
        cred, user, Proof.EMBEDDED, f"the user {user} at {server} is named in the leaked URI itself", None, {"server": server}
    )


@cache  # one binder for all actions that bind alike
def by_hash(*, shut: bool = False) -> Binder:
    """The server's list of this user's hashes holds that of the leaked password; `shut` asks that the user is off."""

    async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
        found = await named(cred, api)
        if isinstance(found, Unbound):
            return found
        reply = await _look(found, api)
        if reply.trouble is not None or reply.code is not None:
            return Unbound("no_match", f"the server shows no such user ({reply.code or reply.trouble})")
        if reply.pick("holds") is not True:
            return Unbound("no_match", "the user has another password, or needs none")
        if shut and reply.pick("on") is not False:
            return Unbound("not_suspended", "the user is not off")
        how = f"the server's list of passwords of {found.target} holds the leaked one"
        return Bound(cred, found.target, Proof.UNIQUE_HASH, how, None, found.extra)

    return bind


async def _look(bound: Bound, api: Reader) -> Reply:
    return await api.ask(ENGINE, "user", bound.credential, [bound.target, password_of(bound.credential.secret)])


def choose(bound: Bound) -> Issued:
    """A new password of the user, as a URI in the form of the leaked one."""
    parts = dict(bound.credential.parts)
    scheme = bound.credential.secret.reveal().partition("://")[0]
    host = f"[{parts['host']}]" if ":" in parts.get("host", "") else parts.get("host", "")
    port = f":{parts['port']}" if parts.get("port") else ""
    password = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    uri = Secret(f"{scheme}://{parts.get('user', '')}:{password}@{host}{port}")
    return Issued(bound.target, uri, parts, {"password": Secret(password)})


async def change_password(bound: Bound, api: Writer) -> Receipt:
    """The new password in, the leaked one out, in one command. Open connections go on until they are ended."""
    if api.chosen is None:
        raise ActionFailed("No new password was chosen and stored.", safe="nothing was sent")
    values = [bound.target, password_of(api.chosen.secret), password_of(bound.credential.secret)]
    return _receipt("change_password", Effect.ISSUE, bound, await api.command(ENGINE, "password", values), api)


async def forget_password(bound: Bound, api: Writer) -> Receipt:
    """The leaked password is taken from the user; others that it has stay."""
    reply = await api.command(ENGINE, "forget", [bound.target, password_of(bound.credential.secret)])
    return _receipt("forget_password", Effect.REVOKE, bound, reply, api)


def switch(action: str, effect: Effect, word: str) -> Mutation:
    """ACL SETUSER ... off or on."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        return _receipt(action, effect, bound, await api.command(ENGINE, word, [bound.target]), api)

    return run


async def end_sessions(bound: Bound, api: Writer) -> Receipt:
    """Close every connection of the user; a client that reconnects needs the new password."""
    return _receipt("end_sessions", Effect.END_SESSIONS, bound, await api.command(ENGINE, "kill", [bound.target]), api)


def stored(**wanted: bool) -> Observer:
    """Look at the server's record of the user: `holds` the leaked password, or is `on`."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        reply = await _look(bound, api)
        if reply.trouble is not None or reply.code is not None:
            return None
        found = {name: reply.pick(name) for name in wanted}
        return found == wanted if all(isinstance(value, bool) for value in found.values()) else None

    return observe


def _receipt(action: str, effect: Effect, bound: Bound, reply: Reply, api: Writer) -> Receipt:
    """A command either succeeded, or was refused with a code and changed nothing, or its answer was lost."""
    seen = evidence(reply, api.now)
    if reply.trouble is None and reply.code is None and reply.pick("answer") is not None:
        return Receipt(action, effect, bound.target, detail=_detail(reply), evidence=seen)
    if reply.trouble == "not_sent" or (reply.trouble is None and (reply.code is not None or reply.status == 403)):
        raise ActionFailed(
            f"{seen.host} refused {action} ({seen.code or reply.trouble}).",
            fingerprint=bound.credential.fingerprint,
            safe="nothing was changed by this call",
            next=f"the authority needs {NEEDS}" if reply.code == "NOPERM" else "",
        )
    raise OutcomeUnknown(f"The answer to {action} was lost ({reply.trouble}).", fingerprint=bound.credential.fingerprint)


def _detail(reply: Reply) -> str:
    """What a person must know: a change that no file holds is gone after a restart, and the leaked password is back."""
    kept = reply.pick("kept")
    if kept is None:
        return f"{reply.pick('answer')} connections were closed"
    if kept:
        return {"users": "kept by ACL SAVE", "config": "kept by CONFIG REWRITE"}.get(str(kept), "")
    return (
        f"NOT kept: a restart brings the leaked password back; write it to the server's configuration ({reply.pick('why_not')})"
    )
