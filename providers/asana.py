"""Asana: personal access tokens, and the secrets of OAuth applications."""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    dead,
    example_value,
    identity_from,
    live,
    no_safe_check,
    probe,
)

DOCS = "https://developers.asana.com/docs/errors"
APPS = "https://app.asana.com/0/my-apps"

PROVIDER = Provider(
    id="asana",
    title="Asana",
    hosts=("app.asana.com",),
    docs="https://developers.asana.com/docs/authentication",
    kinds=(
        Kind(
            id="asana_pat",
            title="Asana personal access token",
            pattern=r"[12]/(?P<user>\d{10,20})(?:/\d{10,20})?:[0-9a-f]{32}|0/[0-9a-f]{32}",
            verify=probe(
                "/api/1.0/users/me",
                [live(200, has=["data.gid"]), dead(401, has=["errors"]), live(403, "restricted", has=["errors"])],
                identity=identity_from(principal="data.email"),
            ),
            docs=DOCS,
            identity="the user's e-mail address; the user's id stands in the token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=APPS,
                steps=(
                    "As the user, open My apps, Personal access tokens.",
                    "Create a token, and hand it to its users.",
                    "Deauthorize the leaked one. Admins of a paid organisation can block personal tokens.",
                ),
                notify="the user, and the organisation's admins",
            ),
            offline=(example_value,),
        ),
        Kind(
            id="asana_oauth_client",
            title="Asana OAuth client secret",
            pattern=r"[0-9a-f]{32}",
            ambiguous=True,
            verify=no_safe_check,
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs="https://developers.asana.com/docs/oauth",
            identity="none: every call that takes it makes or ends a token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=APPS,
                steps=("Open the application, Configure, OAuth.", "Reset the client secret, and hand the new one to its users."),
                notify="the application's owner",
                proves="the page shows another secret",
            ),
            offline=(example_value,),
        ),
    ),
)
