"""Linode (Akamai): personal access tokens. A list shows their beginnings only, so none is bound by it."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Unbound,
    Writer,
    absent,
    as_authority,
    bearer,
    can_read,
    dead,
    example_value,
    guided,
    identity_from,
    live,
    no_authority,
    probe,
    receipt,
    safe_id,
    text_at,
    time_at,
)
from revoker.sdk import Sibling as Listed

DOCS = "https://techdocs.akamai.com/linode-api/reference/get-profile"
DELETE_DOCS = "https://techdocs.akamai.com/linode-api/reference/delete-personal-access-token"
TOKENS = "/v4/profile/tokens"


async def rows(api: Reader) -> list[Reply] | None:
    """The tokens of the authority's own user; None when they cannot be read to their end."""
    reply = await api.get(TOKENS, auth=as_authority(api, "token"), params={"page_size": "500"})
    found = reply.pick("data") if reply.status == 200 and reply.trouble is None and reply.pick("pages") == 1 else None
    return [Reply("", json=row) for row in found if isinstance(row, dict)] if isinstance(found, list) else None


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the user's tokens that begin like this one. A beginning is a label, not a proof."""
    if api.authority("token") is None:
        return no_authority("token")
    listed = await rows(api)
    if listed is None:
        return Unbound("refused", "the list of tokens could not be read to its end")
    value = cred.secret.reveal()
    found = [row for row in listed if (start := text_at(row, "token")) and value.startswith(start)]
    if not found:
        return Unbound("no_match", "none of this user's tokens begins like this one")
    shown = ", ".join(f"{text_at(row, 'id')} ({text_at(row, 'label')})" for row in found[:20])
    return Unbound("label_only", f"tokens that begin like this one: {shown}; a person must confirm which")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a token by its id, for good and at once."""
    reply = await api.send("DELETE", f"{TOKENS}/{safe_id(bound.target)}", auth=as_authority(api, "token"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=[404])


async def siblings(bound: Bound, api: Reader) -> list[Listed] | None:
    """All tokens of the user."""
    listed = await rows(api)
    return (
        None
        if listed is None
        else [Listed(safe_id(r.pick("id")), text_at(r, "label") or "", time_at(r, "created")) for r in listed]
    )


PROVIDER = Provider(
    id="linode",
    title="Linode (Akamai)",
    hosts=("api.linode.com",),
    docs="https://techdocs.akamai.com/linode-api/reference/api",
    obtain="Cloud Manager, API Tokens, as the same user: make a token with read and write on Account alone.",
    authority={"token": "token of the same user with account:read_write"},
    check_authority=can_read("token", {"account:read_write": TOKENS}),
    kinds=(
        Kind(
            id="linode_token",
            title="Linode personal access token",
            pattern=r"[0-9a-f]{64}",
            verify=probe(
                "/v4/profile",
                [live(200, has=["username"]), dead(401, has=["errors"]), live(403, "restricted", has=["errors"])],
                identity=identity_from(account="username", principal="email"),
                auth=bearer,
            ),
            docs=DOCS,
            identity="user name and mail address",
            propagation=Propagation(timedelta(minutes=5), source="documented as immediate; our margin"),
            manual=Manual(
                "https://cloud.linode.com/profile/tokens",
                (
                    "Sign in as the token's user, and find it by its label and end.",
                    "Make a new one with the same scopes and hand it to its users.",
                    "Revoke the leaked one.",
                ),
                notify="the user, and the account's unrestricted users",
            ),
            offline=(example_value,),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    "account:read_write of the same user",
                    DELETE_DOCS,
                    authority="token",
                    observe=absent(siblings),
                ),
            ),
            irreversible_loss="a revoked token cannot be brought back",
            ambiguous=True,
        ),
        guided(
            "linode_object_storage_key",
            "Linode object storage secret key",
            r"[A-Za-z0-9]{40}",
            docs="https://techdocs.akamai.com/linode-api/reference/delete-object-storage-key",
            why="a signed request would read buckets",
            manual=Manual(
                "https://cloud.linode.com/object-storage/access-keys",
                ("Find the key by its access key id.", "Make another with the same access, hand it to its users.", "Revoke it."),
                notify="the account's unrestricted users",
                proves="the list of access keys holds the id no more",
            ),
            needs=("key_id",),
            ambiguous=True,
            labels={"list": ("linode_object_storage_key",)},
        ),
    ),
)
