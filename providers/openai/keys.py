"""What the API says of an OpenAI key, which listed key it is, and its changes."""

from dataclasses import replace

from revoker.sdk import (
    Bound,
    Credential,
    Effect,
    Identity,
    Issued,
    ListUnread,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Sibling,
    Unbound,
    Writer,
    as_authority,
    bearer,
    dead,
    last_id,
    live,
    named_by_hint,
    no_authority,
    pages,
    receipt,
    safe_id,
    text_at,
    time_at,
    unsure,
)

PROJECTS = "/v1/organization/projects"
ADMIN_KEYS = "/v1/organization/admin_api_keys"
LIMIT = {"limit": "100"}
YEAR = 31_536_000  # seconds: the longest life that the API gives an admin key

ANSWERS = (
    live(200, has=["data"]),
    # A restricted key is refused with 401 or 403 and often without a code: it works, only not for this list.
    *(
        live(status, "restricted", says=words)
        for status in (401, 403)
        for words in ("insufficient permissions", "missing scopes")
    ),
    live(401, "restricted", at="error.code", codes=["mismatched_organization", "ip_not_authorized"]),
    live(401, "restricted", says="IP not authorized"),
    live(401, "blocked", at="error.code", codes=["no_organization", "account_deactivated"]),  # still there: delete it
    dead(401, at="error.code", codes=["invalid_api_key"]),
    dead(401, says="Incorrect API key provided"),
    unsure(403, "region_refused", at="error.code", codes=["unsupported_country_region_territory"]),
    live(
        429, "no_quota", at="error.code", codes=["insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"]
    ),
    live(429, "no_quota", at="error.type", codes=["insufficient_quota"]),
)


def whoami(reply: Reply) -> Identity:
    """Organisation and project, where the answer's headers name them."""
    return Identity(reply.headers.get("openai-organization"), reply.headers.get("openai-project"))


async def listed(api: Reader, path: str, **params: str) -> list[Reply]:
    """Rows of an Admin API list, each wrapped for `text_at`. Raises ListUnread when the list has no end."""

    async def ask(cursor: str | None) -> Reply:
        more = {"after": cursor} if cursor else {}
        return await api.get(path, auth=as_authority(api, "admin_key"), params={**LIMIT, **params, **more})

    return [Reply("", json=row) async for row in pages(ask, "data", last_id)]


async def candidates(api: Reader) -> list[tuple[str, object]]:
    """All project keys of the organisation, with their redacted forms; owners who lost access are not left out."""
    projects = [safe_id(row.pick("id")) for row in await listed(api, PROJECTS, include_archived="true")]
    return [
        (f"{text_at(key, 'id')} in {project} ({text_at(key, 'name')})", key.pick("redacted_value"))
        for project in projects
        for key in await listed(api, f"{PROJECTS}/{project}/api_keys", owner_project_access="any")
    ]


async def admin_candidates(api: Reader) -> list[tuple[str, object]]:
    """All admin keys of the organisation, with their redacted forms."""
    return [
        (f"{text_at(row, 'id')} ({text_at(row, 'name')})", row.pick("redacted_value")) for row in await listed(api, ADMIN_KEYS)
    ]


bind_key = named_by_hint("admin_key", candidates)
bind_admin_key = named_by_hint("admin_key", admin_candidates)


async def bind_project(cred: Credential, api: Reader) -> Bound | Unbound:
    """The key's own answer names its project; the authority must see that project too."""
    if api.authority("admin_key") is None:
        return no_authority("admin_key")
    own = await api.get("/v1/models", auth=bearer(cred.secret))
    project = own.headers.get("openai-project") if own.status == 200 else None
    if project is None:
        return Unbound("no_match", "the key's answer does not name its project")
    seen = await api.get(f"{PROJECTS}/{safe_id(project)}", auth=as_authority(api, "admin_key"))
    if text_at(seen, "id") != project:
        return Unbound("no_match", f"the authority does not see {project}: it is another organisation's")
    how = f"the key's own answer names {project}, and the authority sees it"
    organisation = own.headers.get("openai-organization")
    return Bound(cred, project, Proof.SELF_ENDPOINT, how, organisation, {"project": project})


async def bind_organisation(cred: Credential, api: Reader) -> Bound | Unbound:
    """The leaked admin key and the authority list the same admin keys: one organisation."""
    if api.authority("admin_key") is None:
        return no_authority("admin_key")
    own = await api.get(ADMIN_KEYS, auth=bearer(cred.secret), params=LIMIT)
    ours = await api.get(ADMIN_KEYS, auth=as_authority(api, "admin_key"), params=LIMIT)
    same = ids(own) & ids(ours)
    if not same:
        return Unbound("no_match", "the leaked key's organisation is not the authority's")
    return Bound(cred, "organization", Proof.SELF_ENDPOINT, "both keys list the same admin keys")


def ids(reply: Reply) -> set[str]:
    """The ids of a list's first page."""
    rows = reply.pick("data") if reply.status == 200 else None
    found = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {id for id in found if isinstance(id, str)}


def gone(reply: Reply) -> str:
    """A delete is done when the answer says so."""
    return "done" if reply.pick("deleted") is True else ""


async def revoke_key(bound: Bound, api: Writer) -> Receipt:
    """Delete a project key by its id, for good."""
    path = f"{PROJECTS}/{safe_id(bound.extra.get('project'))}/api_keys/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=as_authority(api, "admin_key"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=[404], told=gone)


async def revoke_admin_key(bound: Bound, api: Writer) -> Receipt:
    """Delete an admin key by its id, for good."""
    reply = await api.send("DELETE", f"{ADMIN_KEYS}/{safe_id(bound.target)}", auth=as_authority(api, "admin_key"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=[404], told=gone)


async def issue_key(bound: Bound, api: Writer) -> Receipt:
    """Make a service account with its first key in the same project. The value is in this one answer only."""
    path = f"{PROJECTS}/{safe_id(bound.target)}/service_accounts"
    reply = await api.send("POST", path, auth=as_authority(api, "admin_key"), json={"name": api.mark})
    return _issued(bound, reply, api, at="api_key.", parts={"project": bound.target})


async def issue_admin_key(bound: Bound, api: Writer) -> Receipt:
    """Make an admin key that lives a year, the longest the API gives."""
    body = {"name": api.mark, "expires_in_seconds": YEAR}
    reply = await api.send("POST", ADMIN_KEYS, auth=as_authority(api, "admin_key"), json=body)
    return _issued(bound, reply, api, at="", parts={})


def _issued(bound: Bound, reply: Reply, api: Writer, *, at: str, parts: dict[str, str]) -> Receipt:
    """The receipt with the new key. An answer without id and value is not clear: something may have been made."""

    def told(answer: Reply) -> str:
        return "done" if text_at(answer, f"{at}id") and text_at(answer, f"{at}value") else ""

    made = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[200, 201], told=told)
    new = Issued(safe_id(reply.pick(f"{at}id")), Secret(str(reply.pick(f"{at}value"))), parts)
    return replace(made, target=new.target, issued=new)


async def project_keys(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The keys of the target's project; a service account's key goes by the account's name, where our mark stands."""
    return await _siblings(api, f"{PROJECTS}/{safe_id(bound.extra.get('project'))}/api_keys", owner_project_access="any")


async def admin_keys(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The organisation's admin keys, to find a new one whose answer was lost."""
    return await _siblings(api, ADMIN_KEYS)


async def _siblings(api: Reader, path: str, **params: str) -> list[Sibling] | None:
    try:
        rows = await listed(api, path, **params)
    except ListUnread:
        return None
    names = [f"{text_at(row, 'name') or ''} {text_at(row, 'owner.service_account.name') or ''}".strip() for row in rows]
    return [Sibling(safe_id(r.pick("id")), name, time_at(r, "created_at")) for r, name in zip(rows, names, strict=True)]
