"""Changes to a user through the management API. The broker gets a salted hash: neither it nor its log sees the new password."""

import base64
import hashlib
import hmac
import re
import secrets
import string
from functools import cache
from urllib.parse import quote

from revoker.providers.rabbitmq.login import password_of, tags_in, user_of
from revoker.sdk import (
    ActionFailed,
    Auth,
    Binder,
    Bound,
    Credential,
    Effect,
    Issued,
    Mutation,
    Observer,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Writer,
    as_authority,
    basic,
    no_authority,
    receipt,
)

AUTHORITY = "password"
NEEDS = "a user with the tag `administrator`, at the management API that [endpoints] rabbitmq names"
ALPHABET = string.ascii_letters + string.digits
LENGTH = 40
ALGORITHMS = {"rabbit_password_hashing_sha256": "sha256", "rabbit_password_hashing_sha512": "sha512"}
HASHING = "rabbit_password_hashing_sha256"


def hashed(password: str, salt: bytes, digest: str = "sha256") -> str:
    """A password as the broker stores it: base64 of a salt of four bytes and the hash of both."""
    return base64.b64encode(salt + hashlib.new(digest, salt + password.encode()).digest()).decode()


def holds(reply: Reply, password: str) -> bool | None:
    """True when the stored hash is that of this password; None when the answer tells none that we can compute."""
    stored, digest = reply.pick("password_hash"), ALGORITHMS.get(str(reply.pick("hashing_algorithm")))
    if not isinstance(stored, str) or digest is None:
        return None
    try:
        salt = base64.b64decode(stored, validate=True)[:4]
    except ValueError:
        return None
    return hmac.compare_digest(hashed(password, salt, digest).encode(), stored.encode("utf-8", "replace"))


def operator(api: Reader) -> Auth:
    """The administrator of the configuration."""
    return as_authority(api, AUTHORITY, lambda word: basic(api.setting("user") or "", word))


def path_of(user: str, before: str = "/api/users/") -> str:
    """The path of a user. Raises ActionFailed for a name that none has: an empty one would be the path of all."""
    if not user or not user.isprintable():
        raise ActionFailed("The user's name cannot stand in a path; nothing was sent.")
    return before + quote(user, safe="")


def mark_of(cred: Credential) -> str:
    """The tag of a user that we suspended: it names the credential, so that only that one is opened again."""
    return "revoker_suspended_" + re.sub(r"\W", "", cred.fingerprint)[:24]


async def named(cred: Credential, api: Reader) -> Bound | Unbound:
    """The user is a part of the URI. Nothing is asked, so that it can still be told when the password is changed."""
    if api.authority(AUTHORITY) is None or not api.setting("user"):
        return no_authority(AUTHORITY)
    user = user_of(cred)
    if not user or user in (".", ".."):
        return Unbound("no_match", "the URI names no user")
    if user == api.setting("user"):
        return Unbound("own_authority", "this is the user that we act with; change it by hand")
    return Bound(cred, user, Proof.EMBEDDED, f"the user {user} is named in the leaked URI itself")


@cache  # one binder for all actions that bind alike
def by_hash(*, suspended: bool = False) -> Binder:
    """The broker's own hash of the user is that of the leaked password; or, to open it again, it bears our mark and no password."""

    async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
        found = await named(cred, api)
        if isinstance(found, Unbound):
            return found
        reply = await api.get(path_of(found.target), auth=operator(api))
        if reply.trouble is not None or reply.status != 200:
            return Unbound("no_match", f"the broker shows no such user of its own ({reply.status or reply.trouble})")
        if suspended and _shut(reply, cred):
            return Bound(cred, found.target, Proof.UNIQUE_HASH, "the user bears the mark of our own suspension of this password")
        if not suspended and holds(reply, password_of(cred)):
            return Bound(
                cred, found.target, Proof.UNIQUE_HASH, f"the broker's hash of {found.target} is that of the leaked password"
            )
        return Unbound("no_match", "the user's password at this broker is another one")

    return bind


def _shut(reply: Reply, cred: Credential) -> bool:
    return reply.pick("password_hash") == "" and mark_of(cred) in tags_in(reply)


def choose(bound: Bound) -> Issued:
    """A new password of the user, as a URI in the form of the leaked one."""
    parts = dict(bound.credential.parts)
    scheme = bound.credential.secret.reveal().partition("://")[0]
    host = f"[{parts['host']}]" if ":" in parts.get("host", "") else parts.get("host", "")
    port, vhost = parts.get("port"), parts.get("vhost")
    password = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    at = host + (f":{port}" if port else "") + (f"/{vhost}" if vhost else "")
    return Issued(
        bound.target, Secret(f"{scheme}://{parts.get('user', '')}:{password}@{at}"), parts, {"password": Secret(password)}
    )


def put(action: str, effect: Effect, stored: str) -> Mutation:
    """Set what the broker stores of a password: of the `chosen` one, of the `leaked` one again, or `none`.

    The tags are read first and sent along, because a PUT without them takes them away.
    """

    async def run(bound: Bound, api: Writer) -> Receipt:
        password, cred = _password(stored, bound, api), bound.credential
        reply = await api.get(path_of(bound.target), auth=operator(api))
        if reply.status != 200 or reply.trouble is not None or reply.pick("name") != bound.target:
            raise ActionFailed(
                f"The broker did not show the user ({reply.status or reply.trouble}).",
                fingerprint=cred.fingerprint,
                safe="nothing was sent",
            )
        tags = [tag for tag in tags_in(reply) if tag != mark_of(cred)] + ([mark_of(cred)] if action == "suspend" else [])
        body = {
            "password_hash": hashed(password, secrets.token_bytes(4)) if password else "",
            "hashing_algorithm": HASHING,
            "tags": ",".join(tags),
        }
        done = await api.send("PUT", path_of(bound.target), auth=operator(api), json=body)
        return receipt(action, effect, bound, done, api.now, done=[200, 201, 204])

    return run


def _password(stored: str, bound: Bound, api: Writer) -> str:
    if stored == "none":
        return ""
    if stored == "leaked":
        return password_of(bound.credential)
    if api.chosen is None:
        raise ActionFailed("No new password was chosen and stored.", safe="nothing was sent")
    return api.chosen.secret_parts["password"].reveal() if api.chosen.secret_parts else _of(api.chosen.secret)


def _of(uri: Secret) -> str:
    return uri.reveal().partition("://")[2].rpartition("@")[0].partition(":")[2]


async def end_sessions(bound: Bound, api: Writer) -> Receipt:
    """Close every connection of the user. The list lags some seconds behind, so a connection made just now may be missed."""
    path = path_of(bound.target, "/api/connections/username/")
    why = {"X-Reason": "revoker: the password of this user was leaked"}
    reply = await api.send("DELETE", path, auth=operator(api), headers=why)
    detail = "a connection that was opened in the last seconds may not have been listed yet; do it once more"
    return receipt("end_sessions", Effect.END_SESSIONS, bound, reply, api.now, done=[204], detail=detail)


def stored_is(*, gone: bool = False, shut: bool = False) -> Observer:
    """Look at the broker's record: whether the leaked password is gone from it, or shut away by us, or back."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        reply = await api.get(path_of(bound.target), auth=operator(api))
        if reply.trouble is not None or reply.status != 200 or reply.pick("name") != bound.target:
            return None
        if shut:
            return _shut(reply, bound.credential)
        there = holds(reply, password_of(bound.credential))
        if reply.pick("password_hash") == "":
            there = False
        return None if there is None else there is not gone

    return observe


async def rights(api: Reader) -> dict[str, bool | None]:
    """Whether the administrator of the configuration is one."""
    reply = await api.get("/api/whoami", auth=operator(api))
    if reply.trouble is None and reply.status == 200 and isinstance(reply.json, dict):
        return {"the tag administrator": "administrator" in tags_in(reply)}
    return {"the tag administrator": False if reply.status in (401, 403) and reply.trouble is None else None}
