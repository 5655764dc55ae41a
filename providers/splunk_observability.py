"""Splunk Observability Cloud (SignalFx): access tokens of an organisation, in one of several realms.

A token that may only ingest is refused by every read although it works: no read-only call proves that a token is dead.
"""

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

DOCS = "https://dev.splunk.com/observability/docs/administration/authtokens"

PROVIDER = Provider(
    id="splunk_observability",
    title="Splunk Observability Cloud",
    hosts=(),
    docs=DOCS,
    kinds=(
        Kind(
            id="splunk_observability_token",
            title="Splunk Observability Cloud access token",
            pattern=r"[A-Za-z0-9_-]{22}",
            ambiguous=True,
            verify=no_safe_check,
            docs=DOCS,
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(minutes=5)),
            residual=(Residual("tokens that nobody replaced: they end 30 days after they were made unless set otherwise", None),),
            manual=Manual(
                url="https://docs.splunk.com/observability/en/admin/authentication/authentication-tokens/org-tokens.html",
                steps=(
                    "Open Settings, Access tokens, in the organisation's realm, and find the token by its value.",
                    "Rotate it with a grace period, or make a new one and hand it to its users.",
                    "Delete the leaked one.",
                ),
                notify="the organisation's administrators",
                proves="a person sees that the token is gone or has another value: a refusal alone does not prove it",
            ),
            offline=(example_value,),
            labels={"list": ("splunk_observability_token", "signalfx_token")},
            effects_of_check="none: nothing is asked",
        ),
    ),
)
