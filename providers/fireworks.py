"""Fireworks AI: API keys. The list of a user's keys shows prefixes only, so a person confirms which one leaked."""

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
    Residual,
    Unbound,
    Writer,
    as_authority,
    can_read,
    dead,
    example_value,
    identity_from,
    live,
    no_authority,
    pages,
    probe,
    receipt,
    safe_id,
    seen_dead,
    text_at,
)

DOCS = "https://docs.fireworks.ai/guides/inference-error-codes"
ADMIN_DOCS = "https://docs.fireworks.ai/api-reference/delete-api-key"
NEEDS = "a key of the account's admin; `account` and `user` name whose keys are looked at"

verify = probe(
    "/v1/accounts",
    [live(200, has=["accounts"]), dead(401), live(402, "no_quota"), live(403, "restricted"), live(412, "no_quota")],
    identity=identity_from(account="accounts.0.name"),
)


def home(api: Reader) -> str:
    """Where the keys of the configured user are listed."""
    return f"/v1/accounts/{safe_id(api.setting('account'))}/users/{safe_id(api.setting('user'))}/apiKeys"


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the listed keys whose prefix this value has. A prefix is a label, not a proof."""
    if api.authority("api_key") is None or api.setting("account") is None or api.setting("user") is None:
        return no_authority("api_key, account and user")

    async def ask(cursor: str | None) -> Reply:
        return await api.get(home(api), auth=as_authority(api, "api_key"), params={"pageToken": cursor} if cursor else {})

    try:
        rows = [Reply("", json=row) async for row in pages(ask, "apiKeys", lambda reply: text_at(reply, "nextPageToken") or None)]
    except ListUnread as unread:
        return unread.unbound()
    fitting = [row for row in rows if cred.secret.reveal().startswith(text_at(row, "prefix") or "\0")]
    shown = ", ".join(f"{text_at(row, 'keyId')} ({text_at(row, 'displayName')})" for row in fitting[:20])
    if not fitting:
        return Unbound("no_match", "no listed key has a prefix of this value")
    return Unbound("several_matches" if len(fitting) > 1 else "label_only", f"listed with a prefix of this value: {shown}")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key by its id, for good."""
    reply = await api.send(
        "POST", f"{home(api)}:delete", auth=as_authority(api, "api_key"), json={"keyId": safe_id(bound.target)}
    )
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=[404])


PROVIDER = Provider(
    id="fireworks",
    title="Fireworks AI",
    hosts=("api.fireworks.ai",),
    docs="https://docs.fireworks.ai/api-reference",
    obtain="Settings, API Keys, as an admin of the account.",
    authority={"api_key": NEEDS, "account": "the account's id", "user": "the id of the user who owns the key"},
    check_authority=can_read("api_key", {"accounts": "/v1/accounts"}),
    kinds=(
        Kind(
            id="fireworks_api_key",
            title="Fireworks AI key",
            pattern=r"fw_[A-Za-z0-9]{22,48}",
            labels={"other": ("fireworks_api_key",)},
            verify=verify,
            docs=DOCS,
            identity="account",
            propagation=Propagation(timedelta(minutes=15)),
            residual=(Residual("keys that were made with the leaked one", None, "look through the user's keys"),),
            manual=Manual(
                url="https://app.fireworks.ai/settings/users/api-keys",
                steps=(
                    "Make a new key and hand it to its users.",
                    "Find the leaked key by its prefix and delete it.",
                    "Delete every key since the leak that nobody knows: the leaked one acts as its user.",
                ),
                notify="the account's admins",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted key cannot be brought back",
            actions=(
                Action("revoke", Effect.REVOKE, revoke, bind, NEEDS, ADMIN_DOCS, authority="api_key", observe=seen_dead(verify)),
            ),
        ),
    ),
)
