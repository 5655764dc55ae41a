"""Adyen: API keys of web service users, live and test. The leaked key names its own credential, which can be switched off."""

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
    Reply,
    Secret,
    Unbound,
    Writer,
    as_authority,
    dead,
    everywhere,
    example_value,
    header,
    identity_from,
    live,
    no_authority,
    receipt,
    safe_id,
    text_at,
)

DOCS = "https://docs.adyen.com/api-explorer/Management/3/get/me"
SWITCH_DOCS = "https://docs.adyen.com/development-resources/management-api"
LIVE, TEST = HOSTS = ("management-live.adyen.com", "management-test.adyen.com")
NEEDS = "an API key with the role Management API - API credentials read and write"


def key(secret: Secret) -> Auth:
    """Adyen's own header."""
    return header("X-API-Key", secret)


verify = everywhere(
    HOSTS,
    "/v3/me",
    [live(200, has=["id"]), dead(401, has=["status"]), live(403, "restricted", has=["status"])],
    auth=key,
    identity=identity_from(account="companyName", principal="username", scopes="roles"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The leaked key names its own credential's id; the company is the operator's."""
    if api.authority("api_key") is None or api.setting("company") is None:
        return no_authority("api_key and company")
    reply: Reply | None = None
    for host in HOSTS:
        reply = await api.get("/v3/me", auth=key(cred.secret), host=host)
        if reply.status == 200 and reply.trouble is None and text_at(reply, "id"):
            how = "the key itself tells the id of its credential"
            return Bound(cred, safe_id(reply.pick("id")), Proof.SELF_ENDPOINT, how, api.setting("company"), {"host": host})
    return Unbound("no_match", f"the key does not tell its credential ({reply.status or reply.trouble if reply else ''})")


def place(bound: Bound) -> tuple[str, str]:
    """The credential's path and host."""
    path = f"/v3/companies/{safe_id(bound.account)}/apiCredentials/{safe_id(bound.target)}"
    return path, TEST if bound.extra.get("host") == TEST else LIVE


def switch(action: str, effect: Effect, *, active: bool) -> Mutation:
    """Switch the credential off or on, with all of its keys."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        path, host = place(bound)
        reply = await api.send("PATCH", path, auth=as_authority(api, "api_key", key), json={"active": active}, host=host)
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


def is_switched(*, active: bool) -> Observer:
    """Look whether the credential is on or off."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        path, host = place(bound)
        reply = await api.get(path, auth=as_authority(api, "api_key", key), host=host)
        state = reply.pick("active") if reply.status == 200 and reply.trouble is None else None
        return state is active if isinstance(state, bool) else None

    return observe


def _switch(id: str, effect: Effect, undo: str, *, active: bool) -> Action:
    run, seen = switch(id, effect, active=active), is_switched(active=active)
    return Action(
        id,
        effect,
        run,
        bind,
        NEEDS,
        SWITCH_DOCS,
        authority="api_key",
        undo=undo,
        observe=seen,
        experimental=True,  # the method is documented, the field is not confirmed
        confirm="switch a test credential off and on, and see /v3/me refuse and accept it",
    )


PROVIDER = Provider(
    id="adyen",
    title="Adyen",
    hosts=HOSTS,
    docs="https://docs.adyen.com/development-resources/api-credentials",
    obtain="Customer Area, Developers, API credentials: make a company-level credential, give it the role, generate its API key.",
    authority={"api_key": NEEDS, "company": "the company account that holds the credential"},
    kinds=(
        Kind(
            id="adyen_api_key",
            title="Adyen API key",
            pattern=r"AQE[!-~]{60,300}",
            verify=verify,
            docs=DOCS,
            identity="company, user name (ws@Company.X) and roles",
            propagation=Propagation(timedelta(hours=24), source="a replaced key is said to work for about a day"),
            requests=2,
            manual=Manual(
                url="https://ca-live.adyen.com/",
                steps=(
                    "Open Developers, API credentials, and the credential (the check names it).",
                    "Generate a new API key and hand it to its users: the old one may work for a day.",
                    "When it is abused, deactivate the credential: it stops at once.",
                ),
                notify="the company's admins; payments may have been made",
            ),
            offline=(example_value,),
            actions=(
                _switch("suspend", Effect.SUSPEND, "restore", active=False),
                _switch("restore", Effect.RESTORE, "suspend", active=True),
            ),
        ),
    ),
)
