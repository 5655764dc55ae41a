"""Splunk Platform: authentication tokens, which carry their own id, and tokens of the HTTP Event Collector."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Mutation,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Secret,
    Unbound,
    Verdict,
    Writer,
    as_authority,
    bearer,
    dead,
    declares,
    example_value,
    expired_jwt,
    identity_from,
    judge,
    jwt_claims,
    live,
    no_authority,
    no_safe_check,
    receipt,
    safe_id,
    seen_dead,
)

DOCS = "https://docs.splunk.com/Documentation/Splunk/latest/RESTREF/RESTaccess"
TOKENS_DOCS = "https://docs.splunk.com/Documentation/Splunk/latest/Security/UseAuthTokens"
NEEDS = "a token of a user with edit_tokens_all on the same instance"

ANSWERS = (
    live(200, has=["entry.0.content.username"]),
    dead(401, has=["messages"]),
    live(403, "restricted", has=["messages"]),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Who the token is, at the management port of the instance."""
    host = cred.parts.get("host")
    reply = await api.get(
        "/services/authentication/current-context", auth=bearer(cred.secret), params={"output_mode": "json"}, host=host
    )
    who = identity_from(principal="entry.0.content.username", scopes="entry.0.content.roles")
    return judge(reply, ANSWERS, api.now, who)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The token carries its own id (jti) and user (sub)."""
    if api.authority("token") is None:
        return no_authority("token")
    claims = jwt_claims(cred.secret.reveal())
    id, user = claims.get("jti"), claims.get("sub")
    if not isinstance(id, str) or not isinstance(user, str):
        return Unbound("no_match", "the token does not carry its id and its user")
    who, key = safe_id(user), safe_id(id, r"[0-9a-fA-F]{16,128}")
    return Bound(cred, key, Proof.EMBEDDED, "the id (jti) and the user (sub) stand in the token", None, {"user": who})


def place(bound: Bound) -> str:
    """The tokens of the target's user."""
    return f"/services/authorization/tokens/{safe_id(bound.extra.get('user'))}"


def switch(action: str, effect: Effect, status: str) -> Mutation:
    """Disable or enable a token."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        form: dict[str, str | Secret] = {"id": bound.target, "status": status, "output_mode": "json"}
        host = bound.credential.parts.get("host")
        reply = await api.send("POST", place(bound), auth=as_authority(api, "token"), form=form, host=host)
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a token, for good."""
    host = bound.credential.parts.get("host")
    params = {"id": bound.target, "output_mode": "json"}
    reply = await api.send("DELETE", place(bound), auth=as_authority(api, "token"), params=params, host=host)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


def _action(id: str, effect: Effect, run: Mutation, undo: str | None) -> Action:
    seen = None if effect is Effect.RESTORE else seen_dead(verify)
    return Action(
        id,
        effect,
        run,
        bind,
        NEEDS,
        TOKENS_DOCS,
        authority="token",
        undo=undo,
        observe=seen,
        experimental=True,  # the fields of the call are not read on a page
        confirm="on a test instance make a token, disable, enable and delete it by its id, and see the answers",
    )


PROVIDER = Provider(
    id="splunk",
    title="Splunk",
    hosts=(),
    docs=DOCS,
    obtain="Settings, Tokens: make one for a user whose role has the capability and no other.",
    authority={"token": NEEDS},
    kinds=(
        Kind(
            id="splunk_auth_token",
            title="Splunk authentication token",
            pattern=r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}",
            ambiguous=True,
            host_from="host",
            verify=verify,
            docs=DOCS,
            identity="the user and its roles",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=TOKENS_DOCS,
                steps=(
                    "Open Settings, Tokens, and find the token by its user and id.",
                    "Make a new one and hand it to its users.",
                    "Disable the leaked one; when nothing breaks, delete it.",
                ),
                notify="the instance's administrators",
            ),
            offline=(example_value, expired_jwt),
            labels={"list": ("splunk_auth_token", "splunk_token")},
            actions=(
                _action("suspend", Effect.SUSPEND, switch("suspend", Effect.SUSPEND, "disabled"), "restore"),
                _action("restore", Effect.RESTORE, switch("restore", Effect.RESTORE, "enabled"), "suspend"),
                _action("revoke", Effect.REVOKE, revoke, None),
            ),
            irreversible_loss="a deleted token cannot be brought back",
        ),
        Kind(
            id="splunk_hec_token",
            title="Splunk HTTP Event Collector token",
            pattern=r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
            ambiguous=True,
            verify=no_safe_check,  # whether the health call looks at the token depends on the version; all else sends events
            docs="https://docs.splunk.com/Documentation/Splunk/latest/Data/UsetheHTTPEventCollector",
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://docs.splunk.com/Documentation/Splunk/latest/Data/UsetheHTTPEventCollector",
                steps=(
                    "Open Settings, Data inputs, HTTP Event Collector, and find the input whose token is this one.",
                    "Make a new token and hand it to the senders.",
                    "Disable the leaked one; when nothing breaks, delete it.",
                ),
                notify="the instance's administrators",
                proves="no input has this token",
            ),
            offline=(example_value,),
            labels={"list": ("splunk_hec_token",)},
            effects_of_check="none: nothing is asked",
        ),
    ),
)
