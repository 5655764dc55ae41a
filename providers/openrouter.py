"""OpenRouter: API keys and management keys, which look alike.

The list of keys names each by a hash of 64 hex digits. Where that is the SHA-256 of the leaked value it is the key;
a label with the first and last characters names it for a person only.
"""

import hashlib
from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    ActionFailed,
    Bound,
    Credential,
    Effect,
    Issued,
    Kind,
    ListUnread,
    Manual,
    Mutation,
    Observer,
    OwnerCheck,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Secret,
    Sibling,
    Unbound,
    Writer,
    absent,
    as_authority,
    by_hint,
    can_read,
    dead,
    example_value,
    identity_from,
    live,
    no_authority,
    pages,
    probe,
    receipt,
    safe_id,
    shown_by,
    text_at,
    time_at,
)

DOCS = "https://openrouter.ai/docs/api-reference/errors"
ADMIN_DOCS = "https://openrouter.ai/docs/features/provisioning-api-keys"
KEYS = "/api/v1/keys"
NEEDS = "a management key of the same account or organisation"


async def keys(api: Reader) -> list[Reply]:
    """All keys of the account, disabled ones too. Raises ListUnread."""
    seen = 0

    async def ask(cursor: str | None) -> Reply:
        params = {"offset": cursor or "0", "include_disabled": "true"}
        return await api.get(KEYS, auth=as_authority(api, "management_key"), params=params)

    def following(reply: Reply) -> str | None:
        nonlocal seen
        rows = reply.pick("data")
        seen += len(rows)
        return str(seen) if rows else None

    return [Reply("", json=row) async for row in pages(ask, "data", following)]


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The listed key whose hash is this value's, or a candidate for a person."""
    if api.authority("management_key") is None:
        return no_authority("management_key")
    try:
        rows = await keys(api)
    except ListUnread as unread:
        return unread.unbound()
    digest = hashlib.sha256(cred.secret.reveal().encode()).hexdigest()
    if any(text_at(row, "hash") == digest for row in rows):
        return Bound(cred, digest, Proof.UNIQUE_HASH, "the list holds the SHA-256 of this very value")
    return by_hint(cred, [(f"{text_at(row, 'hash')} ({text_at(row, 'name')})", row.pick("label")) for row in rows])


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The account's keys by hash and name."""
    try:
        rows = await keys(api)
    except ListUnread:
        return None
    return [Sibling(safe_id(row.pick("hash")), text_at(row, "name") or "", time_at(row, "created_at")) for row in rows]


def switch(action: str, effect: Effect, *, disabled: bool) -> Mutation:
    """Disable or enable a key by its hash."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        path = f"{KEYS}/{safe_id(bound.target)}"
        reply = await api.send("PATCH", path, auth=as_authority(api, "management_key"), json={"disabled": disabled})
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


def is_switched(*, disabled: bool) -> Observer:
    """Look whether the key is off or on."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        now = await api.get(f"{KEYS}/{safe_id(bound.target)}", auth=as_authority(api, "management_key"))
        state = now.pick("data.disabled") if now.status == 200 and now.trouble is None else None
        return state is disabled if isinstance(state, bool) else None

    return observe


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key by its hash, for good."""
    reply = await api.send("DELETE", f"{KEYS}/{safe_id(bound.target)}", auth=as_authority(api, "management_key"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 204], already=[404])


async def issue(bound: Bound, api: Writer) -> Receipt:
    """Make a key with the same spending limit. The value is in this one answer only."""
    auth = as_authority(api, "management_key")
    old = await api.get(f"{KEYS}/{safe_id(bound.target)}", auth=auth)
    if old.status != 200 or old.trouble is not None:
        raise ActionFailed("The old key's limits were not shown, and a new one would have none.", safe="no key was made")
    limits = {name: old.pick(f"data.{name}") for name in ("limit", "limit_reset") if old.pick(f"data.{name}") is not None}
    reply = await api.send("POST", KEYS, auth=auth, json={"name": api.mark, **limits})

    def told(answer: Reply) -> str:
        return "done" if text_at(answer, "key") and text_at(answer, "data.hash") else ""

    made = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[200, 201], told=told)
    new = Issued(safe_id(reply.pick("data.hash")), Secret(str(reply.pick("key"))))
    return replace(made, target=new.target, issued=new)


def _action(id: str, effect: Effect, run: Mutation, undo: str | None, seen: Observer | None) -> Action:
    lister = siblings if effect is Effect.ISSUE else None
    return Action(id, effect, run, bind, NEEDS, ADMIN_DOCS, authority="management_key", undo=undo, observe=seen, siblings=lister)


ACTIONS = (
    _action("suspend", Effect.SUSPEND, switch("suspend", Effect.SUSPEND, disabled=True), "restore", is_switched(disabled=True)),
    _action("restore", Effect.RESTORE, switch("restore", Effect.RESTORE, disabled=False), "suspend", is_switched(disabled=False)),
    _action("revoke", Effect.REVOKE, revoke, None, absent(siblings)),
    _action("issue", Effect.ISSUE, issue, "revoke", None),
)

PROVIDER = Provider(
    id="openrouter",
    title="OpenRouter",
    hosts=("openrouter.ai",),
    docs=DOCS,
    obtain="Settings, Management Keys: make a key; it manages keys and cannot call models.",
    authority={"management_key": NEEDS},
    check_authority=can_read("management_key", {"API keys of the account": KEYS}),
    kinds=(
        Kind(
            id="openrouter_api_key",
            title="OpenRouter API key or management key",
            pattern=r"sk-or-v1-[0-9a-f]{64}",
            labels={
                "trufflehog": ("OpenRouter",),
                "kingfisher": ("kingfisher.openrouter.1", "betterleaks.openrouter-api-key", "veles.secrets/openrouter"),
                "github": ("openrouter_api_key",),
                "ggshield": ("openrouter_apikey", "OpenRouter API Key"),
            },
            owner=OwnerCheck(shown_by(bind), "management_key", NEEDS),
            verify=probe(
                "/api/v1/key",  # not /models, which is public
                [
                    live(200, has=["data.label"]),
                    dead(401, has=["error"]),  # missing, invalid, disabled, revoked; an expired key may say "User not found"
                    live(402, "no_quota", has=["error"]),
                    live(403, "restricted", has=["error"]),
                ],
                identity=identity_from(
                    account="data.organization_id", principal="data.creator_user_id", expires_at="data.expires_at"
                ),
            ),
            docs=DOCS,
            identity="organisation and creator by id, expiry; the answer also tells the label, limits and whether it manages keys",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://openrouter.ai/settings/keys",
                steps=(
                    "Find the leaked key by its label (the first and last characters); management keys have a page of their own.",
                    "Make a new key with the same limit and hand it to its users.",
                    "Disable the leaked key, and delete it when nothing breaks.",
                    "A management key could make others: delete every key since the leak that nobody knows.",
                ),
                notify="the key's creator (OpenRouter mails the owner of a key that was found on GitHub)",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted key cannot be brought back",
            actions=ACTIONS,
        ),
    ),
)
