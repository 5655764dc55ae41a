"""TeamCity: users' access tokens. The operator names the server (`[endpoints] teamcity`).

Tokens are deleted by their names, and no value tells its name.
"""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, dead, example_value, identity_from, live, probe

DOCS = "https://www.jetbrains.com/help/teamcity/rest/manage-users.html"

PROVIDER = Provider(
    id="teamcity",
    title="TeamCity",
    hosts=(),
    docs="https://www.jetbrains.com/help/teamcity/rest/teamcity-rest-api-documentation.html",
    kinds=(
        Kind(
            id="teamcity_token",
            title="TeamCity access token",
            pattern=r"eyJ0eXAiOiAiVENWMiJ9\.[A-Za-z0-9_-]{20,200}\.[A-Za-z0-9_-]{30,200}",
            verify=probe(
                "/app/rest/users/current",
                [live(200, has=["username"]), dead(401), live(403, "restricted", has=["errors"])],
                identity=identity_from(account="username", principal="id"),
            ),
            docs=DOCS,
            identity="user name and id",
            propagation=Propagation(timedelta(minutes=2)),
            manual=Manual(
                "https://www.jetbrains.com/help/teamcity/configuring-your-user-profile.html",
                (
                    "The user: open Profile, Access Tokens, on the server; an administrator sees them in the user's page.",
                    "Make a new one with the same rights and hand it to its users.",
                    (
                        "Delete the leaked one by its name and last use. In an emergency: Administration, Authentication, "
                        "Delete all access tokens."
                    ),
                ),
                notify="the user, and the server's administrators",
            ),
            offline=(example_value,),
        ),
    ),
)
