"""xAI (Grok): API keys, managed by their id through the Management API, and management keys.

An API key tells its own id. The same answer is a 200 for a key that is disabled or blocked, so its flags are read.
"""

import json
from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    ActionFailed,
    Bound,
    Credential,
    Effect,
    Identity,
    Issued,
    Kind,
    ListUnread,
    Manual,
    Mutation,
    Observer,
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
    bearer,
    can_read,
    dead,
    example_value,
    identity_from,
    live,
    no_authority,
    opposite,
    pages,
    probe,
    receipt,
    safe_id,
    text_at,
    time_at,
)

DOCS = "https://docs.x.ai/docs/api-reference"
ADMIN_DOCS = "https://docs.x.ai/developers/rest-api-reference/management/auth"
HOST = "management-api.x.ai"
OWN = "/v1/api-key"
VALIDATION = "/auth/management-keys/validation"
NEEDS = "a management key of the same team that may manage API keys"
TRUE = ("True", "true")  # a flag, or a flag as a text

REFUSED = (
    dead(400, says="incorrect api key"),  # xAI answers 400 to a wrong key
    dead(401),
    live(403, "blocked", says="blocked"),
    live(403, "restricted", says="permission"),
)
ANSWERS = (
    # A 200 that is dead: the key is known and cannot be used.
    dead(200, "disabled", at="disabled", codes=TRUE, has=["api_key_id"]),
    dead(200, "disabled", at="api_key_disabled", codes=TRUE, has=["api_key_id"]),
    dead(200, "blocked", at="api_key_blocked", codes=TRUE, has=["api_key_id"]),
    live(200, "team_blocked", at="team_blocked", codes=TRUE, has=["api_key_id"]),  # works again with its team: delete it
    live(200, has=["api_key_id"]),
    *REFUSED,
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The key itself tells its id and team, disabled or not; the authority's list of that team holds the id."""
    if api.authority("management_key") is None:
        return no_authority("management_key")
    own = await api.get(OWN, auth=bearer(cred.secret))
    id, team = text_at(own, "api_key_id"), text_at(own, "team_id")
    if own.status != 200 or own.trouble is not None or id is None or team is None:
        return Unbound("no_match", f"the key does not tell its own id ({own.status or own.trouble})")
    acls = own.pick("acls")
    rights = json.dumps([str(acl) for acl in acls]) if isinstance(acls, list) else ""
    bound = Bound(cred, safe_id(id), Proof.SELF_ENDPOINT, f"the key itself says that it is {id}", team, {"acls": rights})
    listed = await siblings(bound, api)
    if listed is None or id not in {key.target for key in listed}:
        return Unbound("refused", f"the authority does not list {id}: another team's, or the list was not given")
    return bound


async def keys(bound: Bound, api: Reader) -> list[Reply]:
    """All keys of the target's team. Raises ListUnread."""

    async def ask(cursor: str | None) -> Reply:
        params = {"pageSize": "100"} | ({"paginationToken": cursor} if cursor else {})
        path = f"/auth/teams/{safe_id(bound.account)}/api-keys"
        return await api.get(path, auth=as_authority(api, "management_key"), params=params, host=HOST)

    def following(reply: Reply) -> str | None:
        return text_at(reply, "paginationToken") or None

    return [Reply("", json=row) async for row in pages(ask, "apiKeys", following)]


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The team's keys by id and name."""
    try:
        rows = await keys(bound, api)
    except ListUnread:
        return None
    return [Sibling(safe_id(row.pick("apiKeyId")), text_at(row, "name") or "", time_at(row, "createTime")) for row in rows]


def switch(action: str, effect: Effect, *, disabled: bool) -> Mutation:
    """Disable or enable a key through an update that names this one field."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        path = f"/auth/api-keys/{safe_id(bound.target)}"
        body = {"apiKey": {"disabled": disabled}, "fieldMask": "disabled"}
        reply = await api.send("PUT", path, auth=as_authority(api, "management_key"), json=body, host=HOST)
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


async def is_disabled(bound: Bound, api: Reader) -> bool | None:
    """Look at the key in its team's list."""
    try:
        found = [row.pick("disabled") for row in await keys(bound, api) if text_at(row, "apiKeyId") == bound.target]
    except ListUnread:
        return None
    return found[0] if len(found) == 1 and isinstance(found[0], bool) else None


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key by its id, for good."""
    path = f"/auth/api-keys/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=as_authority(api, "management_key"), host=HOST)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 204], already=[404])


async def issue(bound: Bound, api: Writer) -> Receipt:
    """Make a key with the same rights in the same team, without the old one's rate limits. The value is in this one answer."""
    acls = json.loads(bound.extra.get("acls") or "[]")
    if not acls:
        raise ActionFailed(
            "The leaked key does not tell its rights, and a new one would have none or all.", safe="nothing was sent"
        )
    path = f"/auth/teams/{safe_id(bound.account)}/api-keys"
    body = {"name": api.mark, "acls": acls}
    reply = await api.send("POST", path, auth=as_authority(api, "management_key"), json=body, host=HOST)

    def told(answer: Reply) -> str:
        return "done" if text_at(answer, "apiKey") and text_at(answer, "apiKeyId") else ""

    made = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[200, 201], told=told)
    new = Issued(safe_id(reply.pick("apiKeyId")), Secret(str(reply.pick("apiKey"))))
    return replace(made, target=new.target, issued=new)


def _action(
    id: str, effect: Effect, run: Mutation, undo: str | None, seen: Observer | None, *, experimental: bool = False
) -> Action:
    lister = siblings if effect is Effect.ISSUE else None
    return Action(
        id,
        effect,
        run,
        bind,
        NEEDS,
        ADMIN_DOCS,
        authority="management_key",
        undo=undo,
        observe=seen,
        experimental=experimental,
        confirm="switch a test key off and on with both spellings of the path, and see /v1/api-key tell it",
        siblings=lister,
    )


ACTIONS = (
    # The page shows two paths for the update, and not that `disabled` may stand in its mask.
    _action(
        "suspend", Effect.SUSPEND, switch("suspend", Effect.SUSPEND, disabled=True), "restore", is_disabled, experimental=True
    ),
    _action(
        "restore",
        Effect.RESTORE,
        switch("restore", Effect.RESTORE, disabled=False),
        "suspend",
        opposite(is_disabled),
        experimental=True,
    ),
    _action("revoke", Effect.REVOKE, revoke, None, absent(siblings)),
    _action("issue", Effect.ISSUE, issue, "revoke", None),
)

PROVIDER = Provider(
    id="xai",
    title="xAI",
    hosts=("api.x.ai", HOST),
    docs=DOCS,
    obtain="Console, Management Keys: make a key of the team that may manage API keys.",
    authority={"management_key": NEEDS},
    check_authority=can_read("management_key", {"a working management key": VALIDATION}, host=HOST),
    kinds=(
        Kind(
            id="xai_api_key",
            title="xAI API key",
            pattern=r"xai-[A-Za-z0-9]{80}",
            labels={
                "trufflehog": ("XAI",),
                "kingfisher": ("kingfisher.xai.1", "betterleaks.xai-api-key", "veles.secrets/grokxaiapikey"),
                "github": ("xai_api_key",),
            },
            verify=probe(OWN, ANSWERS, identity=identity_from(account="team_id", principal="user_id", scopes="acls")),
            docs=DOCS,
            identity="team, user, rights (acls)",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://console.x.ai",
                steps=(
                    "Open API keys of the team that the check names.",
                    "Make a new key and hand it to its users.",
                    "Find the leaked key by its redacted form, disable it, and delete it when nothing breaks.",
                ),
                notify="the team's admins",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted key cannot be brought back",
            actions=ACTIONS,
        ),
        Kind(
            id="xai_management_key",
            title="xAI management key",
            pattern=r"xai-token-[A-Za-z0-9]{80}",
            labels={"kingfisher": ("veles.secrets/grokxaimanagementkey",)},
            verify=probe(
                VALIDATION,
                [live(200, has=["scope"]), *REFUSED],
                identity=lambda reply: Identity(text_at(reply, "teamId") or text_at(reply, "scopeId"), text_at(reply, "scope")),
                host=HOST,
            ),
            docs=ADMIN_DOCS,
            identity="team, and the scope that the key manages",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://console.x.ai",
                steps=(
                    "Sign in as the team's admin and open the management keys.",
                    "Delete the leaked key.",
                    "Look for API keys that were made since the leak: this key could make them.",
                ),
                notify="the team's admins",
            ),
            offline=(example_value,),
        ),
    ),
)
