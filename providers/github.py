"""GitHub: personal, OAuth, app and installation tokens.

Anybody who holds a token may hand it to GitHub to be revoked (`/credentials/revoke`, github.com only): the request must
come without a login, the answer says nothing about the single token, and nobody can take it back.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Budget,
    Credential,
    Effect,
    Identity,
    Kind,
    Manual,
    OfflineCheck,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Residual,
    Unbound,
    Validity,
    Verdict,
    Verifier,
    Writer,
    as_authority,
    basic,
    bearer,
    bound_as_itself,
    checksum,
    crc32_suffix,
    dead,
    example_value,
    expired_offline,
    judge,
    jwt_claims,
    live,
    no_authority,
    receipt,
    safe_id,
    seen_dead,
    text_at,
    unsure,
)

DOCS = "https://docs.github.com/en/rest/users/users#get-the-authenticated-user"
REVOKE_DOCS = "https://docs.github.com/en/rest/credentials/revoke"
APP_DOCS = "https://docs.github.com/en/rest/apps/oauth-applications"
INSTALLATION_DOCS = "https://docs.github.com/en/rest/apps/installations"
VERSION = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
AUTHORITY = "client_secret"

# Refusals of GitHub that only a working token gets. Rate limits and lock-outs come as 403 too, and are told apart first.
RESTRICTED = (
    live(403, "sso_required", says="SAML enforcement"),
    live(403, "restricted", says="Resource not accessible by"),
    live(403, "ip_allow_list", says="IP allow list"),
    live(403, "account_suspended", says="account was suspended"),
    dead(401, "refused", says="Bad credentials"),
)
LOCKED_OUT = "maximum number of login attempts"


def whoami(reply: Reply) -> Identity:
    """The user; scopes of classic and OAuth tokens, and the end, from headers. Orgs are left open: a user has many."""
    scopes = reply.headers.get("x-oauth-scopes", "")
    end = reply.headers.get("github-authentication-token-expiration")
    return Identity(
        principal=text_at(reply, "login"),
        scopes=tuple(scope.strip() for scope in scopes.split(",") if scope.strip()),
        expires_at=_end(end) if end else None,
    )


def _end(text: str) -> datetime | None:
    """`2027-01-01 10:00:00 UTC`, or with an offset."""
    try:
        when = datetime.fromisoformat(text.replace(" UTC", "+00:00").replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def installation(reply: Reply) -> Identity:
    """The account that the app is installed in."""
    return Identity(account=text_at(reply, "repositories.0.owner.login"))


def check(path: str, has: str, identity: Callable[[Reply], Identity]) -> Verifier:
    """One GET. After several bad logins GitHub refuses good ones too for a while: that answer decides nothing."""
    answers = (live(200, has=[has]), *RESTRICTED)

    async def verify(cred: Credential, api: Reader) -> Verdict:
        reply = await api.get(path, auth=bearer(cred.secret), headers=VERSION)
        if reply.status in (403, 429) and reply.trouble is None:
            if LOCKED_OUT in reply.text.casefold():
                return judge(reply, [unsure(reply.status, "login_lockout", json=False)], api.now)
            if reply.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in reply.headers or "rate limit" in reply.text:
                return judge(reply, [unsure(reply.status, "rate_limited", json=False)], api.now)
        return judge(reply, answers, api.now, identity)

    return verify


as_user = check("/user", "login", whoami)
as_installation = check("/installation/repositories", "total_count", installation)


async def no_check(cred: Credential, api: Reader) -> Verdict:
    """A refresh token can only be tried by using it up."""
    return Verdict(Validity.UNKNOWN, "no_safe_check")


def expired_token(cred: Credential, now: datetime) -> Verdict | None:
    """The long form of an installation token is a JWT behind its app id, with its own end."""
    parts = cred.secret.reveal().split("_", 2)
    end = jwt_claims(parts[2]).get("exp") if len(parts) == 3 else None
    return expired_offline() if isinstance(end, int) and end < now.timestamp() else None


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Hand the token to GitHub, without any login. 202 says: taken, and felt later."""
    body = {"credentials": [bound.credential.secret]}
    reply = await api.send("POST", "/credentials/revoke", headers=VERSION, json=body)
    detail = "GitHub mails the owner, and cannot bring it back"
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[202], detail=detail)


def app_of(api: Reader) -> tuple[str, Auth]:
    """The path of the app's tokens, and the app's own login."""
    client = safe_id(api.setting("client_id"))
    return f"/applications/{client}/token", as_authority(api, AUTHORITY, lambda secret: basic(client, secret))


async def bind_app(cred: Credential, api: Reader) -> Bound | Unbound:
    """The app that made the token looks it up by its whole value. This does not count as a failed login."""
    if api.authority(AUTHORITY) is None or not api.setting("client_id"):
        return no_authority(f"client_id and {AUTHORITY}")
    path, auth = app_of(api)
    reply = await api.query(path, auth=auth, headers=VERSION, json={"access_token": cred.secret})
    id = text_at(reply, "id") if reply.status == 200 and reply.trouble is None else None
    if id is None:
        return Unbound("no_match", f"it is no token of this app ({reply.status or reply.trouble})")
    how = f"the app that made it looked up this very token, of user {text_at(reply, 'user.login')}"
    return Bound(cred, safe_id(id), Proof.SELF_ENDPOINT, how)


async def revoke_as_app(bound: Bound, api: Writer) -> Receipt:
    """Delete one token of the app, by its value."""
    path, auth = app_of(api)
    reply = await api.github_write("DELETE", path, auth=auth, json={"access_token": bound.credential.secret})
    return receipt("revoke_as_app", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404])


async def revoke_grant(bound: Bound, api: Writer) -> Receipt:
    """Delete the user's whole grant to the app: all tokens that the user gave it end."""
    path, auth = app_of(api)
    body = {"access_token": bound.credential.secret}
    reply = await api.github_write("DELETE", path.removesuffix("token") + "grant", auth=auth, json=body)
    return receipt("revoke_grant", Effect.END_SESSIONS, bound, reply, api.now, done=[204], already=[404])


async def revoke_installation(bound: Bound, api: Writer) -> Receipt:
    """An installation token deletes itself."""
    reply = await api.github_write("DELETE", "/installation/token", auth=bearer(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204])


BY_VALUE = Action(
    "revoke",
    Effect.REVOKE,
    revoke,
    bound_as_itself("the token itself is the request's body"),
    "none: whoever holds the token may do this (github.com only)",
    REVOKE_DOCS,
    by="self",
    observe=seen_dead(as_user),
)
BY_APP = (
    Action(
        "revoke_as_app",
        Effect.REVOKE,
        revoke_as_app,
        bind_app,
        "the client id and client secret of the app that made it",
        f"{APP_DOCS}#delete-an-app-token",
        authority=AUTHORITY,
        observe=seen_dead(as_user),
    ),
    BY_VALUE,
    Action(
        "revoke_grant",
        Effect.END_SESSIONS,
        revoke_grant,
        bind_app,
        "the client id and client secret of the app that made it",
        f"{APP_DOCS}#delete-an-app-authorization",
        authority=AUTHORITY,
    ),
)
ITSELF = Action(
    "revoke",
    Effect.REVOKE,
    revoke_installation,
    bound_as_itself("the token deletes itself"),
    "none: the token may always do this",
    f"{INSTALLATION_DOCS}#revoke-an-installation-access-token",
    by="self",
    observe=seen_dead(as_installation),
)
LATER = Propagation(timedelta(minutes=15), source="GitHub takes it at once (202) and names no time; our margin")
MADE = Residual("SSH keys, deploy keys, webhooks, runners and apps that were made with it", None, "by hand, from the audit log")
SIGNED = checksum(crc32_suffix)


def _kind(id: str, title: str, pattern: str, actions: tuple[Action, ...], *steps: str, offline: tuple[OfflineCheck, ...]) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=no_check if id == "github_refresh_token" else as_user,
        docs=DOCS,
        identity="the user; scopes of classic and OAuth tokens, and the end, where the answer's headers name them",
        propagation=LATER,
        manual=Manual(
            "https://github.com/settings/tokens",
            (
                *steps,
                "An organisation with SAML: also take the token's authorisation away (Settings, Authentication security).",
                "Search the audit log for what was done with it, and remove keys, webhooks and apps that it made.",
            ),
            notify="the token's owner; the organisation's owners",
        ),
        offline=(example_value, *offline),
        actions=actions,
        residual=(MADE,),
        budget=Budget(per_second=5, in_flight=4),  # slow: bad logins lock out good ones
        effects_of_check="the token's last use becomes this check",
        irreversible_loss="a revoked token cannot be brought back, and GitHub makes no new one by API",
    )


OWN = "The owner opens Settings, Developer settings, Personal access tokens, and deletes or regenerates it."
ORG = (
    "Or an organisation owner ends its access: Settings, Personal access tokens, Active tokens, Revoke (this organisation only)."
)
APP = "The owner opens Settings, Applications, Authorized apps, and revokes the app's access."

PROVIDER = Provider(
    id="github",
    title="GitHub",
    hosts=("api.github.com",),
    docs="https://docs.github.com/en/rest",
    reads=("/applications/*/token",),
    authority={
        AUTHORITY: "the client secret of the OAuth or GitHub App that made the token",
        "client_id": "the app's client id",
    },
    kinds=(
        _kind("github_classic_pat", "GitHub PAT (classic)", r"ghp_[A-Za-z0-9]{36}", (BY_VALUE,), OWN, offline=(SIGNED,)),
        _kind(
            "github_fine_grained_pat",
            "GitHub PAT (fine-grained)",
            r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
            (BY_VALUE,),
            OWN,
            ORG,
            offline=(),
        ),
        _kind("github_oauth_token", "GitHub OAuth token", r"gho_[A-Za-z0-9]{36}", BY_APP, APP, offline=(SIGNED,)),
        _kind("github_user_to_server", "GitHub App user token", r"ghu_[A-Za-z0-9]{36}", BY_APP, APP, offline=(SIGNED,)),
        replace(
            _kind(
                "github_installation_token",
                "GitHub App installation token",
                r"ghs_(?:[A-Za-z0-9]{36}|\d{1,12}_[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000})",
                (ITSELF,),
                "It ends by itself within an hour; suspend the app's installation when somebody makes new ones.",
                "Replace the app's private key (only in its settings): whoever holds it can make new tokens.",
                offline=(expired_token,),
            ),
            verify=as_installation,
            identity="the account of the first repository that it can read",
            irreversible_loss="",
        ),
        replace(
            _kind(
                "github_refresh_token",
                "GitHub App refresh token",
                r"ghr_(?:[A-Za-z0-9]{76}|[A-Za-z0-9]{36})",
                (replace(BY_VALUE, observe=None),),
                APP,
                offline=(SIGNED,),
            ),
            identity="none: using it would use it up",
            effects_of_check="none: it is not asked",
        ),
    ),
)
