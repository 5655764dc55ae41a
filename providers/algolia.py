"""Algolia: API keys of an application. The finding must name the application's host (APPID.algolia.net).

A key asks about itself: its value stands in the address, which is shown nowhere. Deleting a key can be taken back, so
it is a suspension. The admin key itself can only be regenerated in the dashboard.
"""

import base64
import re
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Mutation,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Verdict,
    Writer,
    as_authority,
    dead,
    declares,
    example_value,
    expired_offline,
    guided,
    header,
    identity_from,
    judge,
    live,
    no_authority,
    opposite,
    receipt,
    skip,
)

DOCS = "https://www.algolia.com/doc/rest-api/search/get-api-key"
DELETE_DOCS = "https://www.algolia.com/doc/rest-api/search/delete-api-key"
RESTORE_DOCS = "https://www.algolia.com/doc/rest-api/search/restore-api-key"
NEEDS = "an admin API key of the same application"

ANSWERS = (
    live(200, has=["acl"]),
    dead(403, says="Invalid Application-ID or API key", has=["message"]),
    live(403, "restricted", says="Method not allowed with this API key", has=["message"]),
)


def key(secret: Secret) -> Auth:
    """Algolia's own header."""
    return header("X-Algolia-API-Key", secret)


def application(cred: Credential) -> dict[str, str]:
    """The application's id is the first name of its host, which may end in `-dsn` or in the number of a server."""
    name = re.sub(r"-(?:dsn|\d)$", "", cred.parts.get("host", "").partition(".")[0])
    return {"X-Algolia-Application-Id": name.upper()}


def path(cred: Credential) -> str:
    """Where the key stands, by its own value."""
    return f"/1/keys/{cred.secret.reveal()}"


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The key's own rights."""
    reply = await api.get(path(cred), auth=key(cred.secret), headers=application(cred), host=cred.parts.get("host"))
    return judge(reply, ANSWERS, api.now, identity_from(scopes="acl"))


def over(cred: Credential, now: datetime) -> Verdict | None:
    """Read the end that a secured key carries (`validUntil`); skip what is none."""
    try:
        text = base64.b64decode(cred.secret.reveal()).decode("ascii")
        end = parse_qs(text[64:], max_num_fields=50).get("validUntil", [""])[0]
    except ValueError:
        return skip("malformed")
    if not re.fullmatch(r"[0-9a-f]{64}[\w=&%.,:+\[\]\"' -]*", text):
        return skip("malformed")
    return expired_offline() if re.fullmatch(r"\d{1,12}", end) and int(end) < now.timestamp() else None


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The address carries this very key."""
    if api.authority("admin_key") is None:
        return no_authority("admin_key")
    return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the address carries this very key, and reaches no other")


def _change(action: str, effect: Effect, method: str, below: str) -> Mutation:
    async def run(bound: Bound, api: Writer) -> Receipt:
        cred = bound.credential
        auth = as_authority(api, "admin_key", key)
        reply = await api.send(method, path(cred) + below, auth=auth, headers=application(cred), host=cred.parts.get("host"))
        return receipt(action, effect, bound, reply, api.now, done=[200])

    return run


async def is_deleted(bound: Bound, api: Reader) -> bool | None:
    """Ask about the key with the admin key: 404 when it is deleted."""
    cred = bound.credential
    auth = as_authority(api, "admin_key", key)
    reply: Reply = await api.get(path(cred), auth=auth, headers=application(cred), host=cred.parts.get("host"))
    if reply.trouble is not None or reply.json is None:
        return None
    return {200: False, 404: True}.get(reply.status or 0)


SUSPEND = _change("suspend", Effect.SUSPEND, "DELETE", "")
RESTORE = _change("restore", Effect.RESTORE, "POST", "/restore")

PROVIDER = Provider(
    id="algolia",
    title="Algolia",
    hosts=(),
    docs="https://www.algolia.com/doc/guides/security/api-keys",
    obtain="Dashboard, Settings, API Keys, Your API keys: copy the Admin API key. It cannot be narrowed; keep it in a vault.",
    authority={"admin_key": NEEDS},
    kinds=(
        Kind(
            id="algolia_admin_key",
            title="Algolia API key",
            pattern=r"[0-9a-f]{32}",
            ambiguous=True,
            host_from="host",
            verify=verify,
            docs=DOCS,
            identity="the key's rights; the application came with the finding",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                url="https://dashboard.algolia.com/account/api-keys/all",
                steps=(
                    "Open the application, API keys.",
                    "An admin key: regenerate it. Any other key: make a new one with the same rights, then delete the leaked one.",
                    "Secured keys that were made from the leaked key stop with it.",
                ),
                notify="the application's owner",
            ),
            offline=(example_value,),
            actions=(
                Action(
                    "suspend",
                    Effect.SUSPEND,
                    SUSPEND,
                    bind,
                    NEEDS,
                    DELETE_DOCS,
                    authority="admin_key",
                    undo="restore",
                    observe=is_deleted,
                ),
                Action(
                    "restore",
                    Effect.RESTORE,
                    RESTORE,
                    bind,
                    NEEDS,
                    RESTORE_DOCS,
                    authority="admin_key",
                    undo="suspend",
                    observe=opposite(is_deleted),
                ),
            ),
        ),
        guided(
            "algolia_secured_key",
            "Algolia secured API key",
            r"[A-Za-z0-9+/]{96,600}={0,2}",
            docs="https://www.algolia.com/doc/guides/security/api-keys/how-to/user-restricted-access-to-data",
            why="a search would be billed; its limits and its end stand in it",
            manual=Manual(
                "https://dashboard.algolia.com/account/api-keys/all",
                (
                    "It ends by itself (validUntil), or with the key that made it.",
                    "Sooner: delete the parent key, and make another.",
                ),
                notify="the application's owner",
                proves="its end is over, or its parent key is deleted",
            ),
            ambiguous=True,
            offline=(over,),
            labels={"list": ("algolia_secured_key",)},
        ),
    ),
)
