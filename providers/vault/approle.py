"""The secret-ids of AppRole: looked up by the authority, since a login would make a token and burn a use."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from revoker.providers.vault.tokens import AUTHORITY, ask, by_token, look
from revoker.sdk import (
    Bound,
    Credential,
    Effect,
    Evidence,
    Identity,
    Issued,
    OutcomeUnknown,
    Proof,
    Reader,
    Receipt,
    Reply,
    Secret,
    Sibling,
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
    time_at,
    undeclared,
)

MOST_ROLES = 25  # roles that one check tries when the finding does not say which
MOST_TOKENS = 2_000  # tokens that a sweep looks at
NAME = r"[\w.-]{1,100}"


@dataclass(frozen=True, slots=True)
class Found:
    """Where a secret-id is: its role, and the lookup's answer. Without a role: the answer that decided nothing, or no role has it."""

    role: str | None
    reply: Reply
    everywhere: bool = False  # every role that it can be of was asked, and none has it


def mount(api: Reader) -> str:
    """Where AppRole is mounted."""
    return safe_id(api.setting("approle_mount") or "approle", NAME)


async def roles(cred: Credential, api: Reader) -> Sequence[str] | Reply:
    """The roles that a secret-id can be of: the one that has the role-id, else all; or the answer that told nothing."""
    if cred.parts.get("role"):
        return [safe_id(cred.parts["role"], NAME)]
    base = f"/v1/auth/{mount(api)}/role"
    listed = await look(api, base, list="true")
    names = listed.pick("data.keys") if listed.status == 200 and listed.trouble is None else None
    if not isinstance(names, list) or not 0 < len(names) <= MOST_ROLES:
        return listed
    names = [safe_id(name, NAME) for name in names]
    role_id = cred.parts.get("role_id")
    if not role_id:
        return names
    for name in names:
        reply = await look(api, f"{base}/{name}/role-id")
        found = text_at(reply, "data.role_id") if reply.status == 200 and reply.trouble is None else None
        if found is None:
            return reply
        if found == role_id:
            return [name]
    return listed


async def find(cred: Credential, api: Reader) -> Found:
    """Look the secret-id up in each role that it can be of. 204 says that a role does not have it."""
    candidates = await roles(cred, api)
    if isinstance(candidates, Reply):
        return Found(None, candidates)
    reply = Reply("")
    for role in candidates:
        path = f"/v1/auth/{mount(api)}/role/{role}/secret-id/lookup"
        reply = await ask(api, path, {"secret_id": cred.secret})
        if reply.trouble is None and reply.status == 200 and reply.pick("data.secret_id_accessor"):
            return Found(role, reply)
        if reply.trouble is not None or reply.status != 204:
            return Found(None, reply)
    return Found(None, reply, everywhere=True)


ANSWERS = (
    decided(Validity.UNKNOWN, "no_safe_check", "nothing is sent without the authority"),
    decided(Validity.LIVE, "known", "a role's look-up of the whole value answers with its accessor", status=200),
    decided(Validity.DEAD, "unknown_secret_id", "every role that it can be of answers that it has none such", status=204),
    decided(Validity.UNKNOWN, "authority_refused", "the authority may not look it up", status=403),
    decided(Validity.UNKNOWN, "role_not_found", "the role that the finding names is not there", status=200),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Live when a role has it. Without an authority there is no safe check."""
    if api.authority(AUTHORITY) is None:
        return Verdict(Validity.UNKNOWN, "no_safe_check")
    found = await find(cred, api)
    seen = evidence(found.reply, api.now)
    if found.role is not None:
        return Verdict(Validity.LIVE, "known", seen, _identity(found, api))
    if found.everywhere:
        return Verdict(Validity.DEAD, "unknown_secret_id", seen)
    return Verdict(Validity.UNKNOWN, _why(found.reply), seen, retry_after=found.reply.retry_after)


def _identity(found: Found, api: Reader) -> Identity:
    end = time_at(found.reply, "data.expiration_time")
    forever = end is None or end.year < 1970  # the zero time of Go says: no end
    return Identity(principal=f"{mount(api)}/{found.role}", expires_at=None if forever else end)


def _why(reply: Reply) -> str:
    if reply.trouble is not None:
        return reply.trouble
    if reply.status == 403:
        return "authority_refused"
    return "role_not_found" if reply.status == 200 else undeclared(reply)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The server answers to the whole value with its accessor and one role."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    found = await find(cred, api)
    accessor = text_at(found.reply, "data.secret_id_accessor")
    if found.role is None or accessor is None:
        return Unbound("no_match", f"no role was shown to have this secret-id ({_why(found.reply)})")
    how = f"the server looked up this very secret-id: it is of role {found.role}"
    return Bound(cred, safe_id(accessor), Proof.UNIQUE_HASH, how, None, {"role": found.role, "mount": mount(api)})


async def bind_role(cred: Credential, api: Reader) -> Bound | Unbound:
    """The role of the leaked pair. It can still be told when the secret-id is gone already."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    if not cred.parts.get("role_id"):
        return Unbound("label_only", "without the role-id, nothing shows the role once the secret-id is gone")
    found = await roles(replace(cred, parts={"role_id": cred.parts["role_id"]}), api)
    if isinstance(found, Reply):
        return Unbound("no_match", f"no role was shown to have this role-id ({_why(found)})")
    how = f"the role-id is half of the leaked pair; every token of role {found[0]} ends, whichever secret-id made it"
    return Bound(cred, found[0], Proof.EMBEDDED, how, None, {"role": found[0], "mount": mount(api)})


def _role(bound: Bound) -> str:
    return f"/v1/auth/{safe_id(bound.extra.get('mount'), NAME)}/role/{safe_id(bound.extra.get('role'), NAME)}"


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Destroy it by its accessor. A second time the server answers 500, so a lost answer is looked at, not repeated."""
    auth, path = as_authority(api, AUTHORITY, by_token), f"{_role(bound)}/secret-id-accessor/destroy"
    reply = await api.vault_write("POST", path, auth=auth, json={"secret_id_accessor": bound.target})
    detail = "tokens that were made with it stay valid until they end"
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404], detail=detail)


async def is_gone(bound: Bound, api: Reader) -> bool | None:
    """Look for the accessor: 404 when it was destroyed."""
    reply = await ask(api, f"{_role(bound)}/secret-id-accessor/lookup", {"secret_id_accessor": bound.target})
    if reply.trouble is not None:
        return None
    return {200: False, 404: True}.get(reply.status or 0)


async def issue(bound: Bound, api: Writer) -> Receipt:
    """A new secret-id of the same role; our mark stands in its metadata. Old and new work side by side."""
    body = {"metadata": json.dumps({"revoker": api.mark})}
    reply = await api.vault_write("POST", f"{_role(bound)}/secret-id", auth=as_authority(api, AUTHORITY, by_token), json=body)
    made = receipt("issue", Effect.ISSUE, bound, reply, api.now, done=[200], told=_whole)
    new = Issued(safe_id(reply.pick("data.secret_id_accessor")), Secret(str(reply.pick("data.secret_id"))))
    return replace(made, target=new.target, issued=new)


def _whole(reply: Reply) -> str:
    return "done" if text_at(reply, "data.secret_id") and text_at(reply, "data.secret_id_accessor") else ""


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """All secret-ids of the role by accessor, with the mark in their metadata."""
    listed = await look(api, f"{_role(bound)}/secret-id", list="true")
    names = listed.pick("data.keys") if listed.status == 200 and listed.trouble is None else None
    if not isinstance(names, list):
        return [] if listed.status == 404 and listed.json is not None else None
    found = []
    for name in names:
        accessor = safe_id(name)
        reply = await ask(api, f"{_role(bound)}/secret-id-accessor/lookup", {"secret_id_accessor": accessor})
        mark = text_at(reply, "data.metadata.revoker") or ""
        found.append(Sibling(accessor, mark, time_at(reply, "data.creation_time")))
    return found


async def end_sessions(bound: Bound, api: Writer) -> Receipt:
    """Revoke every token that a login with this role made. Raises OutcomeUnknown when some could not be looked at."""
    auth = as_authority(api, AUTHORITY, by_token)
    listed = await look(api, "/v1/auth/token/accessors", list="true")
    names = listed.pick("data.keys") if listed.status == 200 else None
    if not isinstance(names, list) or len(names) > MOST_TOKENS:
        receipt("end_sessions", Effect.END_SESSIONS, bound, replace(listed, status=listed.status or 500), api.now, done=[])
        raise OutcomeUnknown("The server has too many tokens to look at each.", next="revoke them by lease prefix, by hand")
    ended = 0
    seen: Evidence | None = evidence(listed, api.now)
    for accessor in map(safe_id, names):
        reply = await ask(api, "/v1/auth/token/lookup-accessor", {"accessor": accessor})
        if _made_by(bound, reply):
            gone = await api.vault_write("POST", "/v1/auth/token/revoke-accessor", auth=auth, json={"accessor": accessor})
            seen = _checked(bound, gone, api)
            ended += 1
    return Receipt("end_sessions", Effect.END_SESSIONS, bound.target, ended == 0, f"{ended} tokens of the role ended", seen)


def _checked(bound: Bound, reply: Reply, api: Writer) -> Evidence | None:
    return receipt("end_sessions", Effect.END_SESSIONS, bound, reply, api.now, done=[204], already=[200]).evidence


def _made_by(bound: Bound, reply: Reply) -> bool:
    """True for a token of a login at this mount with this role. One that ended meanwhile is not found any more."""
    if reply.status != 200 or reply.trouble is not None:
        return False
    login = f"auth/{bound.extra.get('mount')}/login"
    return bool(reply.pick("data.path") == login and reply.pick("data.meta.role_name") == bound.target)
