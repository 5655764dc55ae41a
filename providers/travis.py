"""Travis CI: a user's access token. No API of the cloud product manages it."""

from datetime import timedelta

from revoker.sdk import Auth, Kind, Manual, Propagation, Provider, Secret, dead, example_value, header, identity_from, live, probe

DOCS = "https://developer.travis-ci.com/authentication"


def by_token(secret: Secret) -> Auth:
    """`Authorization: token <secret>`."""
    return header("Authorization", secret, "token {}")


PROVIDER = Provider(
    id="travis",
    title="Travis CI",
    hosts=("api.travis-ci.com",),
    docs="https://developer.travis-ci.com/",
    kinds=(
        Kind(
            id="travis_token",
            title="Travis CI access token",
            pattern=r"[A-Za-z0-9_-]{22}",
            verify=probe(
                "/user",
                [live(200, has=["login"]), dead(403, says="access denied", json=False)],
                auth=by_token,
                headers={"Travis-API-Version": "3"},
                identity=identity_from(account="login", principal="id"),
            ),
            docs=DOCS,
            also_at="Travis CI Enterprise",
            identity="login and user id",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                "https://app.travis-ci.com/account/preferences",
                (
                    "Sign in as the user, Settings, API authentication.",
                    "Regenerate the token: there is only one, and the old one stops.",
                    "Hand the new one to its users, and rotate the repositories' settings that it could read.",
                ),
                notify="the user",
            ),
            offline=(example_value,),
            ambiguous=True,
        ),
    ),
)
