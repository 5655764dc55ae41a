"""Keys at GitHub and GitLab: found by the whole fingerprint in the lists that the responder's own token may read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

from revoker.sdk import (
    Bound,
    Credential,
    Effect,
    ListUnread,
    Mutation,
    Observer,
    Proof,
    Reader,
    Receipt,
    Reply,
    Unbound,
    Writer,
    as_authority,
    bearer,
    header,
    no_authority,
    pages,
    receipt,
    safe_id,
    ssh_fingerprint,
    text_at,
)

GITHUB, GITLAB = "api.github.com", "gitlab.com"
GITHUB_TOKEN, GITLAB_TOKEN = "github_token", "gitlab_token"
VERSION = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
PREFIX = {GITHUB: "/", GITLAB: "/api/v4/"}
PLACES = {  # where a key may stand: a target is nothing else
    GITHUB: r"(?:user|repos/[\w.-]{1,100}/[\w.-]{1,100})/keys/[\w-]{1,50}",
    GITLAB: r"(?:user/keys|users/[\w-]{1,50}/keys|projects/[\w.%-]{1,300}/deploy_keys)/[\w-]{1,50}",
}
PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Registered:
    """A key in a forge's list. `path` (`repos/acme/app/keys/42`) deletes it; "" where this authority cannot."""

    host: str
    id: str
    whose: str
    path: str


Finder = Callable[[str, Reader], AsyncIterator[Registered]]


def words(api: Reader, name: str) -> list[str]:
    """A setting that lists names, with blanks between them."""
    return (api.setting(name) or "").split()


async def on_github(fingerprint: str, api: Reader) -> AsyncIterator[Registered]:
    """Keys of the token's own user, deploy keys of the named repositories, and the public lists of the named users."""
    lists = [("/user/keys", "the token's own user", True)]
    lists += [(f"/repos/{quote(repo)}/keys", f"the repository {repo}", True) for repo in words(api, "github_repositories")]
    lists += [(f"/users/{quote(user, '')}/keys", f"the user {user}", False) for user in words(api, "github_users")]
    for path, whose, ours in lists:
        async for id in _matching(fingerprint, _page(api, GITHUB, path)):
            yield Registered(GITHUB, id, whose, f"{path}/{id}".removeprefix(PREFIX[GITHUB]) if ours else "")


async def on_gitlab(fingerprint: str, api: Reader) -> AsyncIterator[Registered]:
    """By fingerprint where the token is an administrator's; else keys of its own user and of the named projects."""
    auth = as_authority(api, GITLAB_TOKEN, lambda secret: header("PRIVATE-TOKEN", secret))
    reply = await api.get("/api/v4/keys", auth=auth, params={"fingerprint": fingerprint}, host=GITLAB)
    if reply.status == 200 and reply.trouble is None and reply.pick("key") is not None:
        if ssh_fingerprint(text_at(reply, "key") or "") == fingerprint:
            yield _by_administrator(reply)
        return
    if reply.status == 404 and reply.trouble is None and "Key Not Found" in reply.text:
        return  # an administrator's answer: no such key on this server
    if reply.status not in (401, 403) or reply.trouble is not None:
        raise ListUnread(reply)
    lists = [("/api/v4/user/keys", "the token's own user")]
    lists += [
        (f"/api/v4/projects/{quote(project, '')}/deploy_keys", f"the project {project}")
        for project in words(api, "gitlab_projects")
    ]
    for path, whose in lists:
        async for id in _matching(fingerprint, _page(api, GITLAB, path)):
            yield Registered(GITLAB, id, whose, f"{path}/{id}".removeprefix(PREFIX[GITLAB]))


def _by_administrator(reply: Reply) -> Registered:
    """A user's key is deleted at the user, a deploy key at its one project; in several projects a person decides."""
    id, user = safe_id(reply.pick("id")), text_at(reply, "user.id")
    projects = reply.pick("deploy_keys_projects")
    if isinstance(projects, list) and projects:
        project = text_at(reply, "deploy_keys_projects.0.project_id") if len(projects) == 1 else None
        path = f"projects/{safe_id(project)}/deploy_keys/{id}" if project else ""
        return Registered(GITLAB, id, f"{len(projects)} project(s), as a deploy key", path)
    who = text_at(reply, "user.username") or f"user {user}"
    return Registered(GITLAB, id, f"the user {who}", f"users/{safe_id(user)}/keys/{id}" if user else "")


def _page(api: Reader, host: str, path: str) -> Callable[[str | None], Awaitable[Reply]]:
    if host == GITHUB:
        auth, headers = as_authority(api, GITHUB_TOKEN, bearer), VERSION
    else:
        auth, headers = as_authority(api, GITLAB_TOKEN, lambda secret: header("PRIVATE-TOKEN", secret)), {}

    async def ask(cursor: str | None) -> Reply:
        params = {"per_page": str(PER_PAGE), "page": cursor or "1"}
        reply = await api.get(path, auth=auth, headers=headers, params=params, host=host)
        return replace(reply, json={"rows": reply.json, "page": cursor or "1"})

    return ask


async def _matching(fingerprint: str, ask: Callable[[str | None], Awaitable[Reply]]) -> AsyncIterator[str]:
    async for row in pages(ask, "rows", _following):
        if ssh_fingerprint(str(row.get("key") or "")) == fingerprint:
            yield safe_id(row.get("id"))


def _following(reply: Reply) -> str | None:
    rows, page = reply.pick("rows"), reply.pick("page")
    return str(int(page) + 1) if isinstance(rows, list) and len(rows) >= PER_PAGE else None


async def everywhere_registered(fingerprint: str, api: Reader) -> tuple[list[Registered], list[str], list[ListUnread]]:
    """(where the key is registered, forges whose lists were read to their end, those whose were not)."""
    found: list[Registered] = []
    read: list[str] = []
    unread: list[ListUnread] = []
    for host, authority, look in ((GITHUB, GITHUB_TOKEN, on_github), (GITLAB, GITLAB_TOKEN, on_gitlab)):
        if api.authority(authority) is None or not fingerprint:
            continue
        try:
            found += await _each_once(fingerprint, api, look)
            read.append(host)
        except ListUnread as error:
            unread.append(error)
    return found, read, unread


async def _each_once(fingerprint: str, api: Reader, look: Finder) -> list[Registered]:
    """A forge's entries, each id once; the one that we can delete first: a user's own key stands in two lists."""
    by_id: dict[str, Registered] = {}
    async for one in look(fingerprint, api):
        by_id.setdefault(one.id, one)
    return list(by_id.values())


def bind_at(host: str, authority: str, look: Finder) -> Callable[[Credential, Reader], Awaitable[Bound | Unbound]]:
    """Bind to the key's id at one forge: its whole public half is listed there once, and this authority may delete it."""

    async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
        fingerprint = cred.parts.get("public_key", "")
        if api.authority(authority) is None:
            return no_authority(authority)
        if cred.parts.get("passphrase") != "none" or not fingerprint:
            return Unbound(
                "encrypted", "a passphrase hides the private half: nothing proves that the public half in the file is its own"
            )
        try:
            found = await _each_once(fingerprint, api, look)
        except ListUnread as unread:
            return unread.unbound()
        if len(found) != 1:
            where = "; ".join(f"{one.id} of {one.whose}" for one in found[:20])
            return (
                Unbound("several_matches", f"registered as {where}")
                if found
                else Unbound("no_match", f"{host} lists no such key")
            )
        one = found[0]
        if not one.path:
            return Unbound("not_ours", f"key {one.id} belongs to {one.whose}, who alone can delete it there")
        how = f"{host} lists one key with the fingerprint {fingerprint}: {one.id} of {one.whose}"
        return Bound(cred, one.path, Proof.UNIQUE_HASH, how, None, {"whose": one.whose})

    return bind


def delete_at(action: str, host: str) -> Mutation:
    """DELETE one key by its id. What git fetched with it stays where it is."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        if host == GITHUB:
            auth, headers = as_authority(api, GITHUB_TOKEN, bearer), VERSION
        else:
            auth, headers = as_authority(api, GITLAB_TOKEN, lambda secret: header("PRIVATE-TOKEN", secret)), {}
        reply = await api.send(
            "DELETE", PREFIX[host] + safe_id(bound.target, PLACES[host]), auth=auth, headers=headers, host=host
        )
        return receipt(action, Effect.REVOKE, bound, reply, api.now, done=[204, 200], already=[404])

    return run


def gone_from(look: Finder) -> Observer:
    """In effect when the forge's lists, read to their end, hold the key no more."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        fingerprint = bound.credential.parts.get("public_key", "")
        try:
            return not [one async for one in look(fingerprint, api)] if fingerprint else None
        except ListUnread:
            return None

    return observe
