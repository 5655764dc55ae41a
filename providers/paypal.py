"""PayPal: the client id and secret of an application. The only call that takes them makes an access token, so none is made."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, Residual, example_value, no_safe_check

DOCS = "https://developer.paypal.com/api/rest/authentication/"

PROVIDER = Provider(
    id="paypal",
    title="PayPal",
    hosts=("api-m.paypal.com", "api-m.sandbox.paypal.com"),
    docs=DOCS,
    kinds=(
        Kind(
            id="paypal_oauth",
            title="PayPal client secret",
            pattern=r"E[A-Za-z0-9_-]{79}",
            ambiguous=True,
            verify=no_safe_check,
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs=DOCS,
            identity="none: the only call that takes it makes an access token",
            propagation=Propagation(timedelta(minutes=15)),
            residual=(Residual("access tokens that were made before", timedelta(hours=9)),),
            manual=Manual(
                url="https://developer.paypal.com/dashboard/applications/live",
                steps=(
                    "Open Apps & Credentials (live or sandbox) and the application with the leaked client id.",
                    "Add a second secret and hand it to its users.",
                    "Disable the leaked one; when nothing breaks, delete it.",
                ),
                notify="the account's owner; payments may have been made",
                proves="the page shows the leaked secret as deleted",
            ),
            offline=(example_value,),
        ),
    ),
)
