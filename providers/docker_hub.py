"""Docker Hub: personal and organisation access tokens.

A token logs in with its user's or organisation's name and gets a JWT that is thrown away; one of the JWT's claims names
the token's id. Hub manages tokens for a session of the owner's password only, so a token cannot revoke itself.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from revoker.sdk import (
    Action,
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
    Read,
    Reader,
    Receipt,
    Reply,
    Residual,
    Secret,
    Sibling,
    Unbound,
    Verdict,
    Writer,
    absent,
    as_authority,
    can_read,
    dead,
    declares,
    example_value,
    judge,
    jwt_claims,
    live,
    no_authority,
    pages,
    receipt,
    safe_id,
    text_at,
    time_at,
)

DOCS = "https://docs.docker.com/reference/api/hub/latest/"
LOGIN = "/v2/auth/token"
BEARER = "a session of the owner: the JWT that their password (and second factor) gives, not one that a token gave"
ORG = "docker_hub_org_token"
ANSWERS = (
    live(200, has=["access_token"]),
    live(401, "second_factor_due", has=["login_2fa_token"]),  # a password, and the right one: only its second step is missing
    dead(401),  # for this name: a wrong name is refused in the same way
)


async def login(cred: Credential, api: Reader) -> Reply:
    """Log in by name and token. The answer's JWT is read for its claims and goes nowhere."""
    body = {"identifier": cred.parts.get("username", ""), "secret": cred.secret}
    return await api.query(LOGIN, json=body)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One login: a read, as Hub counts it."""

    def whoami(reply: Reply) -> Identity:
        scope = claims(reply).get("scope")
        return Identity(cred.parts.get("username"), scopes=tuple(scope.split()[:20]) if isinstance(scope, str) else ())

    return judge(await login(cred, api), ANSWERS, api.now, whoami)


def claims(reply: Reply) -> dict[str, Any]:
    """What the JWT says of the token that logged in."""
    return jwt_claims(text_at(reply, "access_token") or "") if reply.status == 200 else {}


def words(node: object) -> Iterator[str]:
    """Every text in the claims, and the parts of texts such as `docker_pat|<id>`."""
    if isinstance(node, dict):
        for value in node.values():
            yield from words(value)
    elif isinstance(node, str):
        yield from node.split("|")


def home(cred: Credential) -> str:
    """Where the tokens of this kind are listed."""
    return f"/v2/orgs/{safe_id(cred.parts.get('username'))}/access-tokens" if cred.kind == ORG else "/v2/access-tokens"


def id_of(row: Reply) -> str:
    """A token's id: `uuid` for personal ones, `id` for organisations'."""
    return text_at(row, "uuid") or text_at(row, "id") or ""


async def tokens(cred: Credential, api: Reader) -> list[Reply]:
    """All tokens of the owner. Raises ListUnread."""

    async def page(cursor: str | None) -> Reply:
        params = {"page": cursor or "1", "page_size": "100"}
        return await api.get(home(cred), auth=as_authority(api, "bearer"), params=params)

    def following(reply: Reply) -> str | None:
        found = text_at(reply, "next")
        return found.partition("page=")[2].partition("&")[0] or None if found else None

    return [Reply("", json=row) async for row in pages(page, "results", following)]


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The JWT that this very token gives names an id, and the owner's list holds that id."""
    if api.authority("bearer") is None:
        return no_authority("bearer")
    said = set(words(claims(await login(cred, api))))
    try:
        found = [row for row in await tokens(cred, api) if id_of(row) in said]
    except ListUnread as unread:
        return unread.unbound()
    if len(found) != 1:
        return Unbound("several_matches" if found else "no_match", "the token's login names no listed token")
    rights = {name: json.dumps(found[0].pick(name)) for name in ("scopes", "resources") if found[0].pick(name)}
    how = "the login of this very token names the id, and the owner's list holds it"
    return Bound(cred, id_of(found[0]), Proof.SELF_ENDPOINT, how, cred.parts.get("username"), rights)


def switch(action: str, effect: Effect, *, active: bool) -> Mutation:
    """Switch a token off or on."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        path = f"{home(bound.credential)}/{safe_id(bound.target)}"
        reply = await api.send("PATCH", path, auth=as_authority(api, "bearer"), json={"is_active": active})
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


def is_switched(*, active: bool) -> Observer:
    """Look whether the token is on or off."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        now = await api.get(f"{home(bound.credential)}/{safe_id(bound.target)}", auth=as_authority(api, "bearer"))
        state = now.pick("is_active") if now.status == 200 else None
        return state is active if isinstance(state, bool) else None

    return observe


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a token, for good."""
    path = f"{home(bound.credential)}/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=as_authority(api, "bearer"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404])


async def issue(bound: Bound, api: Writer) -> Receipt:
    """Make a token with the same rights. Its value is in this one answer only."""
    label = "label" if bound.credential.kind == ORG else "token_label"
    rights = {name: json.loads(text) for name, text in bound.extra.items() if name in ("scopes", "resources")}
    reply = await api.send("POST", home(bound.credential), auth=as_authority(api, "bearer"), json={label: api.mark, **rights})
    told = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[201], told=lambda r: "done" if text_at(r, "token") else "")
    new = Issued(safe_id(id_of(reply)), Secret(str(reply.pick("token"))), {"username": bound.credential.parts["username"]})
    return replace(told, target=new.target, issued=new)


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The owner's tokens by id and label."""
    try:
        rows = await tokens(bound.credential, api)
    except ListUnread:
        return None
    labels = [text_at(row, "token_label") or text_at(row, "label") or "" for row in rows]
    return [Sibling(safe_id(id_of(r)), label, time_at(r, "created_at")) for r, label in zip(rows, labels, strict=True)]


def _action(id: str, effect: Effect, run: Mutation, undo: str | None, seen: Observer | None) -> Action:
    lister = siblings if effect is Effect.ISSUE else None
    return Action(id, effect, run, bind, BEARER, DOCS, authority="bearer", undo=undo, observe=seen, siblings=lister)


ACTIONS = (
    _action("suspend", Effect.SUSPEND, switch("suspend", Effect.SUSPEND, active=False), "restore", is_switched(active=False)),
    _action("restore", Effect.RESTORE, switch("restore", Effect.RESTORE, active=True), "suspend", is_switched(active=True)),
    _action("revoke", Effect.REVOKE, revoke, None, absent(siblings)),
    _action("issue", Effect.ISSUE, issue, "revoke", None),
)


def _kind(id: str, title: str, pattern: str, page: str, notify: str, *, ambiguous: bool = False) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        needs=("username",),
        verify=verify,
        docs=DOCS,
        identity="the scopes that the login's JWT names; the name is the finding's own",
        propagation=Propagation(timedelta(minutes=10)),
        residual=(Residual("registry bearer tokens minted before", timedelta(minutes=5)),),
        manual=Manual(
            url=page,
            steps=(
                "Sign in as the owner and find the token by its label and its last use.",
                "Make a new token with the same rights and hand it to its users.",
                "Deactivate the leaked one; when nothing breaks, delete it.",
            ),
            notify=notify,
        ),
        offline=(example_value,),
        irreversible_loss="a deleted token cannot be brought back",
        actions=ACTIONS,
    )


PROVIDER = Provider(
    id="docker_hub",
    title="Docker Hub",
    hosts=("hub.docker.com",),
    docs=DOCS,
    reads=(Read(LOGIN, json=("identifier", "secret")),),
    obtain="Sign in as the owner (POST /v2/users/login, then /v2/users/2fa-login) and keep the token of that session.",
    authority={"bearer": BEARER},
    check_authority=can_read("bearer", {"access tokens of the owner": "/v2/access-tokens"}),
    kinds=(
        _kind(
            "docker_hub_pat",
            "Docker Hub personal access token",
            r"dckr_pat_[A-Za-z0-9_-]{27}",
            "https://app.docker.com/settings/personal-access-tokens",
            "the user: an organisation's owner cannot revoke members' tokens, only remove the member",
        ),
        _kind(
            ORG,
            "Docker Hub organisation access token",
            r"dckr_oat_[A-Za-z0-9_-]{27,32}",
            "https://app.docker.com/admin",
            "the organisation's owners",
        ),
        _kind(
            "docker_hub_legacy_token",
            "Docker Hub access token of the old form",
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "https://app.docker.com/settings/personal-access-tokens",
            "the user: an organisation's owner cannot revoke members' tokens, only remove the member",
            ambiguous=True,
        ),
    ),
)
