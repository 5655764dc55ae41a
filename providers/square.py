"""Square: access tokens and application secrets, of the production and the sandbox environment."""

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
    Read,
    Reader,
    Receipt,
    Reply,
    Unbound,
    Verdict,
    Writer,
    anywhere,
    as_authority,
    bearer,
    dead,
    declares,
    example_value,
    header,
    identity_from,
    judge,
    live,
    no_authority,
    no_safe_check,
    receipt,
    seen_dead,
)

DOCS = "https://developer.squareup.com/reference/square/o-auth-api/retrieve-token-status"
REVOKE_DOCS = "https://developer.squareup.com/reference/square/o-auth-api/revoke-token"
PORTAL = "https://developer.squareup.com/apps"
HOSTS = ("connect.squareup.com", "connect.squareupsandbox.com")
STATUS = "/oauth2/token/status"
CLIENT = "the application secret of the application that got the token"

ANSWERS = (
    live(200, has=["merchant_id"]),
    dead(401, at="errors.0.code", codes=["UNAUTHORIZED"]),
    dead(401, "expired", at="errors.0.code", codes=["ACCESS_TOKEN_EXPIRED"]),
    dead(401, "revoked", at="errors.0.code", codes=["ACCESS_TOKEN_REVOKED"]),
)
WHOAMI = identity_from(account="merchant_id", principal="client_id", scopes="scopes", expires_at="expires_at")


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The token's own status, in production and then in the sandbox."""

    async def ask(host: str) -> Verdict:
        return judge(await api.query(STATUS, auth=bearer(cred.secret), host=host), ANSWERS, api.now, WHOAMI)

    return await anywhere(HOSTS, ask)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The request carries this very token, and the application's own secret must go with it."""
    if api.authority("client_secret") is None or api.setting("client_id") is None:
        return no_authority("client_id and client_secret")
    return Bound(
        cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the request carries this very token, and spares its siblings"
    )


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Revoke this access token only. Without that word, all of the merchant's tokens for the application die."""
    body = {
        "client_id": api.setting("client_id") or "",
        "access_token": bound.credential.secret,
        "revoke_only_access_token": True,
    }
    auth = as_authority(api, "client_secret", lambda secret: header("Authorization", secret, "Client {}"))
    reply = await api.send("POST", "/oauth2/revoke", auth=auth, json=body)

    def told(answer: Reply) -> str:
        return "done" if answer.pick("success") is True else ""

    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], told=told)


PROVIDER = Provider(
    id="square",
    title="Square",
    hosts=HOSTS,
    docs="https://developer.squareup.com/docs/build-basics/access-tokens",
    reads=(Read(STATUS),),
    obtain="Developer Console, the application, OAuth: the application secret of the same environment.",
    authority={"client_secret": CLIENT, "client_id": "that application's id"},
    kinds=(
        Kind(
            id="square_access_token",
            title="Square access token",
            pattern=r"EAAA[A-Za-z0-9_-]{60}|(?:sandbox-)?sq0at[pb]-[A-Za-z0-9_-]{22,43}",
            verify=verify,
            docs=DOCS,
            identity="merchant, application, scopes, expiry",
            propagation=Propagation(timedelta(minutes=10)),
            requests=2,
            manual=Manual(
                url=PORTAL,
                steps=(
                    "A personal token: open the application, Credentials, and replace the access token.",
                    "A token from OAuth: revoke it with the application's secret, and let the merchant authorise again.",
                ),
                notify="the merchant's owner; payments may have been made",
            ),
            offline=(example_value,),
            irreversible_loss="the merchant must authorise the application again",
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
            id="square_app_secret",
            title="Square application secret",
            pattern=r"(?:sandbox-)?sq0cs[pb]-[A-Za-z0-9_-]{43}",
            verify=no_safe_check,
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs=REVOKE_DOCS,
            identity="none: the only calls that take it change something",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                url=PORTAL,
                steps=("Open the application, OAuth.", "Replace the application secret, and hand the new one to its users."),
                notify="the application's owner",
                proves="the page shows another secret",
            ),
            offline=(example_value,),
        ),
    ),
)
