"""SendGrid: API keys. The middle part of a key is its id; keys of EU subusers work at the EU host only."""

import json
from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Issued,
    Kind,
    Manual,
    OwnerCheck,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Secret,
    Sibling,
    Unbound,
    Writer,
    as_authority,
    can_read,
    dead,
    everywhere,
    example_value,
    identity_from,
    live,
    no_authority,
    receipt,
    safe_id,
    seen_dead,
    shown_by,
    text_at,
)

DOCS = "https://www.twilio.com/docs/sendgrid/api-reference/api-keys"
KEYS = "/v3/api_keys"
WORLD, EUROPE = HOSTS = ("api.sendgrid.com", "api.eu.sendgrid.com")
NEEDS = "an API key with the scopes api_keys.read, api_keys.create and api_keys.delete"

verify = everywhere(
    HOSTS,
    "/v3/scopes",
    [
        live(200, has=["scopes"]),
        dead(401, has=["errors"]),
        live(403, "restricted", has=["errors"]),
    ],
    identity=identity_from(scopes="scopes"),
)


def home(api: Reader) -> str:
    """Where the operator's account lives."""
    return EUROPE if api.setting("region") == "eu" else WORLD


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The id stands in the key, and the operator's account holds it."""
    if api.authority("api_key") is None:
        return no_authority("api_key")
    id = safe_id(cred.parts.get("key_id"))
    reply = await api.get(f"{KEYS}/{id}", auth=as_authority(api, "api_key"), host=home(api))
    if reply.trouble is not None or reply.status != 200:
        return Unbound("no_match", f"the account does not show this key ({reply.status or reply.trouble})")
    row = Reply("", json=reply.pick("result.0") or reply.json)
    if text_at(row, "api_key_id") != id:
        return Unbound("no_match", "the account answered with another key")
    rights = {"scopes": json.dumps(row.pick("scopes"))} if row.pick("scopes") else {}
    return Bound(cred, id, Proof.EMBEDDED, "the middle part of the key is its id, and the account holds it", None, rights)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key, for good."""
    reply = await api.send("DELETE", f"{KEYS}/{safe_id(bound.target)}", auth=as_authority(api, "api_key"), host=home(api))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


async def issue(bound: Bound, api: Writer) -> Receipt:
    """Make a key with the same scopes. Its value is in this one answer only."""
    scopes = {"scopes": json.loads(bound.extra["scopes"])} if "scopes" in bound.extra else {}
    body = {"name": api.mark, **scopes}
    reply = await api.send("POST", KEYS, auth=as_authority(api, "api_key"), json=body, host=home(api))
    told = receipt(
        "issue", Effect.ISSUE, bound, reply, api.now, done=[201], told=lambda r: "done" if text_at(r, "api_key") else ""
    )
    id = safe_id(reply.pick("api_key_id"))
    return replace(told, target=id, issued=Issued(id, Secret(str(reply.pick("api_key"))), {"key_id": id}))


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The account's keys by id and name."""
    reply = await api.get(KEYS, auth=as_authority(api, "api_key"), host=home(api))
    found = reply.pick("result") if reply.status == 200 and reply.trouble is None else None
    if not isinstance(found, list):
        return None
    rows = [Reply("", json=row) for row in found if isinstance(row, dict)]
    return [Sibling(safe_id(row.pick("api_key_id")), text_at(row, "name") or "") for row in rows]


PROVIDER = Provider(
    id="sendgrid",
    title="SendGrid",
    hosts=HOSTS,
    docs=DOCS,
    obtain="Settings, API Keys: make a key with Restricted Access and just API Keys.",
    authority={"api_key": NEEDS, "region": "`eu` when that account lives at the EU host"},
    check_authority=can_read("api_key", {"api_keys.read": KEYS}),
    kinds=(
        Kind(
            id="sendgrid_key",
            title="SendGrid API key",
            pattern=r"SG\.(?P<key_id>[A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{43}",
            owner=OwnerCheck(shown_by(bind), "api_key", "api_keys.read"),
            verify=verify,
            docs="https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions/retrieve-a-list-of-scopes-for-which-this-user-has-access",
            identity="the key's scopes",
            propagation=Propagation(timedelta(minutes=5)),
            requests=2,
            manual=Manual(
                url="https://app.sendgrid.com/settings/api_keys",
                steps=(
                    "Make a new key with the same permissions and hand it to its users.",
                    "Find the leaked key by its id: the middle part of the key.",
                    "Delete it.",
                ),
                notify="the account's owner; look for mail that was sent in its name",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted key cannot be brought back",
            actions=(
                Action("revoke", Effect.REVOKE, revoke, bind, NEEDS, DOCS, authority="api_key", observe=seen_dead(verify)),
                Action("issue", Effect.ISSUE, issue, bind, NEEDS, DOCS, authority="api_key", undo="revoke", siblings=siblings),
            ),
        ),
    ),
)
