"""Honeycomb: ingest, configuration and management keys. The check tells the key's own id, team and environment."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Mutation,
    Observer,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Secret,
    Unbound,
    Validity,
    Verdict,
    Writer,
    anywhere,
    as_authority,
    bearer,
    can_read,
    dead,
    declares,
    everywhere,
    example_value,
    header,
    identity_from,
    judge,
    live,
    no_authority,
    opposite,
    receipt,
    safe_id,
    seen_dead,
    text_at,
)

DOCS = "https://docs.honeycomb.io/api/tag/Auth"
KEYS_DOCS = "https://docs.honeycomb.io/api/tag/Key-Management"
HOSTS = ("api.honeycomb.io", "api.eu1.honeycomb.io")
NEEDS = "a management key (id:secret) with api-keys:write of the same team"
JSON_API = {"Content-Type": "application/vnd.api+json"}

ANSWERS = (live(200, has=["team.slug"]), dead(401, has=["error"]))
MANAGEMENT = (live(200, has=["data.id"]), dead(401, has=["errors"]), live(403, "restricted", has=["errors"]))


def team_key(secret: Secret) -> Auth:
    """Honeycomb's own header."""
    return header("X-Honeycomb-Team", secret)


verify = everywhere(
    HOSTS,
    "/1/auth",
    ANSWERS,
    auth=team_key,
    identity=identity_from(account="team.slug", principal="environment.slug"),
)


@declares(*MANAGEMENT)
async def verify_management(cred: Credential, api: Reader) -> Verdict:
    """A management key rides as id:secret."""

    async def ask(host: str) -> Verdict:
        reply = await api.get("/2/auth", auth=bearer(cred.secret), host=host)
        return judge(reply, MANAGEMENT, api.now, identity_from(principal="data.id", scopes="data.attributes.scopes"))

    return await anywhere(HOSTS, ask)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The key itself says its id and team; the operator's management key sees that key in that team."""
    if api.authority("management_key") is None:
        return no_authority("management_key")
    for host in HOSTS:
        own = await api.get("/1/auth", auth=team_key(cred.secret), host=host)
        if judge(own, ANSWERS, api.now).validity is not Validity.LIVE or not text_at(own, "id"):
            continue
        id, team = safe_id(own.pick("id")), safe_id(own.pick("team.slug"))
        bound = Bound(cred, id, Proof.SELF_ENDPOINT, f"the key itself says that it is {id}", team, {"host": host})
        if await _disabled(bound, api) is None:
            return Unbound("refused", f"the management key does not see {id} in team {team}")
        return bound
    return Unbound("no_match", "no region says whose key this is, or the key is of the old form and has no id")


def place(bound: Bound) -> str:
    """The key in its team."""
    return f"/2/teams/{safe_id(bound.account)}/api-keys/{safe_id(bound.target)}"


async def _disabled(bound: Bound, api: Reader) -> bool | None:
    host = bound.extra.get("host", HOSTS[0])
    reply = await api.get(place(bound), auth=as_authority(api, "management_key"), host=host)
    state = reply.pick("data.attributes.disabled") if reply.status == 200 and reply.trouble is None else None
    return state if isinstance(state, bool) else None


def switch(action: str, effect: Effect, *, disabled: bool) -> Mutation:
    """Disable or enable a key."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        data = {"id": safe_id(bound.target), "type": "api-keys", "attributes": {"disabled": disabled}}
        host = bound.extra.get("host", HOSTS[0])
        auth = as_authority(api, "management_key")
        reply = await api.send("PATCH", place(bound), auth=auth, json={"data": data}, headers=JSON_API, host=host)
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key, for good."""
    host = bound.extra.get("host", HOSTS[0])
    reply = await api.send("DELETE", place(bound), auth=as_authority(api, "management_key"), host=host)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404])


def _action(id: str, effect: Effect, run: Mutation, undo: str | None, seen: Observer) -> Action:
    return Action(id, effect, run, bind, NEEDS, KEYS_DOCS, authority="management_key", undo=undo, observe=seen)


ACTIONS = (
    _action("suspend", Effect.SUSPEND, switch("suspend", Effect.SUSPEND, disabled=True), "restore", _disabled),
    _action("restore", Effect.RESTORE, switch("restore", Effect.RESTORE, disabled=False), "suspend", opposite(_disabled)),
    _action("revoke", Effect.REVOKE, revoke, None, seen_dead(verify)),
)
MANUAL = Manual(
    url="https://ui.honeycomb.io/account",
    steps=(
        "Open the environment (or the team, for a management key), API Keys, and find the key by its id or name.",
        "Make a new one with the same permissions and hand it to its users.",
        "Disable the leaked one; when nothing breaks, delete it.",
    ),
    notify="the team's owners",
)

PROVIDER = Provider(
    id="honeycomb",
    title="Honeycomb",
    hosts=HOSTS,
    docs="https://docs.honeycomb.io/api/",
    obtain="Team settings, API keys, Management: make a key with the scope api-keys:write.",
    authority={"management_key": NEEDS},
    check_authority=can_read("management_key", {"a working management key": "/2/auth"}),
    kinds=(
        Kind(
            id="honeycomb_key",
            title="Honeycomb ingest or configuration key",
            pattern=r"hc[a-z][il]k_[A-Za-z0-9]{26,58}",
            verify=verify,
            docs=DOCS,
            identity="team and environment",
            propagation=Propagation(timedelta(minutes=5)),
            requests=len(HOSTS),
            manual=MANUAL,
            offline=(example_value,),
            labels={"list": ("honeycomb_key", "honeycomb_api_key")},
            actions=ACTIONS,
            irreversible_loss="a deleted key cannot be brought back; what it ingests stops",
        ),
        Kind(
            id="honeycomb_old_key",
            title="Honeycomb key (old form)",
            pattern=r"[0-9a-f]{32}|[A-Za-z0-9]{22}",
            ambiguous=True,
            verify=verify,
            docs=DOCS,
            identity="team and environment",
            propagation=Propagation(timedelta(minutes=5)),
            requests=len(HOSTS),
            manual=MANUAL,
            offline=(example_value,),
            labels={"trufflehog": ("Honeycomb",), "list": ("honeycomb_key", "honeycomb_api_key")},
            irreversible_loss="a deleted key cannot be brought back; what it ingests stops",
        ),
        Kind(
            id="honeycomb_management_key",
            title="Honeycomb management key",
            pattern=r"(?P<key_id>hc[a-z]mk_[A-Za-z0-9]{20,40}):[A-Za-z0-9]{20,64}",
            verify=verify_management,
            docs=DOCS,
            identity="the key's id and scopes",
            propagation=Propagation(timedelta(minutes=5)),
            requests=len(HOSTS),
            manual=MANUAL,
            offline=(example_value,),
            labels={"list": ("honeycomb_management_key",)},
            irreversible_loss="a deleted key cannot be brought back",
        ),
    ),
)
