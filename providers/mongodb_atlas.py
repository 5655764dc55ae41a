"""MongoDB Atlas: programmatic API keys and service accounts.

An API key logs in with HTTP Digest, which this tool does not speak, and a service account's secret would mint a token:
neither is tried. A key is found by its public half in the organisation's list and deleted by the id that stands there.
"""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Kind,
    ListUnread,
    Manual,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Residual,
    Sibling,
    Unbound,
    Writer,
    absent,
    as_authority,
    example_value,
    no_authority,
    no_safe_check,
    pages,
    receipt,
    safe_id,
    text_at,
    unproven_pair,
)

DOCS = "https://www.mongodb.com/docs/atlas/configure-api-access/"
ACCEPT = {"Accept": "application/vnd.atlas.2024-08-05+json"}
NEEDS = "an access token of a service account that is Organization Owner (it lasts an hour)"
SIZE = 500


def home(api: Reader) -> str:
    """Where the operator's organisation lists its keys."""
    return f"/api/atlas/v2/orgs/{safe_id(api.setting('organization'), r'[0-9A-Za-z]{1,64}')}/apiKeys"


async def keys(api: Reader) -> list[Reply]:
    """All API keys of the operator's organisation. Raises ListUnread."""
    seen = 0

    async def page(cursor: str | None) -> Reply:
        params = {"pageNum": cursor or "1", "itemsPerPage": str(SIZE)}
        return await api.get(home(api), auth=as_authority(api, "access_token"), params=params, headers=ACCEPT)

    def following(reply: Reply) -> str | None:
        nonlocal seen
        rows = reply.pick("results")
        seen += 1
        return str(seen + 1) if isinstance(rows, list) and len(rows) == SIZE else None

    return [Reply("", json=row) async for row in pages(page, "results", following)]


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the key of the organisation that has the public half; no check of ours uses both halves."""
    organisation = api.setting("organization")
    if api.authority("access_token") is None or organisation is None:
        return no_authority("access_token and organization")
    try:
        found = [row for row in await keys(api) if text_at(row, "publicKey") == cred.parts.get("key_id")]
    except ListUnread as unread:
        return unread.unbound()
    if len(found) != 1:
        return Unbound("several_matches" if found else "no_match", "the organisation does not list exactly one key with this id")
    return unproven_pair(f"{text_at(found[0], 'id')} ({cred.parts.get('key_id')}) of {organisation}")


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The organisation's keys by id and description."""
    try:
        return [Sibling(safe_id(row.pick("id")), text_at(row, "desc") or "") for row in await keys(api)]
    except ListUnread:
        return None


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key from the organisation, for good."""
    path = f"{home(api)}/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=as_authority(api, "access_token"), headers=ACCEPT)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 204])


PROVIDER = Provider(
    id="mongodb_atlas",
    title="MongoDB Atlas",
    hosts=("cloud.mongodb.com",),
    docs="https://www.mongodb.com/docs/atlas/api/",
    obtain="Organization, Applications, Service Accounts: make one with the role, then ask "
    "/api/oauth/token with its id and secret.",
    authority={"access_token": NEEDS, "organization": "the organisation's id"},
    kinds=(
        Kind(
            id="mongodb_atlas_api_key",
            title="MongoDB Atlas API key",
            pattern=r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            ambiguous=True,
            needs=("key_id",),
            verify=no_safe_check,  # HTTP Digest only
            docs=DOCS,
            identity="none: nothing is asked; the public half came with the finding",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://cloud.mongodb.com/",
                steps=(
                    "Open the organisation's Access Manager, Applications, API Keys, and find the key by its public half.",
                    "Make a new one with the same roles and an access list of addresses, and hand it to its users.",
                    "Delete the leaked one.",
                ),
                notify="the organisation's owners",
                proves="the organisation lists no key with this public half",
            ),
            offline=(example_value,),
            labels={"list": ("mongodb_atlas_api_key",)},
            actions=(
                # The path is general knowledge. To confirm: delete a test key through it.
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    NEEDS,
                    DOCS,
                    authority="access_token",
                    observe=absent(siblings),
                    experimental=True,
                    confirm="delete a test API key of the organisation, and see it listed no more and refused",
                ),
            ),
            residual=(Residual("database users and keys that were made with it", None),),
            effects_of_check="none: nothing is asked",
            irreversible_loss="a deleted key cannot be brought back",
        ),
        Kind(
            id="mongodb_atlas_service_account",
            title="MongoDB Atlas service account secret",
            pattern=r"mdb_sa_sk_[A-Za-z0-9_-]{40}",
            verify=no_safe_check,  # the grant would mint an access token
            docs=DOCS,
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(hours=1), source="tokens that it made last an hour"),
            manual=Manual(
                url="https://cloud.mongodb.com/",
                steps=(
                    "Open the organisation's (or project's) service accounts and find the client by its id (mdb_sa_id_..).",
                    "Make a second secret and hand it to its users.",
                    "Delete the leaked secret: it is listed by its creation and last use.",
                ),
                notify="the organisation's owners",
                proves="the service account does not list the secret any more",
            ),
            offline=(example_value,),
            residual=(Residual("access tokens that it made", timedelta(hours=1)),),
            effects_of_check="none: nothing is asked",
        ),
    ),
)
