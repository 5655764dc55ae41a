"""Leases: what Vault made for a while and takes back. A revocation waits for the database's answer and is never forced.

`revoke-force` forgets the lease and leaves the login alive: it is not used.
"""

import re
from dataclasses import replace

from revoker.providers.vault.tokens import AUTHORITY, NO_AUTHORITY, ask, by_token, look
from revoker.sdk import (
    ActionFailed,
    Bound,
    Credential,
    Effect,
    Identity,
    Proof,
    Reader,
    Receipt,
    Reply,
    Unbound,
    Validity,
    Verdict,
    Writer,
    as_authority,
    dead,
    declares,
    judge,
    live,
    no_authority,
    receipt,
    safe_id,
    text_at,
    time_at,
    unsure,
)

LOOKUP = "/v1/sys/leases/lookup"
LEASE = r"[\w.-]{1,100}(?:/[\w.-]{1,200}){1,8}"
ANSWERS = (
    live(200, "lease_is_there", has=["data.id"]),
    dead(400, "unknown_lease", says="invalid lease"),
    unsure(403, "authority_refused"),
)


def _who(reply: Reply) -> Identity:
    return Identity(principal=text_at(reply, "data.path"), expires_at=time_at(reply, "data.expire_time"))


@declares(NO_AUTHORITY, *ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Look the lease up. That Vault knows it no longer says nothing of a login that a forced revocation left behind."""
    if api.authority(AUTHORITY) is None:
        return Verdict(Validity.UNKNOWN, "no_safe_check")
    return judge(await ask(api, LOOKUP, {"lease_id": cred.secret}), ANSWERS, api.now, _who)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The lease id is the target itself."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    verdict = await verify(cred, api)
    if verdict.validity is not Validity.LIVE:
        return Unbound("no_match", f"the server knows no such lease ({verdict.reason})")
    lease = safe_id(cred.secret.reveal(), LEASE)
    return Bound(cred, lease, Proof.SECRET_IS_CREDENTIAL, "the lease id itself; the server knows it")


async def bind_prefix(cred: Credential, api: Reader) -> Bound | Unbound:
    """All leases of the same role, counted. Listing them needs sudo, as the revocation does."""
    found = await bind(cred, api)
    if isinstance(found, Unbound):
        return found
    prefix = found.target.rpartition("/")[0]
    count = await _count(prefix, api)
    if count is None:
        return Unbound("no_list", f"the leases below {prefix} cannot be listed, so nobody can say what would end")
    how = f"{count} leases below {prefix} now: every one ends, with the login that it stands for"
    return replace(found, target=prefix, how=how)


async def _count(prefix: str, api: Reader) -> int | None:
    reply = await look(api, f"{LOOKUP}/{prefix}", list="true")
    keys = reply.pick("data.keys") if reply.status == 200 and reply.trouble is None else None
    if isinstance(keys, list):
        return len(keys)
    return 0 if reply.status == 404 and reply.json is not None and reply.trouble is None else None


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Wait until the database has dropped the login. Raises ActionFailed with its SQLSTATE when it would not."""
    auth, body = as_authority(api, AUTHORITY, by_token), {"lease_id": safe_id(bound.target, LEASE), "sync": True}
    reply = await api.vault_write("POST", "/v1/sys/leases/revoke", auth=auth, json=body)
    return revoked("revoke", bound, reply, api)


async def revoke_prefix(bound: Bound, api: Writer) -> Receipt:
    """The same for every lease of the role; it stops at the first one that the database refuses."""
    auth, path = as_authority(api, AUTHORITY, by_token), f"/v1/sys/leases/revoke-prefix/{safe_id(bound.target, LEASE)}"
    return revoked("revoke_prefix", bound, await api.vault_write("POST", path, auth=auth, json={"sync": True}), api)


def revoked(action: str, bound: Bound, reply: Reply, api: Writer) -> Receipt:
    """The receipt of a lease's revocation."""
    state = re.search(r"SQLSTATE (\w{5})", reply.text) if reply.status == 400 else None
    if state is not None:
        raise ActionFailed(
            f"The database would not drop the login (SQLSTATE {state[1]}): lease and login are still there.",
            fingerprint=bound.credential.fingerprint,
            safe="nothing was taken away",
            next="take back what the login owns or was granted beside Vault's statements, then plan again; never revoke-force",
        )
    detail = "a session that is open already goes on until it is ended"
    return receipt(action, Effect.REVOKE, bound, reply, api.now, done=[204], detail=detail)


async def is_gone(bound: Bound, api: Reader) -> bool | None:
    """Look the lease up again."""
    verdict = judge(await ask(api, LOOKUP, {"lease_id": safe_id(bound.target, LEASE)}), ANSWERS, api.now)
    return {Validity.DEAD: True, Validity.LIVE: False}.get(verdict.validity)


async def are_gone(bound: Bound, api: Reader) -> bool | None:
    """True when nothing is left below the prefix."""
    count = await _count(safe_id(bound.target, LEASE), api)
    return None if count is None else count == 0
