"""Drone: a user's token. The operator names the server (`[endpoints] drone`)."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, dead, example_value, identity_from, live, probe

DOCS = "https://docs.drone.io/api/users/user_info/"

PROVIDER = Provider(
    id="drone",
    title="Drone",
    hosts=(),
    docs="https://docs.drone.io/api/overview/",
    kinds=(
        Kind(
            id="drone_token",
            title="Drone token",
            pattern=r"[A-Za-z0-9]{32}",
            verify=probe(
                "/api/user",
                [live(200, has=["login"]), dead(401, has=["message"])],
                identity=identity_from(account="login", principal="id"),
            ),
            docs=DOCS,
            identity="login and user id",
            propagation=Propagation(timedelta(minutes=2)),
            manual=Manual(
                DOCS,
                (
                    "An administrator: block the user, or delete it; the user signs in anew.",
                    "The user: open /account on the server for the token that is valid now, and hand it to its users.",
                    "Rotate the repositories' secrets when the token was abused.",
                ),
                notify="the user, and the server's administrators",
            ),
            offline=(example_value,),
            ambiguous=True,
        ),
    ),
)
