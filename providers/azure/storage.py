"""Storage account keys, shared access signatures and registry passwords. The credential names its own host."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs

from revoker.sdk import (
    Auth,
    Bound,
    Credential,
    Effect,
    Identity,
    Issued,
    ListUnread,
    Mutation,
    Observer,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Verdict,
    Writer,
    as_authority,
    basic,
    dead,
    declares,
    expired_offline,
    judge,
    live,
    no_authority,
    receipt,
    safe_id,
    text_at,
    unsure,
)

ARM = "management.azure.com"
VERSION = "2021-08-06"
ARM_VERSION = "api-version=2026-09-01"
LIST_KEYS = f"/subscriptions/*/resourceGroups/*/providers/Microsoft.Storage/storageAccounts/*/listKeys?{ARM_VERSION}"
RESOURCE = r"/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Storage/storageAccounts/[a-z0-9]+"

ANSWERS = (
    live(200, says="<EnumerationResults", json=False),
    unsure(403, "clock", says="date header", json=False),  # our clock, not the key
    dead(403, says="<Code>AuthenticationFailed</Code>", json=False),
    unsure(403, "keys_not_permitted", says="KeyBasedAuthenticationNotPermitted", json=False),
    unsure(403, "network_refused", says="AuthorizationFailure", json=False),
)
REGISTRY_ANSWERS = (live(200), dead(401, at="errors.0.code", codes=["UNAUTHORIZED"]))


MASK = 0xFFFFFFFF
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(now: datetime) -> str:
    """A time as HTTP wants it, in English whatever the machine speaks."""
    at = now.astimezone(UTC)
    return f"{DAYS[at.weekday()]}, {at:%d} {MONTHS[at.month - 1]} {at:%Y %H:%M:%S} GMT"


def account(cred: Credential) -> str:
    """The storage account or registry: the first label of the host."""
    return cred.parts.get("host", "").split(".")[0]


def signed(cred: Credential, date: str) -> Auth:
    """The signature of `List Containers` with one result, in the SharedKey scheme."""
    name = account(cred)
    text = f"GET\n{chr(10) * 11}x-ms-date:{date}\nx-ms-version:{VERSION}\n/{name}/\ncomp:list\nmaxresults:1"
    try:
        key = base64.b64decode(cred.secret.reveal(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    made = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    return Auth("Authorization", "SharedKey {}", Secret(f"{name}:{made}"))


def marvin(data: bytes, seed: int) -> int:
    """Marvin32, the checksum of Azure's keys that can be told by their form."""
    low, high = seed & MASK, seed >> 32
    padded = data + b"\x80" + b"\0" * (3 - len(data) % 4)
    for at in (*range(0, len(padded), 4), None):
        low = (low + (int.from_bytes(padded[at : at + 4], "little") if at is not None else 0)) & MASK
        high ^= low
        low = (turned(low, 20) + high) & MASK
        high = (turned(high, 9)) ^ low
        low = (turned(low, 27) + high) & MASK
        high = turned(high, 19)
    return low ^ high


def turned(word: int, bits: int) -> int:
    """32 bits, turned to the left."""
    return (word << bits | word >> (32 - bits)) & MASK


def right_sum(seed: bytes) -> Callable[[str], bool]:
    """True when the last four bytes of a key are the checksum of those before them."""

    def check(value: str) -> bool:
        try:
            raw = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return False
        return marvin(raw[:-4], int.from_bytes(seed, "big")) == int.from_bytes(raw[-4:], "little")

    return check


@declares(*ANSWERS)
async def verify_key(cred: Credential, api: Reader) -> Verdict:
    """List one container; the key signs the request and is not sent."""
    date = http_date(api.now)
    headers = {"x-ms-date": date, "x-ms-version": VERSION}
    params = {"comp": "list", "maxresults": "1"}
    reply = await api.get("/", auth=signed(cred, date), params=params, headers=headers, host=cred.parts.get("host"))
    return judge(reply, ANSWERS, api.now, lambda _: Identity(account(cred)))


@declares(*REGISTRY_ANSWERS)
async def verify_registry(cred: Credential, api: Reader) -> Verdict:
    """The registry's own entry, as the admin user or a token."""
    auth = basic(cred.parts.get("username", ""), cred.secret)
    reply = await api.get("/v2/", auth=auth, host=cred.parts.get("host"))
    return judge(reply, REGISTRY_ANSWERS, api.now, lambda _: Identity(account(cred), cred.parts.get("username")))


def over(cred: Credential, now: datetime) -> Verdict | None:
    """Dead when the signature's own end (`se`) is over."""
    try:
        end = datetime.fromisoformat(parse_qs(cred.secret.reveal().rpartition("?")[2], max_num_fields=50)["se"][0])
    except (ValueError, KeyError):
        return None
    return expired_offline() if (end if end.tzinfo else end.replace(tzinfo=UTC)) < now else None


async def resource(cred: Credential, api: Reader) -> str | None:
    """The resource id of the key's account in the operator's subscription. Raises ListUnread."""
    path = f"/subscriptions/{safe_id(api.setting('subscription'))}/providers/Microsoft.Storage/storageAccounts?{ARM_VERSION}"
    reply = await api.get(path, auth=as_authority(api, "arm_token"), host=ARM)
    rows = reply.pick("value") if reply.status == 200 and reply.trouble is None else None
    if not isinstance(rows, list):
        raise ListUnread(reply)
    found = [row["id"] for row in rows if isinstance(row, dict) and row.get("name") == account(cred) and "id" in row]
    if not found and reply.pick("nextLink"):
        raise ListUnread(reply)
    return safe_id(found[0], RESOURCE) if found else None


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Compare the value with both keys of the account, here."""
    if api.authority("arm_token") is None or api.setting("subscription") is None:
        return no_authority("arm_token and subscription")
    try:
        home = await resource(cred, api)
    except ListUnread as unread:
        return unread.unbound()
    if home is None:
        return Unbound("no_match", "the subscription has no storage account of this name")
    reply = await api.query(f"{home}/listKeys?{ARM_VERSION}", auth=as_authority(api, "arm_token"), json={}, host=ARM)
    name = next((text_at(row, "keyName") for row in listed(reply) if same(row, cred)), None)
    if name is None:
        return Unbound("no_match", "neither key of the account has this value, or they were not shown")
    how = "the account's list of keys holds this very value"
    return Bound(cred, safe_id(name), Proof.UNIQUE_HASH, how, account(cred), {"resource": home})


def listed(reply: Reply) -> list[Reply]:
    """The keys in an answer."""
    rows = reply.pick("keys") if reply.status == 200 and reply.trouble is None else None
    return [Reply("", json=row) for row in rows] if isinstance(rows, list) else []


def same(row: Reply, cred: Credential) -> bool:
    """Whether a listed key has this very value."""
    return Secret(text_at(row, "value") or "").same_as(cred.secret)


async def rotate(bound: Bound, api: Writer) -> Receipt:
    """Make this key anew. The old value dies at once, with every signature that it made."""
    path = f"{safe_id(bound.extra.get('resource'), RESOURCE)}/regenerateKey?{ARM_VERSION}"
    reply = await api.send("POST", path, auth=as_authority(api, "arm_token"), json={"keyName": bound.target}, host=ARM)
    new = next((text_at(row, "value") or "" for row in listed(reply) if text_at(row, "keyName") == bound.target), "")
    told = receipt("rotate", Effect.ISSUE, bound, reply, api.now, done=[200], told=lambda _: "done" if new else "")
    return replace(told, issued=Issued(bound.target, Secret(new)))


def switch(action: str, effect: Effect, *, allowed: bool) -> Mutation:
    """Allow the account's keys and their signatures, or not."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        path = f"{safe_id(bound.extra.get('resource'), RESOURCE)}?{ARM_VERSION}"
        body = {"properties": {"allowSharedKeyAccess": allowed}}
        reply = await api.send("PATCH", path, auth=as_authority(api, "arm_token"), json=body, host=ARM)
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


def is_switched(*, allowed: bool) -> Observer:
    """Look whether the account allows keys; it does when it says nothing of it."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        path = f"{safe_id(bound.extra.get('resource'), RESOURCE)}?{ARM_VERSION}"
        now = await api.get(path, auth=as_authority(api, "arm_token"), host=ARM)
        if now.status != 200 or now.trouble is not None or now.pick("properties") is None:
            return None
        return (now.pick("properties.allowSharedKeyAccess") is not False) is allowed

    return observe
