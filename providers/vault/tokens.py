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

UNCLEAR = unsure(403, "refused_or_bound")  # dead, bound to addresses, a disabled entity, or without the default policy
BY_AUTHORITY = (live(200, has=["data.policies"]), dead(403, "unknown_token", says="bad token"), unsure(403, "authority_refused"))
BY_ITSELF = (live(200, has=["data.policies"]), dead(403, "unknown_token", says="invalid token"), UNCLEAR)


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


DISABLED = decided(Validity.DEAD, "entity_disabled", "the token's entity is disabled: every call of it is refused", status=200)


@declares(*BY_ITSELF, *BY_AUTHORITY, DISABLED)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Look the token up by the authority; without one, by itself."""
    if api.authority(AUTHORITY) is None:
        reply = await api.get("/v1/auth/token/lookup-self", auth=by_token(cred.secret), headers=space(api))
        return judge(reply, BY_ITSELF, api.now, whoami)
    reply = await ask(api, LOOKUP, {"token": cred.secret})
    verdict = judge(reply, BY_AUTHORITY, api.now, whoami)
    entity = text_at(reply, "data.entity_id")
    if verdict.validity is Validity.LIVE and entity:
        return await _or_disabled(verdict, entity, api)
    return verdict


async def _or_disabled(verdict: Verdict, entity: str, api: Reader) -> Verdict:
    """A lookup does not show it, but every call of a disabled entity's token is refused."""
    reply = await look(api, f"/v1/identity/entity/id/{safe_id(entity)}")
    if reply.status == 200 and reply.trouble is None and reply.pick("data.disabled") is True:
        return replace(verdict, validity=Validity.DEAD, reason="entity_disabled")
    return verdict


async def _looked_up(cred: Credential, api: Reader) -> Reply | Unbound:
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    reply = await ask(api, LOOKUP, {"token": cred.secret})
    if judge(reply, BY_AUTHORITY, api.now).validity is not Validity.LIVE:
        return Unbound("no_match", f"the server does not know this token ({reply.status or reply.trouble})")
    return reply


async def bind_accessor(cred: Credential, api: Reader) -> Bound | Unbound:
    """The server answers to the whole value with the accessor. Batch tokens have none: nobody can revoke one."""
    reply = await _looked_up(cred, api)
    if isinstance(reply, Unbound):
        return reply
    accessor = text_at(reply, "data.accessor")
    if text_at(reply, "data.type") == "batch" or not accessor:
        return Unbound(
            "batch_token", "a batch token ends with its parent or by itself; revoke the parent, or guard what it reads"
        )
    how = f"the server looked up this very token: {text_at(reply, 'data.display_name')}, path {text_at(reply, 'data.path')}"
    return Bound(cred, safe_id(accessor), Proof.SELF_ENDPOINT, how)


async def bind_entity(cred: Credential, api: Reader) -> Bound | Unbound:
    """The entity of the token: all its other tokens stop with it."""
    reply = await _looked_up(cred, api)
    if isinstance(reply, Unbound):
        return reply
    entity = text_at(reply, "data.entity_id")
    if not entity:
        return Unbound("no_match", "this token was made directly and has no entity")
    return Bound(cred, safe_id(entity), Proof.SELF_ENDPOINT, "the token's own entity; its other tokens and logins stop too")


async def bind_itself(cred: Credential, api: Reader) -> Bound | Unbound:
    """A service token revokes itself."""
    if cred.secret.reveal().startswith(("hvb.", "b.")):
        return Unbound("batch_token", "a batch token cannot be revoked")
    return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the token revokes itself")


async def revoke_token(bound: Bound, api: Writer) -> Receipt:
    """By accessor, with the tokens and leases that it made. A 200 says that nothing with this accessor is there."""
    auth = as_authority(api, AUTHORITY, by_token)
    reply = await api.vault_write("POST", "/v1/auth/token/revoke-accessor", auth=auth, json={"accessor": bound.target})
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=[200])


async def revoke_itself(bound: Bound, api: Writer) -> Receipt:
    """The leaked token ends itself; it needs the `default` policy for that."""
    reply = await api.vault_write("POST", "/v1/auth/token/revoke-self", auth=by_token(bound.credential.secret))
    return receipt("revoke_self", Effect.REVOKE, bound, reply, api.now, done=[204])


def set_disabled(action: str, effect: Effect, *, disabled: bool) -> Mutation:
    """Disable or enable an entity."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        auth, path = as_authority(api, AUTHORITY, by_token), f"/v1/identity/entity/id/{safe_id(bound.target)}"
        reply = await api.vault_write("POST", path, auth=auth, json={"disabled": disabled})
        return receipt(action, effect, bound, reply, api.now, done=[200, 204])

    return run


async def is_disabled(bound: Bound, api: Reader) -> bool | None:
    """Read the entity back."""
    reply = await look(api, f"/v1/identity/entity/id/{safe_id(bound.target)}")
    found = reply.pick("data.disabled") if reply.status == 200 and reply.trouble is None else None
    return found if isinstance(found, bool) else None


RIGHTS = {
    "auth/token/lookup": "update",
    "auth/token/lookup-accessor": "update",
    "auth/token/revoke-accessor": "update",
    "auth/token/accessors": "sudo",
    "auth/approle/role": "list",
    "auth/approle/role/any/secret-id/lookup": "update",
    "auth/approle/role/any/secret-id-accessor/destroy": "update",
}


async def check_authority(api: Reader) -> dict[str, bool | None]:
    """What the authority's own token may do, as the server says."""
    reply = await ask(api, CAPABILITIES, {"paths": list(RIGHTS)})
    if reply.status != 200 or reply.trouble is not None:
        return {"a working token": False if reply.status == 403 else None}
    return {f"{right} on {path}": _may(reply.pick("data"), path, right) for path, right in RIGHTS.items()}


def _may(held: Any, path: str, right: str) -> bool | None:
    found = held.get(path) if isinstance(held, dict) else None
    return bool({right, "root"} & set(map(str, found))) if isinstance(found, list) else None
