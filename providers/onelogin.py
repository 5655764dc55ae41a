"""OneLogin: API credentials (a client id and a secret). A check would mint a token, and no API replaces a pair."""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    Residual,
    example_value,
    no_safe_check,
)

DOCS = "https://developers.onelogin.com/api-docs/2/getting-started/working-with-api-credentials"

PROVIDER = Provider(
    id="onelogin",
    title="OneLogin",
    hosts=(),
    docs="https://developers.onelogin.com/api-docs/2/getting-started/dev-overview",
    kinds=(
        Kind(
            id="onelogin_client_secret",
            title="OneLogin API credential",
            pattern=r"[0-9a-f]{64}",
            ambiguous=True,
            verify=no_safe_check,  # the only call that takes the pair mints an access token
            docs=DOCS,
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                url=DOCS,
                steps=(
                    "As an account owner open Developers, API Credentials, and find the pair by its client id.",
                    "Make a new pair with the least scope and hand it to its users.",
                    "Disable the leaked one; when nothing breaks, delete it. Read the events for what was done with it.",
                ),
                notify="the account's owners",
                proves="the page shows the pair as disabled or gone",
            ),
            offline=(example_value,),
            labels={"trufflehog": ("OneLogin",), "list": ("onelogin_client_secret", "onelogin_api_credential")},
            residual=(Residual("access tokens that it made", timedelta(hours=10)),),
            effects_of_check="none: nothing is asked",
            irreversible_loss="a deleted pair cannot be brought back",
        ),
    ),
)
