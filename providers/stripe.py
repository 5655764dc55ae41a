"""Stripe: secret and restricted keys, live and test.

Keys are rolled in the dashboard. The API for keys is a private preview that shows them redacted: it is declared as
experimental, and its list names candidates for a person only.
"""

import re
from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Identity,
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
    as_authority,
    by_hint,
    dead,
    example_value,
    guided,
    known_examples,
    live,
    no_authority,
    pages,
    probe,
    receipt,
    safe_id,
    text_at,
)

DOCS = "https://docs.stripe.com/keys"
KEYS = "/v2/iam/api_keys"
OWNER = "a secret key with access to the private preview of the API for keys"

ANSWERS = (
    live(200, has=["id"]),
    dead(401, "expired", says="Expired API Key"),
    dead(401, says="Invalid API Key"),
    live(403, "restricted", has=["error"]),  # a restricted key without this right, or an address that it does not allow
)


def whoami(reply: Reply) -> Identity:
    """The account, which the refusal of a restricted key names too."""
    named = re.search(r"\bacct_\w{8,40}", text_at(reply, "error.message") or "")
    account = text_at(reply, "id") or (named[0] if named else None)
    return Identity(account, text_at(reply, "settings.dashboard.display_name"))


def preview(api: Reader) -> dict[str, str]:
    """The version header that opens the preview."""
    return {"Stripe-Version": api.setting("preview_version") or ""}


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """Name the listed key that begins and ends like this one."""
    if api.authority("secret_key") is None or api.setting("preview_version") is None:
        return no_authority("secret_key and preview_version")

    async def ask(cursor: str | None) -> Reply:
        params = {"limit": "100"} | ({"page": cursor} if cursor else {})
        return await api.get(KEYS, auth=as_authority(api, "secret_key"), headers=preview(api), params=params)

    def following(reply: Reply) -> str | None:
        return (text_at(reply, "next_page_url") or "").partition("page=")[2].partition("&")[0] or None

    try:
        rows = [Reply("", json=row) async for row in pages(ask, "data", following)]
    except ListUnread as unread:
        return unread.unbound()
    return by_hint(cred, [(f"{text_at(r, 'id')} ({text_at(r, 'name')})", r.pick("secret_token_redacted")) for r in rows])


async def expire(bound: Bound, api: Writer) -> Receipt:
    """Expire a key by its id, for good."""
    path = f"{KEYS}/{safe_id(bound.target)}/expire"
    reply = await api.send("POST", path, auth=as_authority(api, "secret_key"), headers=preview(api), json={})
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


async def is_expired(bound: Bound, api: Reader) -> bool | None:
    """Look at the key's status."""
    now = await api.get(f"{KEYS}/{safe_id(bound.target)}", auth=as_authority(api, "secret_key"), headers=preview(api))
    status = text_at(now, "status") if now.status == 200 else None
    return None if status is None else status == "expired"


def _kind(id: str, title: str, prefix: str, *steps: str) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=rf"{prefix}_(?P<mode>live|test)_[0-9A-Za-z]{{16,250}}",
        verify=probe("/v1/account", ANSWERS, identity=whoami),
        docs=DOCS,
        identity="account id; live or test mode stands in the key itself",
        propagation=Propagation(timedelta(minutes=15), source="a third party says that expiry is not instant; our margin"),
        manual=Manual("https://dashboard.stripe.com/apikeys", steps, notify="the account's administrators"),
        offline=(known_examples("2cafc0970149a84f3b9e62eaf169f36f59907a3b3e31f7b82e68c69cd27f7326"), example_value),
        irreversible_loss="an expired key cannot be brought back",
        actions=(
            Action(
                "revoke",
                Effect.REVOKE,
                expire,
                bind,
                OWNER,
                DOCS,
                authority="secret_key",
                observe=is_expired,
                experimental=True,
                confirm="with the preview granted, expire a test mode key, and see /v1/balance refuse it",
            ),
        ),
    )


def _by_hand(id: str, title: str, pattern: str, why: str, page: str, *steps: str) -> Kind:
    manual = Manual(page, steps, notify="the account's administrators", proves="the dashboard shows another secret")
    return guided(id, title, pattern, docs=DOCS, why=why, manual=manual, labels={"list": (id,)})


PROVIDER = Provider(
    id="stripe",
    title="Stripe",
    hosts=("api.stripe.com",),
    docs="https://docs.stripe.com/api",
    obtain="Ask Stripe for the preview; then Developers, API keys: a restricted key with access to API keys.",
    authority={"secret_key": OWNER, "preview_version": "the Stripe-Version that the preview was granted for"},
    kinds=(
        _kind(
            "stripe_secret_key",
            "Stripe secret key",
            "sk",
            "Open Developers, API keys, in the key's mode (live or test).",
            "Roll the key: choose when the old one ends (now, when it is abused), and hand the new one to its users.",
            "A key that a platform manages is rolled at that platform.",
        ),
        _kind(
            "stripe_restricted_key",
            "Stripe restricted key",
            "rk",
            "Open Developers, API keys, in the key's mode (live or test).",
            "Find it by its last characters; make a new one with the same permissions and hand it to its users.",
            "Roll or delete the leaked one.",
        ),
        _by_hand(
            "stripe_organization_key",
            "Stripe organisation key",
            r"sk_org_(?:live|test)_[0-9A-Za-z]{16,250}",
            "it works for an account that must be named beside it, and the key names none",
            "https://dashboard.stripe.com/org/api-keys",
            "Open the organisation's API keys, and find it by its last characters.",
            "Roll it: choose when the old one ends (now, when it is abused), and hand the new one to its users.",
        ),
        _by_hand(
            "stripe_webhook_secret",
            "Stripe webhook signing secret",
            r"whsec_[A-Za-z0-9+/=]{32,80}",
            "it signs what Stripe sends, and no call takes it",
            "https://dashboard.stripe.com/webhooks",
            "Open the endpoint that has this secret, and roll its signing secret; the old one may be kept for a day.",
            "Hand the new one to the service that checks signatures, and look for events that Stripe did not send.",
        ),
    ),
)
