"""Infisical: client secrets of machine identities, access tokens, and service tokens of the old form.

A login would mint a token and burn a use of the client secret, so none of them is tried.
"""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    OfflineCheck,
    Propagation,
    Provider,
    Residual,
    example_value,
    expired_jwt,
    no_safe_check,
)

DOCS = "https://infisical.com/docs/documentation/platform/identities/universal-auth"
RESIDUAL = (Residual("every secret that it could read, and access tokens that it made", None),)


def _kind(id: str, title: str, pattern: str, *steps: str, ambiguous: bool, checks: tuple[OfflineCheck, ...] = ()) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        verify=no_safe_check,
        docs=DOCS,
        identity="none: nothing is asked",
        propagation=Propagation(timedelta(minutes=10)),
        manual=Manual(
            "https://app.infisical.com/",
            (*steps, "Count every secret that it could read as leaked too."),
            notify="the organisation's administrators, and the owners of those secrets",
            proves="the identity does not list it any more",
        ),
        offline=(example_value, *checks),
        labels={"list": (id,)},
        residual=RESIDUAL,
        effects_of_check="none: nothing is asked",
        irreversible_loss="what is revoked cannot be brought back",
    )


PROVIDER = Provider(
    id="infisical",
    title="Infisical",
    hosts=(),
    docs="https://infisical.com/docs/api-reference/overview/introduction",
    kinds=(
        _kind(
            "infisical_token",
            "Infisical service token (old form)",
            r"st\.[0-9a-f]{24}\.[0-9a-f]{32}\.[0-9a-f]{32}|st\.[A-Za-z0-9._-]{40,200}",
            "Open the project, Access Control, Service Tokens, and find it by its name and scopes.",
            "Move its users to a machine identity, and delete the token.",
            ambiguous=True,
        ),
        _kind(
            "infisical_client_secret",
            "Infisical universal auth client secret",
            r"[0-9a-f]{64}",
            "Open the organisation's identities, the identity, Universal Auth: secrets are listed by a short beginning.",
            "Create a new client secret and hand it to its users.",
            "Revoke the leaked one.",
            ambiguous=True,
        ),
        _kind(
            "infisical_access_token",
            "Infisical identity access token",
            r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}",
            "It ends by itself (exp). When it cannot wait, revoke the client secret that made it, and the token.",
            ambiguous=True,
            checks=(expired_jwt,),
        ),
    ),
)
