"""Brevo (once Sendinblue): API keys and SMTP keys. A refusal may be about our address and not about the key."""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    dead,
    example_value,
    header,
    identity_from,
    live,
    no_safe_check,
    probe,
    unsure,
)

DOCS = "https://developers.brevo.com/docs/how-it-works"
PAGE = "https://app.brevo.com/settings/keys/api"
NOTIFY = "the account's owner; look for mail that was sent in its name and for exports of contacts"

PROVIDER = Provider(
    id="brevo",
    title="Brevo",
    hosts=("api.brevo.com",),
    docs="https://developers.brevo.com/",
    kinds=(
        Kind(
            id="brevo_key",
            title="Brevo API key",
            pattern=r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}",
            verify=probe(
                "/v3/account",
                [
                    live(200, has=["email"]),
                    # The account lets listed addresses in only, and ours is not on the list.
                    unsure(401, "address_not_authorised", says="unrecognised IP"),
                    unsure(401, "address_not_authorised", says="unrecognized IP"),
                    unsure(401, "address_not_authorised", says="IP address"),
                    dead(401, at="code", codes=["unauthorized"]),
                    live(402, "restricted", has=["code"]),
                    live(403, "restricted", has=["code"]),
                ],
                auth=lambda secret: header("api-key", secret),
                identity=identity_from(account="companyName", principal="email"),
            ),
            docs=DOCS,
            identity="company and the account's e-mail address",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=PAGE,
                steps=(
                    "Open Settings, SMTP & API, API keys.",
                    "Generate a key and hand it to its users.",
                    "Delete the leaked one.",
                ),
                notify=NOTIFY,
            ),
            offline=(example_value,),
        ),
        Kind(
            id="brevo_smtp_key",
            title="Brevo SMTP key",
            pattern=r"xsmtpsib-[0-9a-f]{64}-[A-Za-z0-9]{16}",
            verify=no_safe_check,
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs=DOCS,
            identity="none: only a login at the mail server takes it",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://app.brevo.com/settings/keys/smtp",
                steps=("Open Settings, SMTP & API, SMTP.", "Generate a key and hand it to its users.", "Delete the leaked one."),
                notify=NOTIFY,
                proves="a login at the mail server is refused",
            ),
            offline=(example_value,),
            labels={"github": ("sendinblue_smtp_key",)},
        ),
    ),
)
