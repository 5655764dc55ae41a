"""Resend: API keys, full or for sending only. The list of keys shows no part of their values.

So a key is bound in one case only: it lists the account's keys itself, and the account has just one.
"""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Kind,
    ListUnread,
    Manual,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Unbound,
    Writer,
    bearer,
    dead,
    example_value,
    identity_from,
    live,
    only_candidate,
    pages,
    probe,
    receipt,
    safe_id,
    seen_dead,
    text_at,
)

DOCS = "https://resend.com/docs/api-reference/errors"
KEY_DOCS = "https://resend.com/docs/api-reference/api-keys/delete-api-key"
KEYS = "/api-keys"

verify = probe(
    KEYS,
    [
        live(200, has=["data"]),
        live(401, "sending_only", at="name", codes=["restricted_api_key"]),
        dead(401, at="name", codes=["invalid_api_key"]),
        dead(403, at="name", codes=["invalid_api_key"]),
    ],
    identity=identity_from(principal="data.0.name"),
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The key reads the whole list itself; when that list holds one key, it is this one."""

    async def page(cursor: str | None) -> Reply:
        params = {"after": cursor} if cursor else {}
        return await api.get(KEYS, auth=bearer(cred.secret), params=params)

    def following(reply: Reply) -> str | None:
        listed = reply.pick("data")
        more = reply.pick("has_more") is True and isinstance(listed, list) and bool(listed)
        return text_at(reply, f"data.{len(listed) - 1}.id") if more else None

    try:
        rows = [Reply("", json=row) async for row in pages(page, "data", following)]
    except ListUnread as unread:
        return unread.unbound()
    if len(rows) != 1:
        named = ", ".join(f"{text_at(row, 'id')} ({text_at(row, 'name')})" for row in rows[:20])
        return Unbound("several_matches" if rows else "no_match", f"the account's keys: {named}")
    return only_candidate(f"{text_at(rows[0], 'id')} ({text_at(rows[0], 'name')})")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The key deletes itself, for good."""
    reply = await api.send("DELETE", f"{KEYS}/{safe_id(bound.target)}", auth=bearer(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


PROVIDER = Provider(
    id="resend",
    title="Resend",
    hosts=("api.resend.com",),
    docs="https://resend.com/docs/api-reference/introduction",
    kinds=(
        Kind(
            id="resend_key",
            title="Resend API key",
            pattern=r"re_[A-Za-z0-9]{6,12}_[A-Za-z0-9]{20,40}",
            verify=verify,
            docs=DOCS,
            identity="the name of one key of the account; a key for sending tells nothing",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://resend.com/api-keys",
                steps=(
                    "Make a new key with the same permission and domain, and hand it to its users.",
                    "Find the leaked key by its first characters and its last use.",
                    "Delete it.",
                ),
                notify="the team's owner; look for mail that was sent in its name",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted key cannot be brought back",
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    "the leaked key has full access",
                    KEY_DOCS,
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
        ),
    ),
)
