"""Azure OpenAI and AI Foundry: the two keys of a resource, at the resource's own host.

A key is worth nothing without its host, and a wrong host refuses it in the same way. Azure Resource Manager shows both
keys to who may list them, so the leaked one is found by comparing values here; it is made anew, never deleted.
"""

from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Issued,
    Kind,
    ListUnread,
    Manual,
    Mutation,
    Observer,
    Proof,
    Propagation,
    Provider,
    Read,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Validity,
    Verdict,
    Writer,
    as_authority,
    at_its_host,
    dead,
    decided,
    declares,
    example_value,
    header,
    live,
    no_authority,
    opposite,
    receipt,
    safe_id,
    seen_dead,
    text_at,
    unsure,
)

DOCS = "https://learn.microsoft.com/azure/ai-foundry/openai/reference"
KEY_DOCS = "https://learn.microsoft.com/azure/ai-services/rotate-keys"
LOCAL_DOCS = "https://learn.microsoft.com/azure/ai-services/disable-local-auth"
ARM = "management.azure.com"
SHARED = ".api.cognitive.microsoft.com"  # REGION.api...: every resource of the region without a name of its own
SHARED_HOST = "shared_host"
VERSION = "api-version=2025-09-01"
ACCOUNTS = "providers/Microsoft.CognitiveServices/accounts"
LIST_KEYS = f"/subscriptions/*/resourceGroups/*/{ACCOUNTS}/*/listKeys?{VERSION}"
RESOURCE = r"/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.CognitiveServices/accounts/[\w.-]+"
KEYS = {"key1": "Key1", "key2": "Key2"}  # as a list names them -> as a change does
NEEDS = "Microsoft.CognitiveServices/accounts/listKeys/action, regenerateKey/action, read and write on the account"

listed = at_its_host(
    "/openai/models?api-version=2024-10-21",
    [
        live(200, has=["data"]),
        dead(401, "refused_by_host", has=["error"]),
        unsure(403, "keys_not_permitted", at="error.code", codes=["AuthenticationTypeDisabled"]),
        unsure(403, "network_refused"),  # a network rule, or a blocked resource
        unsure(404, "wrong_host"),  # a resource of another kind
    ],
    auth=lambda cred: header("api-key", cred.secret),
)


@declares(
    decided(Validity.DEAD, SHARED_HOST, "the host is one of a whole region: its refusal may be about another sort of resource"),
    *listed.answers,
)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """List the models at the key's own host. Keys of Speech, Vision and others have the same form, and share a region's host."""
    verdict = await listed(cred, api)
    shared = cred.parts.get("host", "").partition(":")[0].casefold().endswith(SHARED)
    return replace(verdict, reason=SHARED_HOST) if shared and verdict.validity is Validity.DEAD else verdict


def at_host(row: object, host: str) -> bool:
    """Whether an account's row names this host among its endpoints."""
    reply = Reply("", json=row)
    every = reply.pick("properties.endpoints")
    found = [text_at(reply, "properties.endpoint"), *(every.values() if isinstance(every, dict) else ())]
    return any(isinstance(url, str) and url.casefold().rstrip("/") == f"https://{host.casefold()}" for url in found)


async def resource(cred: Credential, api: Reader) -> str | None:
    """The resource id of the account that answers at the key's host. Raises ListUnread."""
    path = f"/subscriptions/{safe_id(api.setting('subscription'))}/{ACCOUNTS}?{VERSION}"
    reply = await api.get(path, auth=as_authority(api, "arm_token"), host=ARM)
    rows = reply.pick("value") if reply.status == 200 and reply.trouble is None else None
    if not isinstance(rows, list):
        raise ListUnread(reply)
    found = [row["id"] for row in rows if isinstance(row, dict) and "id" in row and at_host(row, cred.parts.get("host", ""))]
    if not found and reply.pick("nextLink"):
        raise ListUnread(reply)
    return safe_id(found[0], RESOURCE) if len(found) == 1 else None


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Compare the value with both keys of the account, here."""
    if api.authority("arm_token") is None or api.setting("subscription") is None:
        return no_authority("arm_token and subscription")
    try:
        home = await resource(cred, api)
    except ListUnread as unread:
        return unread.unbound()
    if home is None:
        return Unbound("no_match", "not exactly one account of the subscription answers at this host")
    reply = await api.query(f"{home}/listKeys?{VERSION}", auth=as_authority(api, "arm_token"), json={}, host=ARM)
    shown = {name: text_at(reply, at) for at, name in KEYS.items()} if reply.status == 200 and reply.trouble is None else {}
    same = [name for name, value in shown.items() if value and Secret(value).same_as(cred.secret)]
    if not same:
        return Unbound("no_match", "neither key of the account has this value, or they were not shown")
    how = f"{same[0]} of the account has this very value"
    return Bound(cred, same[0], Proof.UNIQUE_HASH, how, home.rpartition("/")[2], {"resource": home})


async def rotate(bound: Bound, api: Writer) -> Receipt:
    """Make this key anew. The old value ends at once; the other key goes on."""
    path = f"{safe_id(bound.extra.get('resource'), RESOURCE)}/regenerateKey?{VERSION}"
    reply = await api.send("POST", path, auth=as_authority(api, "arm_token"), json={"keyName": bound.target}, host=ARM)
    new = text_at(reply, bound.target.casefold()) or ""
    told = receipt("rotate", Effect.ISSUE, bound, reply, api.now, done=[200], told=lambda _: "done" if new else "")
    return replace(told, issued=Issued(bound.target, Secret(new), {"host": bound.credential.parts.get("host", "")}))


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Make this key anew and drop the new value: whoever needs it reads it in the portal."""
    path = f"{safe_id(bound.extra.get('resource'), RESOURCE)}/regenerateKey?{VERSION}"
    reply = await api.send("POST", path, auth=as_authority(api, "arm_token"), json={"keyName": bound.target}, host=ARM)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


def switch(action: str, effect: Effect, *, off: bool) -> Mutation:
    """Refuse all keys of the account, or take them again."""

    async def run(bound: Bound, api: Writer) -> Receipt:
        path = f"{safe_id(bound.extra.get('resource'), RESOURCE)}?{VERSION}"
        body = {"properties": {"disableLocalAuth": off}}
        reply = await api.send("PATCH", path, auth=as_authority(api, "arm_token"), json=body, host=ARM)
        return receipt(action, effect, bound, reply, api.now, done=[200, 202])

    return run


async def is_off(bound: Bound, api: Reader) -> bool | None:
    """Look whether the account refuses keys; it takes them when it says nothing of it."""
    path = f"{safe_id(bound.extra.get('resource'), RESOURCE)}?{VERSION}"
    now = await api.get(path, auth=as_authority(api, "arm_token"), host=ARM)
    if now.status != 200 or now.trouble is not None or now.pick("properties") is None:
        return None
    return now.pick("properties.disableLocalAuth") is True


def _switch(id: str, effect: Effect, undo: str, seen: Observer, *, off: bool) -> Action:
    return Action(
        id,
        effect,
        switch(id, effect, off=off),
        bind,
        NEEDS,
        LOCAL_DOCS,
        authority="arm_token",
        undo=undo,
        observe=seen,
        experimental=True,  # it stops the account's other key too, and nothing says how soon
        confirm="set disableLocalAuth on a test account, and measure how long both of its keys still work",
    )


ACTIONS = (
    Action("rotate", Effect.ISSUE, rotate, bind, NEEDS, KEY_DOCS, authority="arm_token", replaces=True),
    Action("revoke", Effect.REVOKE, revoke, bind, NEEDS, KEY_DOCS, authority="arm_token", observe=seen_dead(verify)),
    _switch("suspend_keys", Effect.SUSPEND, "restore_keys", is_off, off=True),
    _switch("restore_keys", Effect.RESTORE, "suspend_keys", opposite(is_off), off=False),
)


def _kind(id: str, title: str, pattern: str, labels: dict[str, tuple[str, ...]], *, ambiguous: bool) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        labels={"trufflehog": ("AzureOpenAI",), "github": ("azure_openai_key",), **labels},
        needs=("host",),
        host_from="host",
        local_refusals=(SHARED_HOST,),
        verify=verify,
        docs=DOCS,
        identity="none but the host, which is the finding's own",
        propagation=Propagation(timedelta(minutes=5), source="documented as immediate; our margin"),
        manual=Manual(
            url="https://portal.azure.com/#browse/Microsoft.CognitiveServices%2Faccounts",
            steps=(
                "Open the resource that the host names, Keys and Endpoint, and see which of the two keys leaked.",
                "Move its users to the other key.",
                "Regenerate the leaked key. When both leaked: regenerate one, move the users, regenerate the other.",
            ),
            notify="the subscription's owners",
        ),
        offline=(example_value,),
        irreversible_loss="the old value of this one key; the account's other key goes on",
        actions=ACTIONS,
    )


PROVIDER = Provider(
    id="azure_openai",
    title="Azure OpenAI",
    hosts=(ARM,),
    docs=DOCS,
    reads=(Read(LIST_KEYS),),
    obtain="Give a service principal a role with the actions on the account, then `az account "
    "get-access-token` for management.azure.com.",
    authority={
        "arm_token": f"access token for Azure Resource Manager with {NEEDS}",
        "subscription": "the subscription whose accounts are searched",
    },
    kinds=(
        _kind(
            "azure_openai_key",
            "Azure OpenAI key",
            r"[A-Za-z0-9+/]{52}JQQJ99[A-Za-z0-9+/]{10,16}AAA[A-Z][A-Za-z0-9+/]{0,4}ACOG[A-Za-z0-9+/=]{2,6}",
            {"kingfisher": ("kingfisher.azureopenai.2",)},
            ambiguous=False,
        ),
        _kind(
            "azure_openai_legacy_key",
            "Azure OpenAI key (32 hex digits)",
            r"[0-9a-f]{32}",
            {"kingfisher": ("kingfisher.azureopenai.1",)},
            ambiguous=True,
        ),
    ),
)
