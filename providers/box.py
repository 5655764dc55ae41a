"""Box: access tokens, and the client secrets of applications. Box says in a header why it refuses."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Secret,
    Unbound,
    Writer,
    as_authority,
    dead,
    example_value,
    identity_from,
    live,
    no_authority,
    no_safe_check,
    probe,
    receipt,
    seen_dead,
)

DOCS = "https://developer.box.com/guides/api-calls/permissions-and-errors/common-errors/"
REVOKE_DOCS = "https://developer.box.com/reference/post-oauth2-revoke/"
CONSOLE = "https://app.box.com/developers/console"
CLIENT = "the client secret of the application that got the token"


def why(reply: Reply) -> str | None:
    """The error that the challenge header names; the body of a refusal is often empty."""
    challenge = reply.headers.get("www-authenticate", "")
    return "invalid_token" if 'error="invalid_token"' in challenge else reply.code


verify = probe(
    "/2.0/users/me",
    [
        live(200, has=["id"]),
        dead(401, codes=["invalid_token"], json=False),
        live(403, "restricted", at="type", codes=["error"]),
    ],
    identity=identity_from(principal="login"),
    code=why,
    host="api.box.com",
)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The request carries this very token, and the client that got it must sign it."""
    if api.authority("client_secret") is None or api.setting("client_id") is None:
        return no_authority("client_id and client_secret")
    return Bound(
        cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the request carries this very token, and can revoke no other"
    )


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Revoke a token with its application's secret, for good."""
    form: dict[str, str | Secret] = {
        "client_id": api.setting("client_id") or "",
        "client_secret": as_authority(api, "client_secret").value,
        "token": bound.credential.secret,
    }
    reply = await api.send("POST", "/oauth2/revoke", form=form)
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


PROVIDER = Provider(
    id="box",
    title="Box",
    hosts=("api.box.com",),
    docs="https://developer.box.com/guides/authentication/",
    obtain="Box Developer Console, the application, Configuration: OAuth 2.0 credentials.",
    authority={"client_secret": CLIENT, "client_id": "that application's client id"},
    kinds=(
        Kind(
            id="box_token",
            title="Box access token",
            pattern=r"[A-Za-z0-9]{32}",
            ambiguous=True,
            verify=verify,
            docs=DOCS,
            identity="the user's login",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://app.box.com/account/security",
                steps=(
                    "Revoke the token with its application's secret.",
                    "An admin: Admin Console, Apps, disable the application; then end the users' sessions.",
                ),
                notify="the user, and the enterprise's admins",
            ),
            offline=(example_value,),
            labels={"trufflehog": ("Box",)},
            irreversible_loss="the user must authorise the application again",
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    CLIENT,
                    REVOKE_DOCS,
                    authority="client_secret",
                    observe=seen_dead(verify),
                ),
            ),
        ),
        Kind(
            id="box_client_secret",
            title="Box client secret",
            pattern=r"[A-Za-z0-9]{32}",
            ambiguous=True,
            verify=no_safe_check,
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs="https://developer.box.com/guides/authentication/oauth2/oauth2-setup/",
            identity="none: every call that takes it makes or ends a token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=CONSOLE,
                steps=("Open the application, Configuration.", "Reset the client secret, and hand the new one to its users."),
                notify="the application's owner",
                proves="the page shows another secret",
            ),
            offline=(example_value,),
            labels={"trufflehog": ("BoxOauth",)},
        ),
    ),
)
