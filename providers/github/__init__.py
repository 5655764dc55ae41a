"""GitHub: personal, OAuth, app and installation tokens.

Anybody who holds a token may hand it to GitHub to be revoked (`/credentials/revoke`, github.com only): the request must
come without a login, the answer says nothing about the single token, and nobody can take it back.
"""

from dataclasses import replace
from datetime import timedelta

from revoker.providers.github.changes import AUTHORITY, bind_app, revoke, revoke_as_app, revoke_grant, revoke_installation
from revoker.providers.github.checks import as_installation, as_user, expired_token
from revoker.sdk import (
    Action,
    Budget,
    Effect,
    Kind,
    Manual,
    OfflineCheck,
    Propagation,
    Provider,
    Read,
    Residual,
    bound_as_itself,
    checksum,
    crc32_suffix,
    example_value,
    guided,
    no_safe_check,
    seen_dead,
)

DOCS = "https://docs.github.com/en/rest/users/users#get-the-authenticated-user"
REVOKE_DOCS = "https://docs.github.com/en/rest/credentials/revoke"
APP_DOCS = "https://docs.github.com/en/rest/apps/oauth-applications"
INSTALLATION_DOCS = "https://docs.github.com/en/rest/apps/installations"

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
        verify=no_safe_check if id == "github_refresh_token" else as_user,
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
        also_at="GitHub Enterprise Server",
        seldom_elsewhere=True,  # who has a server of their own names it in [endpoints], or has the repository there
        actions=actions,
        residual=(MADE,),
        budget=Budget(per_second=5, in_flight=4),  # slow: bad logins lock out good ones
        effects_of_check="the token's last use becomes this check",
        irreversible_loss="a revoked token cannot be brought back, and GitHub makes no new one by API",
    )


def _app_secret(id: str, title: str, pattern: str, *steps: str) -> Kind:
    return guided(
        id,
        title,
        pattern,
        docs="https://docs.github.com/en/apps/creating-github-apps/about-creating-github-apps/best-practices-for-creating-a-github-app",
        why="it is of use with the app's id only, and what it makes are tokens",
        manual=Manual(
            "https://github.com/settings/apps",
            (*steps, "Revoke the tokens that were made with it (the installation tokens end within an hour)."),
            notify="the app's owner",
            proves="the app's settings page lists it no more",
        ),
        residual=(Residual("installation tokens that it made", timedelta(hours=1)),),
        ambiguous=True,
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
    reads=(Read("/applications/*/token", json=("access_token",)),),
    obtain="Settings, Developer settings, the OAuth or GitHub App: generate a client secret.",
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
        replace(
            _kind("github_legacy_token", "GitHub token of the old form", r"[0-9a-f]{40}", (), OWN, offline=()),
            ambiguous=True,
        ),
        _app_secret(
            "github_oauth_app_secret",
            "GitHub App or OAuth app client secret",
            r"[0-9a-f]{40}",
            "Open the app (Settings, Developer settings), and generate a second client secret.",
            "Hand it to its users, then delete the leaked one.",
        ),
        _app_secret(
            "github_app_private_key",
            "GitHub App private key",
            r"\s*-----BEGIN (?:RSA )?PRIVATE KEY-----[A-Za-z0-9+/=\s]{600,4000}-----END (?:RSA )?PRIVATE KEY-----\s*",
            "Open the app (Settings, Developer settings, GitHub Apps); find the key by its SHA-256 fingerprint.",
            "Generate a second private key and hand it to its users, then delete the leaked one.",
            "Suspend the app's installations meanwhile when it is abused: that can be taken back.",
        ),
    ),
)
