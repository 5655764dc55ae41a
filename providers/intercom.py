"""Intercom: access tokens. A workspace lives in one of three regions."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, dead, everywhere, example_value, identity_from, live

DOCS = "https://developers.intercom.com/docs/references/rest-api/errors/http-responses"
HOSTS = ("api.intercom.io", "api.eu.intercom.io", "api.au.intercom.io")

PROVIDER = Provider(
    id="intercom",
    title="Intercom",
    hosts=HOSTS,
    docs="https://developers.intercom.com/docs/build-an-integration/learn-more/authentication",
    kinds=(
        Kind(
            id="intercom_token",
            title="Intercom access token",
            pattern=r"[A-Za-z0-9+/_-]{56,64}={0,2}",
            ambiguous=True,
            verify=everywhere(
                HOSTS,
                "/me",
                [
                    live(200, has=["id", "type"]),
                    dead(401, at="type", codes=["error.list"]),
                    live(403, "restricted", at="type", codes=["error.list"]),
                ],
                identity=identity_from(account="app.id_code", principal="email"),
            ),
            docs=DOCS,
            identity="workspace and the admin's e-mail address",
            propagation=Propagation(timedelta(minutes=5)),
            requests=3,
            manual=Manual(
                url="https://app.intercom.com/a/apps/_/developer-hub",
                steps=(
                    "Open the app, Configure, Authentication.",
                    "Regenerate the access token, and hand the new one to its users.",
                    "An app that nobody needs: uninstall it.",
                ),
                notify="the workspace's admins",
            ),
            offline=(example_value,),
        ),
    ),
)
