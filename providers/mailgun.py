"""Mailgun: API keys, at two regions. A key of the new form may also be a domain's sending key or a webhook signing key.

Those two are refused by every account call though they work, so the refusal of a key of the new form proves nothing.
"""

from datetime import timedelta

from revoker.sdk import (
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Reply,
    Verdict,
    anywhere,
    basic,
    dead,
    declares,
    example_value,
    guided,
    judge,
    live,
    text_at,
    unsure,
)

DOCS = "https://documentation.mailgun.com/docs/mailgun/api-reference/api-overview"
HOSTS = ("api.mailgun.net", "api.eu.mailgun.net")

LIVE = (live(200, has=["items"]), live(403, "restricted", has=["message"]))
REFUSED = (dead(401, says="invalid private key"), dead(401, says="forbidden", json=False))
UNSURE = (
    unsure(401, "refused_or_sending_key", says="invalid private key"),
    unsure(401, "refused_or_sending_key", says="forbidden", json=False),
)


def whoami(reply: Reply) -> Identity:
    """The first domain of the account."""
    return Identity(principal=text_at(reply, "items.0.name"))


@declares(*LIVE, *REFUSED, *UNSURE)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One domain of the account, at each region."""
    answers = (*LIVE, *(REFUSED if cred.secret.reveal().startswith("key-") else UNSURE))

    async def ask(host: str) -> Verdict:
        reply = await api.get("/v4/domains", auth=basic("api", cred.secret), params={"limit": "1"}, host=host)
        return judge(reply, answers, api.now, whoami)

    return await anywhere(HOSTS, ask)


PROVIDER = Provider(
    id="mailgun",
    title="Mailgun",
    hosts=HOSTS,
    docs=DOCS,
    kinds=(
        Kind(
            id="mailgun_key",
            title="Mailgun API key",
            pattern=r"key-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}",
            verify=verify,
            docs=DOCS,
            identity="a domain of the account",
            propagation=Propagation(timedelta(hours=48), source="GitGuardian says that a reset primary key works for 48 hours"),
            requests=2,
            manual=Manual(
                url="https://app.mailgun.com/settings/api_security",
                steps=(
                    "Open the profile, API Security (a domain's sending keys stand under Domain settings).",
                    "Make a new key with the same role and hand it to its users; the last key cannot be deleted before.",
                    "Delete the leaked one.",
                ),
                notify="the account's owner; look for mail that was sent in its name",
            ),
            offline=(example_value,),
        ),
        guided(
            "mailgun_signing_key",
            "Mailgun webhook signing key",
            r"[0-9a-f]{32}(?:-[0-9a-f]{8}-[0-9a-f]{8})?",
            docs="https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
            why="it signs what Mailgun sends, and no call takes it",
            manual=Manual(
                "https://app.mailgun.com/settings/api_security",
                ("Open API Security, HTTP webhook signing key, and reset it.", "Hand the new one to what checks signatures."),
                notify="the account's owner",
                proves="the page shows another key",
            ),
            ambiguous=True,
            labels={"gitleaks": ("mailgun-signing-key",), "kingfisher": ("betterleaks.mailgun-signing-key",)},
        ),
        guided(
            "mailgun_public_key",
            "Mailgun public validation key (old)",
            r"pubkey-[0-9a-f]{32}",
            docs=DOCS,
            why="it may validate addresses, which is billed",
            manual=Manual(
                "https://app.mailgun.com/settings/api_security",
                ("Move its users to a private key on a server.", "Ask support to retire it when the page shows no way."),
                notify="the account's owner",
                proves="the page shows it no more",
            ),
            labels={"gitleaks": ("mailgun-pub-key",), "kingfisher": ("betterleaks.mailgun-pub-key",)},
        ),
    ),
)
