"""Dynamic logins of Vault's database engine, recognised by their name: the lease is revoked, then their sessions are ended.

Whether it worked is asked at the database itself: a lease that Vault forgot says nothing of the login.
"""

from dataclasses import replace

from revoker.providers.postgresql import vault
from revoker.providers.postgresql.login import ENGINE, bind, role_of, server_of, verify
from revoker.sdk import (
    ActionFailed,
    Bound,
    Credential,
    Effect,
    OutcomeUnknown,
    Proof,
    Reader,
    Receipt,
    Reply,
    Unbound,
    Validity,
    Writer,
    evidence,
    no_authority,
    receipt,
    safe_id,
)

# A dropped role leaves its sessions without a name. None of them belongs to anybody who may still log in.
END = (
    "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 2000)) AS ended FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
    "AND backend_type = 'client backend' AND (usename = %s OR (usename IS NULL AND datname = %s))"
)


async def bind_lease(cred: Credential, api: Reader) -> Bound | Unbound:
    """The one lease whose role and time stand in the login's name, while the login works."""
    if api.authority(vault.VAULT) is None:
        return no_authority(vault.VAULT)
    verdict = await verify(cred, api)
    if verdict.validity is not Validity.LIVE:
        return Unbound("not_live", f"the leaked login does not work now ({verdict.reason})")
    found, why = await vault.leases_of(cred, api)
    if len(found) != 1:
        more = f"{len(found)} leases of its role began in the same seconds; playbook vault-lease-prefix ends them all"
        return Unbound("no_match", more if found else why)
    how = f"{found[0]}: the only lease of the role and the second that stand in the login's name"
    return Bound(cred, found[0], Proof.EMBEDDED, how, None, {"server": server_of(cred)})


async def bind_prefix(cred: Credential, api: Reader) -> Bound | Unbound:
    """All leases of the role in the login's name, counted."""
    if api.authority(vault.VAULT) is None:
        return no_authority(vault.VAULT)
    found, why = await vault.leases_of(cred, api)
    prefixes = {lease.rpartition("/")[0] for lease in found}
    if len(prefixes) != 1:
        return Unbound("no_match", "more than one role fits the login's name" if prefixes else why)
    prefix = prefixes.pop()
    all_of_them = await vault.names(api, f"{vault.LOOKUP}/{prefix}")
    how = f"{len(all_of_them or ())} leases below {prefix} now: every one ends, with the login that it stands for"
    return Bound(cred, prefix, Proof.EMBEDDED, how, None, {"server": server_of(cred)})


async def bind_sessions(cred: Credential, api: Reader) -> Bound | Unbound:
    """The login in the URI; nothing is asked, so that it can be told when the login is gone."""
    found = await bind(cred, api)
    if isinstance(found, Unbound):
        return found
    how = f"sessions of {role_of(cred)}, and those in its database whose login was dropped already (expired or revoked)"
    return replace(found, how=how)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Wait until the database has dropped the login. Raises ActionFailed with its SQLSTATE when it would not."""
    body = {"lease_id": safe_id(bound.target, vault.LEASE), "sync": True}
    return _dropped("revoke", bound, await api.vault_write("POST", "/v1/sys/leases/revoke", auth=vault.auth(api), json=body), api)


async def revoke_prefix(bound: Bound, api: Writer) -> Receipt:
    """The same for every lease of the role."""
    path = f"/v1/sys/leases/revoke-prefix/{safe_id(bound.target, vault.LEASE)}"
    return _dropped("revoke_prefix", bound, await api.vault_write("POST", path, auth=vault.auth(api), json={"sync": True}), api)


def _dropped(action: str, bound: Bound, reply: Reply, api: Writer) -> Receipt:
    state = vault.sqlstate(reply)
    if state is not None:
        raise ActionFailed(
            f"The database would not drop the login (SQLSTATE {state}): lease and login are still there.",
            fingerprint=bound.credential.fingerprint,
            safe="nothing was taken away",
            next="take back what the login owns or was granted beside Vault's statements, then plan again; never revoke-force",
        )
    return receipt(
        action, Effect.REVOKE, bound, reply, api.now, done=[204], detail="its open sessions go on until they are ended"
    )


async def end_sessions(bound: Bound, api: Writer) -> Receipt:
    """Terminate the login's sessions, whether it is dropped already or not."""
    database = bound.credential.parts.get("database") or bound.target
    reply = await api.command(ENGINE, END, [bound.target, database])
    seen = evidence(reply, api.now)
    if reply.trouble is None and reply.code is None and reply.status in (None, 200):
        ended = reply.pick("0.ended")
        return Receipt("end_sessions", Effect.END_SESSIONS, bound.target, ended == 0, f"{ended} sessions ended", seen)
    if reply.trouble == "not_sent" or (reply.trouble is None and reply.code is not None):
        raise ActionFailed(
            f"{seen.host} refused end_sessions ({seen.code or reply.trouble}).",
            fingerprint=bound.credential.fingerprint,
            safe="nothing was changed by this call",
            next="the authority needs pg_signal_backend",
        )
    raise OutcomeUnknown(f"The answer to end_sessions was lost ({reply.trouble}).", fingerprint=bound.credential.fingerprint)
