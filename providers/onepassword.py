"""1Password: service account, Connect and Events tokens. No API revokes one of them."""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    Residual,
    dead,
    everywhere,
    example_value,
    expired_jwt,
    identity_from,
    live,
    no_safe_check,
)

DOCS = "https://developer.1password.com/docs/service-accounts/"
EVENTS = "https://developer.1password.com/docs/events-api/"
JWT = r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}"
HOSTS = ("events.1password.com", "events.1password.ca", "events.1password.eu", "events.ent.1password.com")
RESIDUAL = (Residual("every item of the vaults that it could open", None),)

PROVIDER = Provider(
    id="onepassword",
    title="1Password",
    hosts=HOSTS,
    docs="https://developer.1password.com/",
    kinds=(
        Kind(
            id="onepassword_service_account",
            title="1Password service account token",
            pattern=r"ops_eyJ[A-Za-z0-9+/_-]{100,2000}={0,2}",
            verify=no_safe_check,  # only a login through 1Password's own SDK could tell
            docs=DOCS,
            identity="none: nothing is asked; the sign-in address stands in the token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://start.1password.com/developer-tools/directory",
                steps=(
                    "Open Developer, the service account, and read in its usage report which items it opened.",
                    "Rotate the token (end the old one now), or make a new service account with fewer vaults.",
                    "Hand the new token to its users; change every secret in the vaults that it could open.",
                ),
                notify="the account's owners, and the owners of the vaults' items",
                proves="the page shows a rotation after the leak, or no such account",
            ),
            offline=(example_value,),
            labels={"gitleaks": ("1password-service-account-token",), "list": ("onepassword_service_account",)},
            residual=RESIDUAL,
            effects_of_check="none: nothing is asked",
            irreversible_loss="the old token",
        ),
        Kind(
            id="onepassword_connect_token",
            title="1Password Connect token",
            pattern=JWT,
            ambiguous=True,
            verify=no_safe_check,  # a Connect server answers at a host of its own, which no token names
            docs="https://developer.1password.com/docs/connect/",
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://developer.1password.com/docs/connect/manage-connect/",
                steps=(
                    "Make a new token of the same Connect server and hand it to its users.",
                    "Revoke the leaked one: op connect token delete, or Developer, the Connect server, Access tokens.",
                ),
                notify="the account's owners",
                proves="the Connect server does not list the token any more",
            ),
            offline=(example_value, expired_jwt),
            labels={"list": ("onepassword_connect_token",)},
            residual=RESIDUAL,
            effects_of_check="none: nothing is asked",
        ),
        Kind(
            id="onepassword_events_token",
            title="1Password Events API token",
            pattern=JWT,
            ambiguous=True,
            verify=everywhere(
                HOSTS,
                "/api/v2/auth/introspect",
                [live(200, has=["uuid"]), live(200, has=["UUID"]), dead(401, has=["Error"]), dead(401, has=["error"])],
                identity=identity_from(account="account_uuid", principal="uuid", scopes="features"),
            ),
            docs=EVENTS,
            identity="the account, the token's own id and what it may read",
            propagation=Propagation(timedelta(minutes=5)),
            requests=len(HOSTS),
            manual=Manual(
                url="https://start.1password.com/integrations/directory",
                steps=(
                    "Open Integrations, Events Reporting, and find the token.",
                    "Make a new one, hand it to the collector, and revoke the leaked one.",
                ),
                notify="the account's owners",
            ),
            offline=(example_value, expired_jwt),
            labels={"list": ("onepassword_events_token",)},
        ),
    ),
)
