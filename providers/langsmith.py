"""LangSmith: personal access tokens, service keys and legacy keys, of the US or the EU region.

A token may revoke itself and an admin a service key, both by an id that no answer ties to the value: the lists show a
short form only, so a person confirms which one leaked.
"""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Binder,
    Bound,
    Credential,
    Effect,
    Kind,
    ListUnread,
    Manual,
    Mutation,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Writer,
    as_authority,
    by_hint,
    can_read,
    dead,
    everywhere,
    example_value,
    header,
    identity_from,
    live,
    no_authority,
    receipt,
    safe_id,
    seen_dead,
    text_at,
    unsure,
)

DOCS = "https://docs.langchain.com/langsmith/create-account-api-key"
API_DOCS = "https://api.smith.langchain.com/redoc"
HOSTS = ("api.smith.langchain.com", "eu.api.smith.langchain.com")
ORG = "/api/v1/orgs/current"
PATS = f"{ORG}/personal-access-tokens"
SERVICE_KEYS = f"{ORG}/service-keys"
NEEDS = "a key of an organisation admin, of the same region"


def by_key(secret: Secret) -> Auth:
    """The key in `X-API-Key`."""
    return header("X-API-Key", secret)


verify = everywhere(
    HOSTS,
    ORG,
    [
        live(200, has=["id"]),
        dead(401),
        # Without the right, of another region, or in want of a header that names the organisation: a 403 is no death.
        unsure(403, "forbidden"),
    ],
    auth=by_key,
    identity=identity_from(account="id", principal="display_name"),
)


async def region(api: Reader, path: str, auth: Auth) -> tuple[str, list[Reply]]:
    """The region that gives this list, and its rows. Raises ListUnread."""
    for host in HOSTS:
        reply = await api.get(path, auth=auth, host=host)
        if reply.status == 200 and reply.trouble is None and isinstance(reply.json, list):
            return host, [Reply("", json=row) for row in reply.json]
    raise ListUnread(reply)


def named(path: str, *, itself: bool) -> Binder:
    """A binder over a list of short forms: it finds whom a person should look at, and binds nothing."""

    async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
        if not itself and api.authority("admin_key") is None:
            return no_authority("admin_key")
        auth = by_key(cred.secret) if itself else as_authority(api, "admin_key", by_key)
        try:
            host, rows = await region(api, path, auth)
        except ListUnread as unread:
            return unread.unbound()
        return by_hint(cred, [(f"{text_at(row, 'id')} at {host}", row.pick("short_key")) for row in rows])

    return bind


def host_of(bound: Bound) -> str:
    """The region of the target."""
    return bound.extra.get("host", HOSTS[0])


async def revoke_pat(bound: Bound, api: Writer) -> Receipt:
    """The token revokes itself by its id, for good; its record stays."""
    path = f"{PATS}/{safe_id(bound.target)}/revocation"
    reply = await api.send("POST", path, auth=by_key(bound.credential.secret), host=host_of(bound))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 204])


async def revoke_service_key(bound: Bound, api: Writer) -> Receipt:
    """Delete a service key by its id, for good."""
    path = f"{SERVICE_KEYS}/{safe_id(bound.target)}"
    reply = await api.send("DELETE", path, auth=as_authority(api, "admin_key", by_key), host=host_of(bound))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 204], already=[404])


def _revoke(run: Mutation, bind: Binder, needs: str, *, by: str, authority: str = "") -> Action:
    return Action("revoke", Effect.REVOKE, run, bind, needs, API_DOCS, by=by, authority=authority, observe=seen_dead(verify))


def _kind(
    id: str,
    title: str,
    pattern: str,
    labels: dict[str, tuple[str, ...]],
    actions: tuple[Action, ...] = (),
    step: str = "Revoke the leaked one, which the list shows by its short form.",
) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        labels={"trufflehog": ("LangSmith",), **labels},
        verify=verify,
        requests=2,
        docs=DOCS,
        also_at="self-hosted LangSmith",
        identity="organisation id and name",
        propagation=Propagation(timedelta(minutes=15)),
        manual=Manual(
            url="https://smith.langchain.com/settings/apikeys",
            steps=("Open Settings, API keys, in the key's region.", "Make a new one and hand it to its users.", step),
            notify="the organisation's admins; for a personal token its owner",
        ),
        offline=(example_value,),
        irreversible_loss="a revoked key cannot be brought back",
        actions=actions,
    )


PROVIDER = Provider(
    id="langsmith",
    title="LangSmith",
    hosts=HOSTS,
    docs=DOCS,
    obtain="Settings, API Keys, as an organisation admin.",
    authority={"admin_key": NEEDS},
    check_authority=can_read("admin_key", {"service keys": SERVICE_KEYS}, auth=by_key),
    kinds=(
        _kind(
            "langsmith_key",
            "LangSmith personal access token",
            r"lsv2_pt_[0-9a-f]{32}_[0-9a-f]{10}",
            {
                "kingfisher": ("kingfisher.langchain.1", "betterleaks.langchain-langsmith-personal-access-token"),
                "github": ("langchain_api_personal_key",),
            },
            (_revoke(revoke_pat, named(PATS, itself=True), "nothing but the token itself", by="self"),),
        ),
        _kind(
            "langsmith_service_key",
            "LangSmith service key",
            r"lsv2_sk_[0-9a-f]{32}_[0-9a-f]{10}",
            {
                "kingfisher": ("kingfisher.langchain.2", "betterleaks.langchain-langsmith-service-key"),
                "github": ("langchain_api_server_key",),
            },
            (_revoke(revoke_service_key, named(SERVICE_KEYS, itself=False), NEEDS, by="authority", authority="admin_key"),),
        ),
        _kind(
            "langsmith_legacy_key",
            "LangSmith API key (legacy)",
            r"ls__[0-9A-Za-z]{16,64}",
            {},
            step="Delete the leaked one; keys of this form are no longer made.",
        ),
    ),
)
