"""Razorpay: the key id and secret of an account, live or test. Keys are changed in the dashboard only."""

from datetime import timedelta

from revoker.sdk import (
    Credential,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Verdict,
    basic,
    dead,
    declares,
    example_value,
    judge,
    live,
)

DOCS = "https://razorpay.com/docs/api/authentication/"
ANSWERS = (live(200, has=["items"]), dead(401, says="Authentication failed", has=["error"]))


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """One item of the catalogue: no customer's data."""
    reply = await api.get("/v1/items", auth=basic(cred.parts.get("key_id", ""), cred.secret), params={"count": "1"})
    return judge(reply, ANSWERS, api.now)


PROVIDER = Provider(
    id="razorpay",
    title="Razorpay",
    hosts=("api.razorpay.com",),
    docs="https://razorpay.com/docs/api/",
    kinds=(
        Kind(
            id="razorpay_key",
            title="Razorpay key secret",
            pattern=r"[A-Za-z0-9]{24}",
            ambiguous=True,
            needs=("key_id",),
            verify=verify,
            docs=DOCS,
            identity="none: live or test mode stands in the key id (rzp_live_, rzp_test_)",
            propagation=Propagation(timedelta(hours=24), source="a rotated secret works for 24 hours unless it is revoked"),
            manual=Manual(
                url="https://dashboard.razorpay.com/app/website-app-settings/api-keys",
                steps=(
                    "Open Account & Settings, API keys, in the key's mode.",
                    "Make a new secret (live mode asks for a one-time password) and hand it to its users.",
                    "Revoke the leaked one: a mere rotation leaves it working for 24 hours.",
                ),
                notify="the account's owner; payments may have been made",
            ),
            offline=(example_value,),
            labels={"trufflehog": ("RazorPay",)},
        ),
    ),
)
