"""Mailchimp: Marketing API keys, which name their data centre, and Mandrill (Transactional) keys."""

import re
from datetime import timedelta

from revoker.sdk import (
    Credential,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Reader,
    Reply,
    Verdict,
    basic,
    dead,
    declares,
    example_value,
    identity_from,
    judge,
    live,
    skip,
    unsure,
)

DOCS = "https://mailchimp.com/developer/marketing/docs/errors/"
MANDRILL = "mandrillapp.com"
MANDRILL_DOCS = "https://mailchimp.com/developer/transactional/api/users/ping-2/"
CENTRES = 40  # us1 .. us40; no higher one is known
HOSTS = tuple(f"us{number}.api.mailchimp.com" for number in range(1, CENTRES + 1))
PING = "/api/1.0/users/ping2"

ANSWERS = (
    live(200, has=["account_id"]),
    dead(401, has=["title"]),
    unsure(403, "wrong_data_centre", says="datacenter"),
    unsure(403, "wrong_data_centre", says="data center"),
    live(403, "restricted", has=["title"]),  # the account is disabled
)
WHOAMI = identity_from(account="account_id", principal="account_name")
MANDRILL_ANSWERS = (
    live(200, has=["PING"]),
    dead(401, at="name", codes=["Invalid_Key"]),
    dead(500, at="name", codes=["Invalid_Key"]),  # every error of this API is a 500
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The account's name and id, at the data centre that stands in the key."""
    host = f"us{cred.parts.get('centre', '')}.api.mailchimp.com"
    if host not in HOSTS:
        return skip("malformed")
    fields = {"fields": "account_id,account_name,role"}
    reply = await api.get("/3.0/", auth=basic("revoker", cred.secret), params=fields, host=host)
    return judge(reply, ANSWERS, api.now, WHOAMI)


@declares(*MANDRILL_ANSWERS)
async def verify_mandrill(cred: Credential, api: Reader) -> Verdict:
    """users/ping2, whose only argument is the key."""

    def nobody(reply: Reply) -> Identity | None:
        return None

    return judge(await api.query(PING, json={"key": cred.secret}, host=MANDRILL), MANDRILL_ANSWERS, api.now, nobody)


def centre_exists(cred: Credential, now: object) -> Verdict | None:
    """Skip a key of a data centre that is none."""
    found = re.search(r"-us(\d{1,2})$", cred.secret.reveal())
    return None if found is not None and 1 <= int(found[1]) <= CENTRES and found[1][0] != "0" else skip("malformed")


PROVIDER = Provider(
    id="mailchimp",
    title="Mailchimp",
    hosts=(*HOSTS, MANDRILL),
    docs="https://mailchimp.com/developer/marketing/docs/fundamentals/",
    reads=(Read(PING, json=("key",)),),
    kinds=(
        Kind(
            id="mailchimp_key",
            title="Mailchimp API key",
            pattern=r"[0-9a-f]{32}-us(?P<centre>[1-9]\d?)",
            verify=verify,
            docs=DOCS,
            identity="account id and name",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://admin.mailchimp.com/account/api/",
                steps=(
                    "Open the profile, Extras, API keys.",
                    "Create a key and hand it to its users.",
                    "Revoke the leaked one: it is shown by its first characters and its data centre.",
                ),
                notify="the account's owner; look for exports of the audience",
            ),
            offline=(example_value, centre_exists),
        ),
        Kind(
            id="mandrill_key",
            title="Mandrill (Mailchimp Transactional) API key",
            pattern=r"md-[A-Za-z0-9_-]{22}",
            verify=verify_mandrill,
            docs=MANDRILL_DOCS,
            identity="none: ping tells nothing",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://mandrillapp.com/settings",
                steps=(
                    "Open Settings, SMTP & API Info.",
                    "Add a key and hand it to its users.",
                    "Delete or disable the leaked one.",
                ),
                notify="the account's owner; look for mail that was sent in its name",
            ),
            offline=(example_value,),
            labels={"trufflehog": ("Mandrill",)},
        ),
    ),
)
