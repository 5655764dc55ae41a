"""Logins that Vault's database engine keeps: static roles, the login that a connection acts with, and taking one over.

Vault makes the new password and keeps it; nobody but the readers of static-creds sees it, and open sessions go on.
"""

from urllib.parse import quote

from revoker.providers.postgresql import vault
from revoker.providers.postgresql.login import ENGINE, role_of, verify
from revoker.sdk import (
    ActionFailed,
    Bound,
    Credential,
    Effect,
    Mutation,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Validity,
    Writer,
    no_authority,
    receipt,
    safe_id,
    text_at,
)

PERIOD = "24h"  # how often a role that was taken over is rotated from then on


async def _found(cred: Credential, api: Reader) -> dict[str, Reply] | Unbound:
    if api.authority(vault.VAULT) is None:
        return no_authority(vault.VAULT)
    found = await vault.connections(cred, api)
    if found is None:
        return Unbound("no_list", "the connections of Vault's database engine cannot be read")
    return found or Unbound("no_match", "Vault's database engine has no connection to this server")


async def bind_static(cred: Credential, api: Reader) -> Bound | Unbound:
    """The static role that keeps this login at this server."""
    found = await _found(cred, api)
    if isinstance(found, Unbound):
        return found
    name = await vault.static_role(cred, api, found)
    if name is None:
        return Unbound("no_match", "no static role keeps this login")
    how = f"the static role {name} keeps the login {role_of(cred)} at this server"
    return Bound(cred, name, Proof.EMBEDDED, how, None, {"mount": vault.mount(api)})


async def bind_root(cred: Credential, api: Reader) -> Bound | Unbound:
    """The one connection that acts with this login."""
    found = await _found(cred, api)
    if isinstance(found, Unbound):
        return found
    acts = [name for name, reply in found.items() if text_at(reply, "data.connection_details.username") == role_of(cred)]
    if len(acts) != 1:
        return Unbound("no_match", f"{len(acts)} connections act with this login")
    how = f"the connection {acts[0]} acts with the login {role_of(cred)} at this server"
    return Bound(cred, acts[0], Proof.EMBEDDED, how, None, {"mount": vault.mount(api)})


async def bind_free(cred: Credential, api: Reader) -> Bound | Unbound:
    """A working login that nothing keeps yet, at a server to which there is one connection."""
    found = await _found(cred, api)
    if isinstance(found, Unbound):
        return found
    if len(found) != 1 or await vault.static_role(cred, api, found) is not None:
        return Unbound("no_match", "a static role keeps it already, or more than one connection goes to this server")
    (name, reply), user = next(iter(found.items())), role_of(cred)
    if text_at(reply, "data.connection_details.username") == user:
        return Unbound("no_match", "the connection itself acts with this login; playbook vault-database-root")
    verdict = await verify(cred, api)
    if verdict.validity is not Validity.LIVE:
        return Unbound("not_live", f"the leaked password does not open this login now ({verdict.reason})")
    how = f"creating the static role {user} at connection {name} sets a new password at once"
    return Bound(cred, safe_id(user, vault.NAME), Proof.EMBEDDED, how, None, {"mount": vault.mount(api), "db_name": name})


def _path(bound: Bound, what: str) -> str:
    return f"/v1/{safe_id(bound.extra.get('mount'), vault.NAME)}/{what}/{safe_id(bound.target, vault.NAME)}"


async def rotate(bound: Bound, api: Writer) -> Receipt:
    """A new password for a static role, and one login with it."""
    reply = await api.vault_write("POST", _path(bound, "rotate-role"), auth=vault.auth(api), json={})
    return await _works("rotate_static_role", bound, reply, api)


async def take_over(bound: Bound, api: Writer) -> Receipt:
    """A static role for a login. Creating it rotates the password, whatever it is told."""
    body = {"db_name": bound.extra.get("db_name"), "username": bound.target, "rotation_period": PERIOD}
    reply = await api.vault_write("POST", _path(bound, "static-roles"), auth=vault.auth(api), json=body)
    return await _works("create_static_role", bound, reply, api)


def rotate_root() -> Mutation:
    """A new password for the connection's own login, which nobody can read."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        reply = await api.vault_write("POST", _path(bound, "rotate-root"), auth=vault.auth(api), json={})
        return _receipt("rotate_root", bound, reply, api, "the new password is known to Vault alone")

    return run


async def _works(action: str, bound: Bound, reply: Reply, api: Writer) -> Receipt:
    made = _receipt(action, bound, reply, api, "")
    creds = await vault.read(api, _path(bound, "static-creds"))
    word = text_at(creds, "data.password") if creds is not None else None
    if word is None:
        return _receipt(action, bound, reply, api, "the new password stands in static-creds; it was not read back")
    parts = bound.credential.parts
    user, rest = quote(role_of(bound.credential), safe=""), bound.credential.secret.reveal().rpartition("@")[2]
    new = Credential(bound.credential.kind, "", Secret(f"postgresql://{user}:{quote(word, safe='')}@{rest}"), parts)
    accepted = await api.login(ENGINE, new)
    works = accepted.trouble is None and accepted.code is None
    said = "logs in" if works else f"does not log in ({accepted.code or accepted.trouble}): look at the role"
    return Receipt(
        made.action, made.effect, made.target, detail=f"the new password in static-creds {said}", evidence=made.evidence
    )


def _receipt(action: str, bound: Bound, reply: Reply, api: Writer, detail: str) -> Receipt:
    state = vault.sqlstate(reply)
    if state is not None:
        raise ActionFailed(
            f"The database would not change the password (SQLSTATE {state}); the old one is still valid.",
            fingerprint=bound.credential.fingerprint,
            safe="the stored password is still the valid one",
            next="grant ADMIN OPTION on the role to Vault's login; Vault tries a static role again by itself",
        )
    return receipt(action, Effect.REVOKE, bound, reply, api.now, done=[204], detail=detail)
