"""The role-ids of AppRole: half of a login. Alone one opens nothing, unless the role asks for no secret-id."""

import secrets

from revoker.providers.vault.approle import MOST_ROLES, NAME, mount
from revoker.providers.vault.tokens import AUTHORITY, NO_AUTHORITY, by_token, look
from revoker.sdk import (
    ActionFailed,
    Bound,
    Credential,
    Effect,
    Identity,
    Issued,
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
    decided,
    declares,
    evidence,
    no_authority,
    receipt,
    safe_id,
    text_at,
    undeclared,
)


async def find(cred: Credential, api: Reader) -> tuple[str | None, Reply, bool]:
    """The role that has this role-id, the last answer, and whether every role was asked."""
    base = f"/v1/auth/{mount(api)}/role"
    reply = await look(api, base, list="true")
    names = reply.pick("data.keys") if reply.status == 200 and reply.trouble is None else None
    if not isinstance(names, list) or not 0 < len(names) <= MOST_ROLES:
        return None, reply, False
    for name in (safe_id(name, NAME) for name in names):
        reply = await look(api, f"{base}/{name}/role-id")
        found = text_at(reply, "data.role_id") if reply.status == 200 and reply.trouble is None else None
        if found is None:
            return None, reply, False
        if Secret(found).same_as(cred.secret):
            return name, reply, True
    return None, reply, True


ANSWERS = (
    decided(Validity.LIVE, "known_role", "a role is read with this very role-id", status=200),
    decided(Validity.DEAD, "unknown_role_id", "every role was read, and none has it", status=200),
    decided(Validity.UNKNOWN, "authority_refused", "the authority may not read a role", status=403),
    decided(Validity.UNKNOWN, "too_many_roles", f"more than {MOST_ROLES} roles are there, or none", status=200),
)


@declares(NO_AUTHORITY, *ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Live when a role has it; dead when every role was read and none has."""
    if api.authority(AUTHORITY) is None:
        return Verdict(Validity.UNKNOWN, "no_safe_check")
    role, reply, everywhere = await find(cred, api)
    seen = evidence(reply, api.now)
    if role is not None:
        return Verdict(Validity.LIVE, "known_role", seen, Identity(principal=f"{mount(api)}/{role}"))
    if everywhere:
        return Verdict(Validity.DEAD, "unknown_role_id", seen)
    return Verdict(Validity.UNKNOWN, _why(reply), seen, retry_after=reply.retry_after)


def _why(reply: Reply) -> str:
    if reply.trouble is not None:
        return reply.trouble
    if reply.status == 200:
        return "too_many_roles"
    return "authority_refused" if reply.status == 403 else undeclared(reply)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The one role that the server names with this very role-id."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    role, reply, _ = await find(cred, api)
    if role is None:
        return Unbound("no_match", f"no role was shown to have this role-id ({_why(reply)})")
    how = f"the server gives this very role-id for role {role}"
    return Bound(cred, role, Proof.UNIQUE_HASH, how, None, {"mount": mount(api)})


def choose(bound: Bound) -> Issued:
    """A new role-id, in the server's own form."""
    text = secrets.token_hex(16)
    made = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return Issued(bound.target, Secret(made))


async def change(bound: Bound, api: Writer) -> Receipt:
    """Give the role the stored role-id. Its secret-ids stay, and the tokens that were made with it go on."""
    if api.chosen is None:
        raise ActionFailed("No new role-id was chosen and stored.", safe="nothing was sent")
    path = f"/v1/auth/{safe_id(bound.extra.get('mount'), NAME)}/role/{safe_id(bound.target, NAME)}/role-id"
    auth = as_authority(api, AUTHORITY, by_token)
    reply = await api.vault_write("POST", path, auth=auth, json={"role_id": api.chosen.secret})
    return receipt("change_role_id", Effect.ISSUE, bound, reply, api.now, done=[204])
