"""Deepgram: API keys of a project.

The check of a key answers with the key's own details, whose names the documentation does not give. Where they hold an
id that the authority's projects list, that key can be deleted: off by default until somebody has seen the answer.
"""

from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    ActionFailed,
    Auth,
    Bound,
    Credential,
    Effect,
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
    Residual,
    Secret,
    Sibling,
    Unbound,
    Writer,
    absent,
    as_authority,
    can_read,
    dead,
    example_value,
    header,
    live,
    no_authority,
    pages,
    probe,
    receipt,
    safe_id,
    text_at,
    time_at,
)

DOCS = "https://developers.deepgram.com/guides/fundamentals/authenticating"
ADMIN_DOCS = "https://developers.deepgram.com/reference/manage/keys/delete"
OWN = "/v1/auth/token"
PROJECTS = "/v1/projects"
NEEDS = "a key of the same project whose role may manage keys"


def by_token(secret: Secret) -> Auth:
    """`Authorization: Token <key>`."""
    return header("Authorization", secret, "Token {}")


async def listed(api: Reader, path: str, rows: str) -> list[Reply]:
    """The rows of a list, which comes whole. Raises ListUnread."""

    async def ask(cursor: str | None) -> Reply:
        return await api.get(path, auth=as_authority(api, "api_key", by_token))

    return [Reply("", json=row) async for row in pages(ask, rows, lambda _: None)]


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The key itself tells its id, and one of the authority's projects lists it."""
    if api.authority("api_key") is None:
        return no_authority("api_key")
    own = await api.get(OWN, auth=by_token(cred.secret))
    id = text_at(own, "api_key_id") if own.status == 200 and own.trouble is None else None
    if id is None:
        return Unbound("no_match", f"the key does not tell its own id ({own.status or own.trouble})")
    try:
        for project in await listed(api, PROJECTS, "projects"):
            where = safe_id(project.pick("project_id"))
            rows = await listed(api, f"{PROJECTS}/{where}/keys", "api_keys")
            found = [row for row in rows if text_at(row, "api_key.api_key_id") == id]
            if len(found) == 1:
                scopes = found[0].pick("api_key.scopes")
                extra = {"project": where, "scopes": " ".join(map(str, scopes)) if isinstance(scopes, list) else ""}
                how = f"the key itself says that it is {id}, which project {where} lists"
                return Bound(cred, safe_id(id), Proof.SELF_ENDPOINT, how, where, extra)
    except ListUnread as unread:
        return unread.unbound()
    return Unbound("no_match", f"no project of the authority lists {id}")


def home(bound: Bound) -> str:
    """Where the keys of the target's project are."""
    return f"{PROJECTS}/{safe_id(bound.extra.get('project'))}/keys"


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The project's keys by id and comment."""
    try:
        rows = await listed(api, home(bound), "api_keys")
    except ListUnread:
        return None
    return [
        Sibling(safe_id(row.pick("api_key.api_key_id")), text_at(row, "api_key.comment") or "", time_at(row, "api_key.created"))
        for row in rows
    ]


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key by its id, for good."""
    reply = await api.send("DELETE", f"{home(bound)}/{safe_id(bound.target)}", auth=as_authority(api, "api_key", by_token))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 204], already=[404])


async def issue(bound: Bound, api: Writer) -> Receipt:
    """Make a key with the same scopes in the same project. The value is in this one answer only."""
    scopes = bound.extra.get("scopes", "").split()
    if not scopes:
        raise ActionFailed("The list does not tell the key's scopes, and a new one would have none.", safe="nothing was sent")
    body = {"comment": api.mark, "scopes": scopes}
    reply = await api.send("POST", home(bound), auth=as_authority(api, "api_key", by_token), json=body)

    def told(answer: Reply) -> str:
        return "done" if text_at(answer, "key") and text_at(answer, "api_key_id") else ""

    made = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[200, 201], told=told)
    new = Issued(safe_id(reply.pick("api_key_id")), Secret(str(reply.pick("key"))))
    return replace(made, target=new.target, issued=new)


def _action(id: str, effect: Effect, run: Mutation, undo: str | None, seen: Observer | None) -> Action:
    lister = siblings if effect is Effect.ISSUE else None
    return Action(
        id,
        effect,
        run,
        bind,
        NEEDS,
        ADMIN_DOCS,
        authority="api_key",
        undo=undo,
        observe=seen,
        experimental=True,
        confirm="ask /v1/auth/token with a test key, and compare its api_key_id with the list of the project",
        siblings=lister,
    )


PROVIDER = Provider(
    id="deepgram",
    title="Deepgram",
    hosts=("api.deepgram.com",),
    docs="https://developers.deepgram.com/docs/errors",
    obtain="Console, the project, API Keys: make a key with the role Administrator or Owner.",
    authority={"api_key": NEEDS},
    check_authority=can_read("api_key", {"projects": PROJECTS}, auth=by_token),
    kinds=(
        Kind(
            id="deepgram_api_key",
            title="Deepgram API key",
            pattern=r"[0-9a-f]{40}",
            ambiguous=True,
            labels={"kingfisher": ("betterleaks.deepgram-api-key",)},
            verify=probe(
                OWN,
                [
                    live(200),
                    dead(401, at="err_code", codes=["INVALID_AUTH"]),
                    live(402, "no_quota"),
                    live(403, "restricted"),
                ],
                auth=by_token,
            ),
            docs=DOCS,
            identity="none that is documented: the names of the answer's fields are not",
            propagation=Propagation(timedelta(minutes=15)),
            residual=(Residual("temporary tokens that the key granted; they cannot be revoked", timedelta(hours=1)),),
            manual=Manual(
                url="https://console.deepgram.com",
                steps=(
                    "Open the project's settings, API keys.",
                    "Make a new key with the same role and hand it to its users.",
                    "Find the leaked key by its comment and date (the list shows no part of the value) and delete it.",
                ),
                notify="the project's owners",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted key cannot be brought back",
            actions=(
                _action("revoke", Effect.REVOKE, revoke, None, absent(siblings)),
                _action("issue", Effect.ISSUE, issue, "revoke", None),
            ),
        ),
    ),
)
