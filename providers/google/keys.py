"""Which key of the operator's projects a leaked one is, what Gemini says of it, and its changes.

The API Keys API gives the full value of each key of a project: the leaked one is found by comparing values here.
"""

import json
import re
from dataclasses import replace
from typing import Any

from revoker.sdk import (
    ActionFailed,
    Auth,
    Bound,
    Credential,
    Effect,
    Identity,
    Issued,
    ListUnread,
    OutcomeUnknown,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Sibling,
    Unbound,
    Writer,
    as_authority,
    dead,
    header,
    live,
    no_authority,
    pages,
    receipt,
    safe_id,
    text_at,
    time_at,
    unsure,
)

DOCS = "https://ai.google.dev/gemini-api/docs/api-key"
ADMIN_DOCS = "https://cloud.google.com/api-keys/docs/reference/rest/v2/projects.locations.keys"
HOST = "apikeys.googleapis.com"
KEY_NAME = r"projects/[\w:.-]+/locations/global/keys/[\w-]+"
BEFORE = "revoker-restrictions-before"  # the annotation that remembers what a suspension replaced
NOBODY = {"serverKeyRestrictions": {"allowedIps": ["127.0.0.1"]}}
READY_TRIES = 60  # looks at a new key, paced by the budget, before its answer counts as lost
BLOCKED = ("SERVICE", "HTTP_REFERRER", "ANDROID_APP", "IOS_APP")
ELSEWHERE = "ip_restricted"  # what our suspension leaves: the key is known, and this address may not use it

ANSWERS = (
    live(200, has=["models"]),
    dead(400, codes=["API_KEY_INVALID"]),
    live(403, ELSEWHERE, codes=["API_KEY_IP_ADDRESS_BLOCKED"]),
    live(403, "restricted", codes=[*(f"API_KEY_{what}_BLOCKED" for what in BLOCKED), "SERVICE_DISABLED"]),
    live(403, "blocked", says="reported as leaked"),  # blocked at Gemini alone: the key is still there
    unsure(401, "wrong_endpoint", codes=["ACCESS_TOKEN_TYPE_UNSUPPORTED"]),
    live(402, "no_quota", says="quota"),
    live(429, "no_quota", says="exceeded your current quota"),
)


def by_key(secret: Secret) -> Auth:
    """The key in a header: a query string would stand in logs."""
    return header("x-goog-api-key", secret)


def reason(reply: Reply) -> str | None:
    """The reason in the error's details, wherever it stands among them."""
    details = reply.pick("error.details")
    reasons = [d["reason"] for d in details if isinstance(d, dict) and "reason" in d] if isinstance(details, list) else []
    return next((r for r in reasons if isinstance(r, str)), None)


def whoami(reply: Reply) -> Identity | None:
    """The project number, which some refusals name."""
    found = re.search(r"projects?[/ ](\d{6,15})\b", reply.text[:4096]) if reply.status == 403 else None
    return Identity(account=found[1]) if found else None


async def ask(api: Reader, name: str, **params: str) -> Reply:
    """One question to the API Keys API."""
    return await api.get(f"/v2/{name}", auth=as_authority(api, "access_token"), params=params, host=HOST)


async def keys(api: Reader, project: str) -> list[Reply]:
    """The keys of a project. Raises ListUnread."""

    async def page(cursor: str | None) -> Reply:
        more = {"pageToken": cursor} if cursor else {}
        reply = await ask(api, f"projects/{safe_id(project)}/locations/global/keys", pageSize="300", **more)
        return replace(reply, json={"keys": []}) if reply.status == 200 and reply.json == {} else reply  # an empty list is {}

    return [Reply("", json=row) async for row in pages(page, "keys", lambda reply: text_at(reply, "nextPageToken") or None)]


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Compare the value with each key of the operator's projects, here; exactly one may be the same."""
    projects = (api.setting("project") or "").replace(",", " ").split()
    if api.authority("access_token") is None or not projects:
        return no_authority("access_token and project")
    try:
        found = [_bound(cred, row) for project in projects for row in await keys(api, project) if await same(cred, row, api)]
    except ListUnread as unread:
        return unread.unbound()
    if len(found) != 1:
        return Unbound("several_matches" if found else "no_match", f"{len(found)} keys of {', '.join(projects)} have this value")
    return found[0]


async def same(cred: Credential, row: Reply, api: Reader) -> bool:
    """Whether a listed key has this very value. Raises ListUnread when the API does not show it."""
    shown = await ask(api, f"{safe_id(row.pick('name'), KEY_NAME)}/keyString")
    value = text_at(shown, "keyString") if shown.status == 200 else None
    if value is None:
        raise ListUnread(shown)
    return Secret(value).same_as(cred.secret)


def _bound(cred: Credential, row: Reply) -> Bound:
    name = safe_id(row.pick("name"), KEY_NAME)
    extra = {"restrictions": json.dumps(row.pick("restrictions") or {})}
    return Bound(cred, name, Proof.UNIQUE_HASH, "the project's key list holds this very value", name.split("/")[1], extra)


async def noted(bound: Bound, api: Reader) -> tuple[Reply, dict[str, Any]]:
    """The key as it is now, and its annotations."""
    now = await ask(api, safe_id(bound.target, KEY_NAME))
    notes = now.pick("annotations") if now.status == 200 else None
    return now, dict(notes) if isinstance(notes, dict) else {}


async def check_authority(api: Reader) -> dict[str, bool | None]:
    """Whether the keys of each project can be listed."""
    projects = (api.setting("project") or "").replace(",", " ").split()
    replies = {p: await ask(api, f"projects/{safe_id(p)}/locations/global/keys", pageSize="1") for p in projects}
    return {f"apikeys.keys.list in {p}": {200: True, 401: False, 403: False}.get(r.status or 0) for p, r in replies.items()}


async def patch(bound: Bound, api: Writer, restrictions: object, annotations: object) -> Reply:
    """Replace a key's restrictions and annotations."""
    return await api.send(
        "PATCH",
        f"/v2/{safe_id(bound.target, KEY_NAME)}",
        auth=as_authority(api, "access_token"),
        params={"updateMask": "restrictions,annotations"},
        json={"restrictions": restrictions, "annotations": annotations},
        host=HOST,
    )


async def suspend(bound: Bound, api: Writer) -> Receipt:
    """Let nobody but a machine's own address use the key; what was allowed before is kept in an annotation.

    A note that is there already stays: it tells what was allowed before the first suspension, and somebody loosened that one since.
    """
    now, notes = await noted(bound, api)
    if now.status != 200 or (BEFORE in notes and now.pick("restrictions") == NOBODY):
        return receipt("suspend", Effect.SUSPEND, bound, now, api.now, done=[], already=[200])
    before = json.dumps(now.pick("restrictions") or {})
    reply = await patch(bound, api, NOBODY, {BEFORE: before} | notes)
    return receipt("suspend", Effect.SUSPEND, bound, reply, api.now, done=[200])


async def restore(bound: Bound, api: Writer) -> Receipt:
    """Give a suspended key its restrictions back."""
    now, notes = await noted(bound, api)
    if now.status != 200 or BEFORE not in notes:
        return receipt("restore", Effect.RESTORE, bound, now, api.now, done=[], already=[200])
    try:
        before = json.loads(notes.pop(BEFORE))
    except (TypeError, ValueError):
        raise ActionFailed("The note of what was allowed before cannot be read.", safe="nothing was sent") from None
    reply = await patch(bound, api, before, notes)
    return receipt("restore", Effect.RESTORE, bound, reply, api.now, done=[200])


async def is_noted(bound: Bound, api: Reader) -> bool | None:
    """Look for the note that a suspension leaves and a restoration takes away."""
    now = await ask(api, safe_id(bound.target, KEY_NAME))
    return text_at(now, f"annotations.{BEFORE}") is not None if text_at(now, "name") else None


async def is_suspended(bound: Bound, api: Reader) -> bool | None:
    """Look for our note and for exactly the restrictions that we set: others are another's, or ours that somebody loosened."""
    now, notes = await noted(bound, api)
    if now.status != 200 or now.trouble is not None or text_at(now, "name") is None:
        return None
    return isinstance(notes.get(BEFORE), str) and now.pick("restrictions") == NOBODY


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete the key; it can be undeleted for 30 days."""
    reply = await api.send("DELETE", f"/v2/{safe_id(bound.target, KEY_NAME)}", auth=as_authority(api, "access_token"), host=HOST)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=[404])


async def undelete(bound: Bound, api: Writer) -> Receipt:
    """Bring a deleted key back."""
    path = f"/v2/{safe_id(bound.target, KEY_NAME)}:undelete"
    reply = await api.send("POST", path, auth=as_authority(api, "access_token"), json={}, host=HOST)
    return receipt("undelete", Effect.RESTORE, bound, reply, api.now, done=[200])


async def is_deleted(bound: Bound, api: Reader) -> bool | None:
    """A deleted key has a time of deletion; a purged one is gone."""
    now = await ask(api, safe_id(bound.target, KEY_NAME))
    if now.status == 404 and now.trouble is None:
        return True
    return text_at(now, "deleteTime") is not None if text_at(now, "name") else None


async def issue(bound: Bound, api: Writer) -> Receipt:
    """Make a key with the same restrictions. Our mark is its id: a second try finds the first one's key, even a deleted one."""
    home = safe_id(bound.target, KEY_NAME).rsplit("/", 1)[0]
    mark = re.sub(r"[^a-z0-9-]", "-", api.mark.lower())[:60].strip("-")
    reply = await api.send(
        "POST",
        f"/v2/{home}",
        auth=as_authority(api, "access_token"),
        params={"keyId": mark},
        json={"displayName": api.mark, "restrictions": json.loads(bound.extra.get("restrictions", "{}"))},
        host=HOST,
    )
    made = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[200], already=[409])
    name = safe_id(f"{home}/{mark}", KEY_NAME)
    ours = replace(bound, target=name)
    if made.already and await is_deleted(ours, api):
        await undelete(ours, api)
    for _ in range(READY_TRIES):
        shown = await ask(api, f"{name}/keyString")
        if value := text_at(shown, "keyString"):
            return replace(made, target=name, issued=Issued(name, Secret(value), {"key_name": name}))
    raise OutcomeUnknown("Google has not shown the new key yet.", next="revoker resume looks for it under our mark")


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """All keys of the target's project."""
    try:
        rows = await keys(api, bound.target.split("/")[1])
    except ListUnread:
        return None
    return [Sibling(safe_id(r.pick("name"), KEY_NAME), text_at(r, "displayName") or "", time_at(r, "createTime")) for r in rows]


async def bind_standard(cred: Credential, api: Reader) -> Bound | Unbound:
    """As `bind`, for the keys that the API can make."""
    if not cred.secret.reveal().startswith("AIza"):
        return Unbound("refused", "a key that is bound to a service account is made with gcloud, not through this API")
    return await bind(cred, api)
