"""Dropbox: access tokens, which can end themselves with all of their siblings, and the secrets of applications."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Reader,
    Receipt,
    Residual,
    Verdict,
    Writer,
    basic,
    bearer,
    bound_as_itself,
    dead,
    declares,
    example_value,
    guided,
    judge,
    live,
    receipt,
    seen_dead,
    unsure,
)

DOCS = "https://www.dropbox.com/developers/documentation/http/documentation#check-user"
REVOKE_DOCS = "https://www.dropbox.com/developers/documentation/http/documentation#auth-token-revoke"
APP_DOCS = "https://www.dropbox.com/developers/documentation/http/documentation#check-app"
CONSOLE = "https://www.dropbox.com/developers/apps"
ECHO = {"query": "revoker"}

ANSWERS = (
    live(200, at="result", codes=["revoker"]),
    live(401, "restricted", says="missing_scope", has=["error_summary"]),
    dead(401, says="invalid_access_token", has=["error_summary"]),
    dead(401, "expired", says="expired_access_token", has=["error_summary"]),
    unsure(400, "malformed", json=False),
)
APP_ANSWERS = (live(200, at="result", codes=["revoker"]), dead(401, says="invalid", has=["error_summary"]))


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """An echo for users: no personal data."""
    return judge(await api.query("/2/check/user", auth=bearer(cred.secret), json=ECHO), ANSWERS, api.now)


@declares(*APP_ANSWERS)
async def verify_app(cred: Credential, api: Reader) -> Verdict:
    """An echo for applications."""
    auth = basic(cred.parts.get("key_id", ""), cred.secret)
    return judge(await api.query("/2/check/app", auth=auth, json=ECHO), APP_ANSWERS, api.now)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token ends itself, with its refresh token and the other access tokens of that."""
    reply = await api.send("POST", "/2/auth/token/revoke", auth=bearer(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


PROVIDER = Provider(
    id="dropbox",
    title="Dropbox",
    hosts=("api.dropboxapi.com",),
    docs="https://www.dropbox.com/developers/documentation/http/documentation",
    reads=tuple(Read(f"/2/check/{who}", json=("query",)) for who in ("user", "app")),
    kinds=(
        Kind(
            id="dropbox_token",
            title="Dropbox access token",
            pattern=r"sl\.(?:u\.)?[A-Za-z0-9_-]{80,1500}|[A-Za-z0-9]{11}A{10}[A-Za-z0-9_-]{43}",
            verify=verify,
            docs=DOCS,
            identity="none: what tells it is personal data",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://www.dropbox.com/account/connected_apps",
                steps=(
                    "As the user, open Connected apps and disconnect the application.",
                    "A team's admin: revoke the linked application for the member.",
                    "Let the user authorise the application again.",
                ),
                notify="the user, and the application's owner",
            ),
            offline=(example_value,),
            irreversible_loss="the user must authorise the application again",
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bound_as_itself("the token is the request's own credential, and ends itself"),
                    "nothing beside the token",
                    REVOKE_DOCS,
                    by="self",
                    observe=seen_dead(verify),
                ),
            ),
        ),
        guided(
            "dropbox_refresh_token",
            "Dropbox refresh token",
            r"[A-Za-z0-9_-]{64}",
            docs=REVOKE_DOCS,
            why="an exchange makes an access token",
            manual=Manual(
                url="https://www.dropbox.com/account/connected_apps",
                steps=("As the user, disconnect the application: its refresh and access tokens end.", "Authorise it again."),
                notify="the user, and the application's owner",
                proves="the application's exchange of the old token is refused",
            ),
            ambiguous=True,
            labels={"list": ("dropbox_refresh_token",)},
            residual=(Residual("access tokens that it made", timedelta(hours=4)),),
        ),
        Kind(
            id="dropbox_app_secret",
            title="Dropbox app secret",
            pattern=r"[a-z0-9]{15}",
            ambiguous=True,
            needs=("key_id",),
            verify=verify_app,
            docs=APP_DOCS,
            identity="none: the app key came with the finding",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=CONSOLE,
                steps=("Open the application in the console.", "Make a new app secret, and hand it to its users."),
                notify="the application's owner",
            ),
            offline=(example_value,),
        ),
    ),
)
