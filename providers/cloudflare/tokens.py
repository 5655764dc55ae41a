"""Cloudflare tokens: their own look at themselves, and what their owner can do with them."""

from dataclasses import replace

from revoker.sdk import (
    Auth,
    Binder,
    Bound,
    Credential,
    Effect,
    Identity,
    Issued,
    Mutation,
    Observer,
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
    bearer,
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

USER = "/client/v4/user/tokens"
ACCOUNT_KIND = "cloudflare_account_token"
KEPT = ("name", "policies", "condition", "not_before", "expires_on")  # what a write of a token must say again

ANSWERS = (
    live(200, at="result.status", codes=["active"], has=["result.id"]),
    dead(200, "disabled", at="result.status", codes=["disabled"], has=["result.id"]),
    dead(200, "expired", at="result.status", codes=["expired"], has=["result.id"]),
    dead(401, at="errors.0.code", codes=["1000"]),
    unsure(403, "network_refused"),  # a token may be bound to addresses that are not ours
)
OTHER_ACCOUNT = "refused_by_account"  # the one account that was asked: the token may be another's
ACCOUNT_ANSWERS = tuple(replace(known, reason=OTHER_ACCOUNT) if known.reason == "refused" else known for known in ANSWERS)


def route(account: str | None) -> str:
    """Where the tokens of a user, or of an account, are."""
    return USER if account is None else f"/client/v4/accounts/{safe_id(account)}/tokens"


async def ask(cred: Credential, api: Reader, account: str | None) -> tuple[Verdict, Reply]:
    """One look of a token at itself, as a user's or as an account's."""
    reply = await api.get(f"{route(account)}/verify", auth=bearer(cred.secret))

    def whoami(said: Reply) -> Identity:
        return Identity(account, text_at(said, "result.id"), expires_at=time_at(said, "result.expires_on"))

    return judge(reply, ANSWERS if account is None else ACCOUNT_ANSWERS, api.now, whoami), reply


NO_ACCOUNT = decided(Validity.UNKNOWN, "no_account_id", "the settings do not name the account whose token it may be")
OTHER_ADDRESS = "key_or_address_unknown"  # one answer for both: the address that stood beside the key may be another user's
GLOBAL = (
    live(200, has=["result.id"]),
    *(dead(status, OTHER_ADDRESS, at="errors.0.code", codes=["9103"]) for status in (400, 403)),
    unsure(400, "malformed_pair"),
)


@declares(*ANSWERS)
async def verify_user(cred: Credential, api: Reader) -> Verdict:
    """A user's token."""
    return (await ask(cred, api, None))[0]


@declares(NO_ACCOUNT, *ACCOUNT_ANSWERS)
async def verify_account(cred: Credential, api: Reader) -> Verdict:
    """An account's token, asked about at the operator's own account: a token does not tell whose it is."""
    account = api.setting("account_id")
    return (await ask(cred, api, account))[0] if account else Verdict(Validity.UNKNOWN, "no_account_id")


@declares(NO_ACCOUNT, *ACCOUNT_ANSWERS)
async def verify_either(cred: Credential, api: Reader) -> Verdict:
    """The user's route first; its refusal alone is no death."""
    first, account = await verify_user(cred, api), api.setting("account_id")
    if first.validity is not Validity.DEAD or first.reason != "refused":
        return first
    return (await ask(cred, api, account))[0] if account else replace(first, validity=Validity.UNKNOWN, reason="no_account_id")


@declares(*GLOBAL)
async def verify_global(cred: Credential, api: Reader) -> Verdict:
    """A global key rides beside its user's address."""
    auth, headers = header("X-Auth-Key", cred.secret), {"X-Auth-Email": cred.parts.get("email", "")}
    reply = await api.get("/client/v4/user", auth=auth, headers=headers)

    def whoami(said: Reply) -> Identity:
        return Identity(principal=text_at(said, "result.id"))

    return judge(reply, GLOBAL, api.now, whoami)


def binds(*, account: bool, own: bool = False) -> Binder:
    """The token's own look at itself answers with its id."""
    name = "account_token" if account else "user_token"

    async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
        home = api.setting("account_id") if account else None
        if (not own and api.authority(name) is None) or (account and home is None):
            return no_authority(f"{name} and account_id" if account else name)
        _, reply = await ask(cred, api, home)
        target = text_at(reply, "result.id") if reply.status == 200 and reply.trouble is None else None
        if target is None:
            return Unbound("refused", "the token did not tell its id")
        return Bound(cred, safe_id(target), Proof.SELF_ENDPOINT, "the token's own look at itself names the id", home)

    return bind


def place(bound: Bound) -> str:
    """The path of a token."""
    return f"{route(bound.account if bound.credential.kind == ACCOUNT_KIND else None)}/{safe_id(bound.target)}"


def owner(bound: Bound, api: Reader) -> Auth:
    """The authority for a token: only the same user manages a user's token."""
    return as_authority(api, "account_token" if bound.credential.kind == ACCOUNT_KIND else "user_token")


def switch(action: str, effect: Effect, status: str) -> Mutation:
    """Read a token, and write it back with another status."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        now = await api.get(place(bound), auth=owner(bound, api))
        if now.status != 200 or now.trouble is not None or text_at(now, "result.name") is None:
            return receipt(action, effect, bound, now, api.now, done=[])
        kept = {name: now.pick(f"result.{name}") for name in KEPT if now.pick(f"result.{name}") is not None}
        reply = await api.send("PUT", place(bound), auth=owner(bound, api), json={**kept, "status": status})
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


def has_status(status: str) -> Observer:
    """Look at a token's status."""

    async def observe(bound: Bound, api: Reader) -> bool | None:
        now = await api.get(place(bound), auth=owner(bound, api))
        said = text_at(now, "result.status") if now.status == 200 and now.trouble is None else None
        return None if said is None else said == status

    return observe


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a token, for good."""
    reply = await api.send("DELETE", place(bound), auth=owner(bound, api))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=[404])


async def revoke_itself(bound: Bound, api: Writer) -> Receipt:
    """A token with the right API Tokens Write deletes itself."""
    reply = await api.send("DELETE", place(bound), auth=bearer(bound.credential.secret))
    return receipt("revoke_self", Effect.REVOKE, bound, reply, api.now, done=[200])


async def is_gone(bound: Bound, api: Reader) -> bool | None:
    """A deleted token is not found by its owner."""
    now = await api.get(place(bound), auth=owner(bound, api))
    return {200: False, 404: True}.get(now.status or 0) if now.trouble is None and now.json is not None else None


async def rotate(bound: Bound, api: Writer) -> Receipt:
    """Give the token a new value with the same rights; the old one dies with the same call."""
    reply = await api.send("PUT", f"{place(bound)}/value", auth=owner(bound, api), json={})
    told = receipt(
        "rotate", Effect.ISSUE, bound, reply, api.now, done=[200], told=lambda r: "done" if text_at(r, "result") else ""
    )
    return replace(told, issued=Issued(bound.target, Secret(str(reply.pick("result")))))
