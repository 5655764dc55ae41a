"""PagerDuty: REST keys of users and accounts, and integration keys of events, which no read checks."""

from datetime import timedelta

from revoker.sdk import (
    Budget,
    Kind,
    Manual,
    Propagation,
    Provider,
    dead,
    everywhere,
    example_value,
    header,
    identity_from,
    live,
    no_safe_check,
)

DOCS = "https://developer.pagerduty.com/docs/authentication"
HOSTS = ("api.pagerduty.com", "api.eu.pagerduty.com")

ANSWERS = (
    live(200, has=["user.id"]),
    live(400, "account_key", has=["error"]),  # a key of the account has no user: the call is refused, and the key works
    dead(401, has=["error"]),
    live(403, "restricted", has=["error"]),
)

PROVIDER = Provider(
    id="pagerduty",
    title="PagerDuty",
    hosts=HOSTS,
    docs=DOCS,
    kinds=(
        Kind(
            id="pagerduty_key",
            title="PagerDuty REST key",
            pattern=r"(?:u\+|y_)?[A-Za-z0-9_+-]{18,20}",
            ambiguous=True,
            verify=everywhere(
                HOSTS,
                "/users/me",
                ANSWERS,
                auth=lambda secret: header("Authorization", secret, "Token token={}"),
                headers={"Accept": "application/vnd.pagerduty+json;version=2"},
                identity=identity_from(principal="user.email"),
            ),
            docs="https://developer.pagerduty.com/docs/errors",
            identity="the user of a user's key; nothing of an account's",
            propagation=Propagation(timedelta(minutes=5)),
            requests=len(HOSTS),
            budget=Budget(per_second=10),  # 960 a minute
            manual=Manual(
                url="https://support.pagerduty.com/main/docs/api-access-keys",
                steps=(
                    "An account's key: Integrations, API Access Keys. Disable it (that can be taken back), then remove it.",
                    "A user's key: the user opens My Profile, User Settings, and removes it there.",
                    "Make a new one and hand it to its users.",
                ),
                notify="the account's administrators",
            ),
            offline=(example_value,),
        ),
        Kind(
            id="pagerduty_integration_key",
            title="PagerDuty Events integration key",
            pattern=r"[0-9a-zA-Z]{32}",
            ambiguous=True,
            verify=no_safe_check,  # all that it can do is to send an event
            docs="https://support.pagerduty.com/main/docs/services-and-integrations",
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://support.pagerduty.com/main/docs/services-and-integrations",
                steps=(
                    "Find the service whose Integrations tab shows this key.",
                    "Add a new integration and hand its key to the senders.",
                    "Delete the integration with the leaked key.",
                ),
                notify="the service's owner",
                proves="no service's integration shows the key",
            ),
            offline=(example_value,),
            labels={"list": ("pagerduty_integration_key",)},
            effects_of_check="none: nothing is asked",
        ),
    ),
)
