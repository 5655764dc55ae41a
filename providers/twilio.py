"""Twilio: API keys (main, standard, restricted) and the auth token of an account.

The account resource would name the account, but its answer holds the auth token, so it is never asked: the list of
Verify services lets any working pair in and returns no secret.
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
    Issued,
    Kind,
    ListUnread,
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
    Verdict,
    Writer,
    anywhere,
    as_authority,
    basic,
    dead,
    declares,
    example_value,
    judge,
    live,
    no_authority,
    pages,
    receipt,
    safe_id,
    seen_dead,
    shown_by,
    text_at,
)

IAM, ACCOUNTS, VERIFY = "iam.twilio.com", "accounts.twilio.com", "verify.twilio.com"
KEY_DOCS = "https://www.twilio.com/docs/iam/api-keys"
ROTATION_DOCS = "https://www.twilio.com/docs/iam/api/authtoken"
# A key or token works in the region that it was made in, and there only.
# https://www.twilio.com/docs/global-infrastructure/manage-regional-api-credentials
REGIONS = tuple((f"trunking.{place}.twilio.com", "/v1/Trunks") for place in ("dublin.ie1", "sydney.au1"))
PLACES = ((VERIFY, "/v2/Services"), *REGIONS)
MAIN = "the account's auth token, or a main API key"

ANSWERS = (
    live(200, has=["meta"]),
    dead(401, at="code", codes=["20003"]),
    live(403, "restricted", has=["code"]),  # a restricted key without the right to read Verify services
)


def whoami(reply: Reply) -> Identity:
    """The account, where it has a Verify service or a trunk to name it."""
    return Identity(text_at(reply, "services.0.account_sid") or text_at(reply, "trunks.0.account_sid"))


def as_itself(cred: Credential) -> Auth:
    """The pair: key SID or account SID, and the secret."""
    return basic(cred.parts.get("key_id", ""), cred.secret)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One list of at most one Verify service; other regions, whose keys this one refuses, have no such list but one of trunks."""

    async def ask(place: tuple[str, str]) -> Verdict:
        host, path = place
        reply = await api.get(path, auth=as_itself(cred), params={"PageSize": "1"}, host=host)
        return judge(reply, ANSWERS, api.now, whoami)

    return await anywhere(PLACES, ask)


def owner(api: Reader) -> Auth:
    """The operator's account: SID and auth token."""
    return as_authority(api, "auth_token", lambda token: basic(api.setting("account_sid") or "", token))


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The key's own SID came with it, and the operator's account holds that key."""
    if api.authority("auth_token") is None or api.setting("account_sid") is None:
        return no_authority("account_sid and auth_token")
    sid = safe_id(cred.parts.get("key_id"))
    reply = await api.get(f"/v1/Keys/{sid}", auth=owner(api), host=IAM)
    if reply.trouble is not None or reply.status != 200 or reply.pick("sid") != sid:
        return Unbound("no_match", f"the account does not show this key ({reply.status or reply.trouble})")
    how = "the key's SID is the user name of the leaked pair, and the account holds that key"
    extra = {"policy": "restricted"} if reply.pick("policy") else {}
    return Bound(cred, sid, Proof.EMBEDDED, how, api.setting("account_sid"), extra)


async def bind_standard(cred: Credential, api: Reader) -> Bound | Unbound:
    """A restricted key is replaced by hand: a standard one in its place would have more rights."""
    found = await bind(cred, api)
    if isinstance(found, Bound) and "policy" in found.extra:
        return Unbound("refused", "the leaked key is restricted, and a new standard key would have more rights")
    return found


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a key, for good."""
    reply = await api.send("DELETE", f"/v1/Keys/{safe_id(bound.target)}", auth=owner(api), host=IAM)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


async def issue(bound: Bound, api: Writer) -> Receipt:
    """Make a standard key. Its secret is in this one answer only."""
    form: dict[str, str | Secret] = {"AccountSid": api.setting("account_sid") or "", "FriendlyName": api.mark}
    reply = await api.send("POST", "/v1/Keys", auth=owner(api), form=form, host=IAM)
    told = receipt(
        "issue", Effect.ISSUE, bound, reply, api.now, done=[201], told=lambda r: "done" if text_at(r, "secret") else ""
    )
    sid = safe_id(reply.pick("sid"))
    return replace(told, target=sid, issued=Issued(sid, Secret(str(reply.pick("secret"))), {"key_id": sid}))


async def siblings(bound: Bound, api: Reader) -> list[Sibling] | None:
    """The account's keys by SID and name."""

    async def page(cursor: str | None) -> Reply:
        place = {"PageToken": cursor, "Page": "1"} if cursor else {}
        params = {"AccountSid": api.setting("account_sid") or "", "PageSize": "100", **place}
        return await api.get("/v1/Keys", auth=owner(api), params=params, host=IAM)

    def following(reply: Reply) -> str | None:
        found = text_at(reply, "meta.next_page_url") or ""
        return found.partition("PageToken=")[2].partition("&")[0] or None

    try:
        rows = [Reply("", json=row) async for row in pages(page, "keys", following)]
    except ListUnread:
        return None
    return [Sibling(safe_id(row.pick("sid")), text_at(row, "friendly_name") or "") for row in rows]


async def bind_account(cred: Credential, api: Reader) -> Bound | Unbound:
    """The account SID is the leaked pair's user name, and the pair itself makes the call."""
    sid = safe_id(cred.parts.get("key_id"))
    return Bound(cred, sid, Proof.SECRET_IS_CREDENTIAL, "the leaked pair makes the call, for its own account", sid)


async def promote(bound: Bound, api: Writer) -> Receipt:
    """The secondary auth token becomes the primary one; the leaked primary one fails at once. Refused where there is none."""
    reply = await api.send("POST", "/v1/AuthTokens/Promote", auth=as_itself(bound.credential), host=ACCOUNTS)
    return receipt("promote", Effect.REVOKE, bound, reply, api.now, done=[200])


KEY_ACTIONS = (
    Action("revoke", Effect.REVOKE, revoke, bind, MAIN, KEY_DOCS, authority="auth_token", observe=seen_dead(verify)),
    Action("issue", Effect.ISSUE, issue, bind_standard, MAIN, KEY_DOCS, authority="auth_token", undo="revoke", siblings=siblings),
)
HOLDER = "a secondary token, made and handed out before; whoever holds the leaked one may promote too, so be first"
TOKEN_ACTIONS = (
    # The specification does not say with which of the two tokens it is called. To confirm: promote in a test account.
    Action(
        "promote",
        Effect.REVOKE,
        promote,
        bind_account,
        HOLDER,
        ROTATION_DOCS,
        by="self",
        observe=seen_dead(verify),
        experimental=True,
        confirm="in a test subaccount, make a secondary token, promote it with the first, and see the first refused",
    ),
)

PROVIDER = Provider(
    id="twilio",
    title="Twilio",
    hosts=(VERIFY, *(host for host, _ in REGIONS), IAM, ACCOUNTS),
    docs="https://www.twilio.com/docs/iam",
    obtain="Console, Account, API keys and tokens: the auth token of the account, or of "
    "the subaccount that the leaked one is of.",
    authority={"auth_token": "the account's auth token", "account_sid": "that account's SID (AC..)"},
    kinds=(
        Kind(
            id="twilio_api_key",
            title="Twilio API key",
            pattern=r"[A-Za-z0-9]{32}",
            ambiguous=True,
            needs=("key_id",),
            proves_pair=True,
            owner=OwnerCheck(shown_by(bind), "auth_token", MAIN),
            verify=verify,
            requests=len(PLACES),
            docs=KEY_DOCS,
            identity="the account, where it has a Verify service; the key's SID came with the finding",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://console.twilio.com/us1/account/keys-credentials/api-keys",
                steps=(
                    "Choose the region of the key (US1, IE1, AU1): each has its own.",
                    "Make a new key of the same type and hand it to its users.",
                    "Find the leaked key by its SID (SK..).",
                    "Delete it.",
                ),
                notify="the account's owner",
            ),
            offline=(example_value,),
            actions=KEY_ACTIONS,
            irreversible_loss="a deleted key cannot be brought back; access tokens that it signed stop with it",
        ),
        Kind(
            id="twilio_auth_token",
            title="Twilio auth token",
            pattern=r"[0-9a-f]{32}",
            ambiguous=True,
            needs=("key_id",),
            proves_pair=True,
            verify=verify,
            requests=len(PLACES),
            docs=ROTATION_DOCS,
            identity="the account, where it has a Verify service; its SID came with the finding",
            propagation=Propagation(timedelta(minutes=5), source="a promoted token ends the old one at once; our margin"),
            manual=Manual(
                url="https://console.twilio.com/us1/account/keys-credentials/api-keys",
                steps=(
                    "Open Account, API keys & tokens, Auth tokens, and choose the region: each has its own tokens.",
                    "Create a secondary token and hand it to its users.",
                    "Promote it: the leaked primary token fails at once.",
                ),
                notify="the account's owner",
            ),
            offline=(example_value,),
            actions=TOKEN_ACTIONS,
            irreversible_loss="the old token: webhooks that check its signature must know the new one",
        ),
    ),
)
