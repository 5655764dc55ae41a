"""Tokens of Vault and OpenBao: looked up by the authority, revoked by accessor or by themselves.

A lookup by the authority costs no use, works for tokens that are bound to addresses, and tells `dead` from `refused
here`. The token's own lookup-self does none of these.
"""

from dataclasses import replace
from typing import Any

from revoker.sdk import (
    Auth,
    Bound,
    Credential,
    Effect,
    Identity,
    Mutation,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Validity,
    Verdict,
    Writer,
    as_authority,
    dead,
    decided,
    declares,
    header,
    judge,
    live,
    no_authority,
    receipt,
    safe_id,
    text_at,
    time_at,
    unsure,
)

AUTHORITY = "token"
LOOKUP = "/v1/auth/token/lookup"
CAPABILITIES = "/v1/sys/capabilities-self"
WRAPPING = "/v1/sys/wrapping/lookup"  # needs no token and uses nothing up; any call *with* a wrapping token does
WRAPPED = "wrapping_token"

UNCLEAR = unsure(403, "refused_or_bound")  # dead, bound to addresses, a disabled entity, or without the default policy
# the last use is taken: every call is refused, and the server ends the token by itself, soon; until then it looks it up
USED_UP = dead(200, "used_up", at="data.num_uses", codes=["-1"], has=["data.policies"])
LIVE = live(200, has=["data.policies"])
BY_AUTHORITY = (USED_UP, LIVE, dead(403, "unknown_token", says="bad token"), unsure(403, "authority_refused"))
BY_ITSELF = (USED_UP, LIVE, dead(403, "unknown_token", says="invalid token"), UNCLEAR)


BY_WRAPPING = (
    live(200, WRAPPED, has=["data.creation_path"]),
    unsure(400, "not_wrapping", says="wrapping token is not valid"),
)


def by_token(secret: Secret) -> Auth:
    """The token in `X-Vault-Token`."""
    return header("X-Vault-Token", secret)


def space(api: Reader) -> dict[str, str]:
    """The namespace, where one is configured."""
    name = api.setting("namespace")
    return {"X-Vault-Namespace": name} if name else {}


async def ask(api: Reader, path: str, body: dict[str, Any]) -> Reply:
    """A POST that reads, as the authority."""
    return await api.query(path, auth=as_authority(api, AUTHORITY, by_token), json=body, headers=space(api))


async def look(api: Reader, path: str, **params: str) -> Reply:
    """A GET as the authority."""
    return await api.get(path, auth=as_authority(api, AUTHORITY, by_token), params=params, headers=space(api))


def whoami(reply: Reply) -> Identity:
    """The display name, the policies and the end."""
    policies = reply.pick("data.policies")
    return Identity(
        principal=text_at(reply, "data.display_name"),
        scopes=tuple(map(str, policies)) if isinstance(policies, list) else (),
        expires_at=time_at(reply, "data.expire_time"),
    )


NO_AUTHORITY = decided(Validity.UNKNOWN, "no_safe_check", "nothing is sent without the authority")
DISABLED = decided(Validity.DEAD, "entity_disabled", "the token's entity is disabled: every call of it is refused", status=200)


def inside(reply: Reply, api: Reader) -> str:
    """The namespace of a looked-up token, below ours, as the start of a path: `team/`. Its accessor is known only there."""
    path, own = text_at(reply, "data.namespace_path") or "", (api.setting("namespace") or "").strip("/")
    below = path.removeprefix(f"{own}/") if own else path
    return _space(below)


def _space(below: str) -> str:
    """A namespace as the start of a path, or nothing. Raises ActionFailed for what is none."""
    return safe_id(below, r"(?:[\w.-]{1,100}/){1,8}") if below else ""


def is_wrapping(reply: Reply) -> bool:
    """True for the record of a token that wraps an answer."""
    return bool(reply.pick("data.policies") == ["response-wrapping"])


@declares(*BY_WRAPPING, *BY_ITSELF, *BY_AUTHORITY, DISABLED)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Look the token up by the authority; without one, by itself, unless it is a wrapping token that this would use up."""
    if api.authority(AUTHORITY) is None:
        return await _by_itself(cred, api)
    reply = await ask(api, LOOKUP, {"token": cred.secret})
    verdict = judge(reply, BY_AUTHORITY, api.now, whoami)
    if verdict.validity is not Validity.LIVE:
        return verdict
    if is_wrapping(reply):
        return replace(verdict, reason=WRAPPED, identity=_wraps(reply, "data.path"))
    entity = text_at(reply, "data.entity_id")
    return await _or_disabled(verdict, f"{inside(reply, api)}identity/entity/id/{safe_id(entity)}", api) if entity else verdict


async def _by_itself(cred: Credential, api: Reader) -> Verdict:
    reply = await api.query(WRAPPING, json={"token": cred.secret}, headers=space(api))
    verdict = judge(reply, BY_WRAPPING, api.now, lambda reply: _wraps(reply, "data.creation_path"))
    if verdict.reason != "not_wrapping":
        return verdict
    reply = await api.get("/v1/auth/token/lookup-self", auth=by_token(cred.secret), headers=space(api))
    return judge(reply, BY_ITSELF, api.now, whoami)


def _wraps(reply: Reply, path: str) -> Identity:
    return Identity(principal=f"wraps {text_at(reply, path)}", expires_at=time_at(reply, "data.expire_time"))


async def _or_disabled(verdict: Verdict, entity: str, api: Reader) -> Verdict:
    """A lookup does not show it, but every call of a disabled entity's token is refused."""
    reply = await look(api, f"/v1/{entity}")
    if reply.status == 200 and reply.trouble is None and reply.pick("data.disabled") is True:
        return replace(verdict, validity=Validity.DEAD, reason="entity_disabled")
    return verdict


async def _looked_up(cred: Credential, api: Reader) -> Reply | Unbound:
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    reply = await ask(api, LOOKUP, {"token": cred.secret})
    if judge(reply, BY_AUTHORITY, api.now).validity is not Validity.LIVE:
        return Unbound("no_match", f"the server knows no such token that still works ({reply.status or reply.trouble})")
    return reply


async def bind_accessor(cred: Credential, api: Reader) -> Bound | Unbound:
    """The server answers to the whole value with the accessor. Batch tokens have none: nobody can revoke one."""
    reply = await _looked_up(cred, api)
    if isinstance(reply, Unbound):
        return reply
    accessor = text_at(reply, "data.accessor")
    if text_at(reply, "data.type") == "batch" or not accessor:
        return _batch(reply)
    how = f"the server looked up this very token: {text_at(reply, 'data.display_name')}, path {text_at(reply, 'data.path')}"
    if is_wrapping(reply):
        how = f"a wrapping token of {text_at(reply, 'data.path')}: what it wraps can then be unwrapped by nobody"
    return Bound(cred, safe_id(accessor), Proof.SELF_ENDPOINT, how, None, {"inside": inside(reply, api)})


def _batch(reply: Reply) -> Unbound:
    """Nobody can revoke one; what can be done depends on whether it has a parent and an entity."""
    ends = f"it ends by itself at {text_at(reply, 'data.expire_time')}"
    parent = "" if reply.pick("data.orphan") is True else "; revoking its parent ends it"
    entity = "; disabling its entity stops it (playbook vault-entity)" if text_at(reply, "data.entity_id") else ""
    return Unbound("batch_token", f"a batch token cannot be revoked: {ends}{parent}{entity}")


async def bind_entity(cred: Credential, api: Reader) -> Bound | Unbound:
    """The entity of the token: all its other tokens stop with it."""
    reply = await _looked_up(cred, api)
    if isinstance(reply, Unbound):
        return reply
    entity = text_at(reply, "data.entity_id")
    if not entity:
        return Unbound("no_match", "this token was made directly and has no entity")
    how = "the token's own entity; its other tokens and logins stop too"
    return Bound(cred, safe_id(entity), Proof.SELF_ENDPOINT, how, None, {"inside": inside(reply, api)})


async def bind_itself(cred: Credential, api: Reader) -> Bound | Unbound:
    """A service token revokes itself."""
    if cred.secret.reveal().startswith(("hvb.", "b.")):
        return Unbound("batch_token", "a batch token cannot be revoked")
    return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the token revokes itself")


async def revoke_token(bound: Bound, api: Writer) -> Receipt:
    """By accessor, with the tokens and leases that it made. A 200 says that nothing with this accessor is there."""
    auth, path = as_authority(api, AUTHORITY, by_token), f"/v1/{_space(bound.extra.get('inside', ''))}auth/token/revoke-accessor"
    reply = await api.vault_write("POST", path, auth=auth, json={"accessor": bound.target})
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=[200])


async def revoke_itself(bound: Bound, api: Writer) -> Receipt:
    """The leaked token ends itself; it needs the `default` policy for that."""
    reply = await api.vault_write("POST", "/v1/auth/token/revoke-self", auth=by_token(bound.credential.secret))
    return receipt("revoke_self", Effect.REVOKE, bound, reply, api.now, done=[204])


def set_disabled(action: str, effect: Effect, *, disabled: bool) -> Mutation:
    """Disable or enable an entity."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        auth = as_authority(api, AUTHORITY, by_token)
        reply = await api.vault_write("POST", _entity(bound), auth=auth, json={"disabled": disabled})
        return receipt(action, effect, bound, reply, api.now, done=[200, 204])

    return run


def _entity(bound: Bound) -> str:
    return f"/v1/{_space(bound.extra.get('inside', ''))}identity/entity/id/{safe_id(bound.target)}"


async def is_disabled(bound: Bound, api: Reader) -> bool | None:
    """Read the entity back."""
    reply = await look(api, _entity(bound))
    found = reply.pick("data.disabled") if reply.status == 200 and reply.trouble is None else None
    return found if isinstance(found, bool) else None
