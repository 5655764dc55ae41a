"""HMAC keys of Cloud Storage. The key's id is public; its state is read by the operator's own authority."""

from revoker.sdk import (
    Bound,
    Credential,
    Effect,
    Mutation,
    Observer,
    Owned,
    Reader,
    Receipt,
    Reply,
    Validity,
    Verdict,
    Writer,
    as_authority,
    dead,
    decided,
    declares,
    judge,
    receipt,
    safe_id,
    text_at,
    unsure,
)

HOST = "storage.googleapis.com"
ANSWERS = (
    dead(200, "deleted", at="state", codes=["DELETED"]),
    dead(200, "inactive", at="state", codes=["INACTIVE"]),
    unsure(200, "id_active", at="state", codes=["ACTIVE"]),  # the id is in use; whether the secret is its own was not asked
)


def path(key_id: str | None, api: Reader) -> str:
    """One key in the operator's project."""
    return f"/storage/v1/projects/{safe_id(api.setting('project'))}/hmacKeys/{safe_id(key_id)}"


async def look(key_id: str | None, api: Reader) -> Reply:
    """The key as it is now."""
    return await api.get(path(key_id, api), auth=as_authority(api, "access_token"), host=HOST)


@declares(decided(Validity.UNKNOWN, "no_safe_check", "nothing is sent without the authority"), *ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The state of the key's id. A key of another project is not found, which is no death."""
    if api.authority("access_token") is None or api.setting("project") is None:
        return Verdict(Validity.UNKNOWN, "no_safe_check")
    return judge(await look(cred.parts.get("key_id"), api), ANSWERS, api.now)


def switch(action: str, effect: Effect, state: str) -> Mutation:
    """Make a key inactive, or active again."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        auth = as_authority(api, "access_token")
        reply = await api.send("PUT", path(bound.target, api), auth=auth, json={"state": state}, host=HOST)
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


def has_state(*states: str) -> Observer:
    """Look at the key's state."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        now = await look(bound.target, api)
        said = text_at(now, "state") if now.status == 200 and now.trouble is None else None
        return None if said is None else said in states

    return observe


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key, for good. Google wants it inactive before."""
    reply = await api.send("DELETE", path(bound.target, api), auth=as_authority(api, "access_token"), host=HOST)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404])


async def owned(cred: Credential, api: Reader) -> Owned | None:
    """Ours when the operator's project shows a key of this id."""
    key_id = cred.parts.get("key_id")
    if api.authority("access_token") is None or api.setting("project") is None or not key_id:
        return None
    now = await look(key_id, api)
    if now.status != 200 or now.trouble is not None or text_at(now, "accessId") != key_id:
        return None
    return Owned(f"project {api.setting('project')} shows the key to our own authority", api.setting("project"))
