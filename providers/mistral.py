"""Mistral: API keys.

A key may belong to one region, so all three are asked before it counts as dead. A key names its own id, which the
Admin API of Enterprise organisations (a preview) deletes.
"""

from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Identity,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
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
    can_read,
    dead,
    declares,
    everywhere,
    example_value,
    header,
    live,
    no_authority,
    receipt,
    safe_id,
    seen_dead,
    text_at,
)

DOCS = "https://docs.mistral.ai/api"
HOSTS = ("api.mistral.ai", "api.eu.mistral.ai", "api.us.mistral.ai")
KEYS = "/v1/admin/api-keys"
NEEDS = "an admin key of an Enterprise organisation (the Admin API is a preview)"

listed = everywhere(HOSTS, "/v1/models", [live(200, has=["data"]), live(402, "no_quota"), live(403, "restricted"), dead(401)])


def by_key(secret: Secret) -> Auth:
    """The admin key in `x-api-key`."""
    return header("x-api-key", secret)


async def me(cred: Credential, api: Reader) -> Reply:
    """What the key says about itself, from the first region that knows it; otherwise the last region's answer."""
    for host in HOSTS:
        reply = await api.get("/v1/users/me", auth=bearer(cred.secret), host=host)
        if reply.status == 200 and reply.trouble is None and text_at(reply, "api_key.id"):
            break
    return reply


@declares(*listed.answers)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The list of models, which costs nothing; and whose key it is, when it is live."""
    verdict = await listed(cred, api)
    if verdict.validity is not Validity.LIVE:
        return verdict
    reply = await me(cred, api)
    if reply.status != 200 or reply.trouble is not None:
        return verdict
    account = text_at(reply, "organization.id") or text_at(reply, "organization")
    return replace(verdict, identity=Identity(account, text_at(reply, "email") or text_at(reply, "id")))


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The key itself says under which id it is listed."""
    if api.authority("admin_key") is None:
        return no_authority("admin_key")
    reply = await me(cred, api)
    id = text_at(reply, "api_key.id") if reply.status == 200 and reply.trouble is None else None
    if id is None:
        return Unbound("no_match", f"the key does not tell its own id ({reply.status or reply.trouble})")
    return Bound(
        cred, safe_id(id), Proof.SELF_ENDPOINT, f"the key itself says that it is {id}", text_at(reply, "organization.id")
    )


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete the key by its id, for good. A 404 is a refusal: the id may be another organisation's."""
    reply = await api.send("DELETE", f"{KEYS}/{safe_id(bound.target)}", auth=as_authority(api, "admin_key", by_key))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 204])


PROVIDER = Provider(
    id="mistral",
    title="Mistral AI",
    hosts=HOSTS,
    docs=DOCS,
    obtain="Admin console, API keys, of an Enterprise organisation with the preview.",
    authority={"admin_key": NEEDS},
    check_authority=can_read("admin_key", {"API keys of the organisation": KEYS}, auth=by_key),
    kinds=(
        Kind(
            id="mistral_api_key",
            title="Mistral API key",
            pattern=r"[A-Za-z0-9]{32}",
            ambiguous=True,
            labels={
                "kingfisher": ("kingfisher.mistral.1", "betterleaks.mistral-api-key"),
                "github": ("mistral_ai_api_key",),
            },
            verify=verify,
            requests=6,
            docs=DOCS,
            identity="organisation, and the owner's e-mail",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://console.mistral.ai/api-keys",
                steps=(
                    "Make a new key in the same workspace and hand it to its users.",
                    "Find the leaked key by its last four characters and delete it.",
                    "An organisation's admin sees all keys at admin.mistral.ai.",
                ),
                notify="the key's owner, whom the check names",
            ),
            offline=(example_value,),
            irreversible_loss="a deleted key cannot be brought back",
            actions=(
                Action("revoke", Effect.REVOKE, revoke, bind, NEEDS, DOCS, authority="admin_key", observe=seen_dead(verify)),
            ),
        ),
    ),
)
