"""Cloudflare: user tokens, account tokens, global keys and Origin CA keys.

A token of the old form may belong to a user or to an account, and each route refuses the other's: it is dead when
both have refused it.
"""

from datetime import timedelta

from revoker.providers.cloudflare import tokens
from revoker.providers.cloudflare.tokens import ACCOUNT_KIND
from revoker.sdk import Action, Budget, Effect, Kind, Manual, Propagation, Provider, Verifier, example_value, no_safe_check

DOCS = "https://developers.cloudflare.com/fundamentals/api/get-started/create-token/"
API_DOCS = "https://developers.cloudflare.com/api/resources/user/subresources/tokens/"
ACCOUNT_DOCS = "https://developers.cloudflare.com/api/resources/accounts/subresources/tokens/"
KEY_DOCS = "https://developers.cloudflare.com/fundamentals/api/get-started/keys/"


def _actions(*, account: bool) -> tuple[Action, ...]:
    name, docs, bind = (
        ("account_token" if account else "user_token"),
        (ACCOUNT_DOCS if account else API_DOCS),
        tokens.binds(account=account),
    )
    needs = "API Tokens Write of the account" if account else "API Tokens Write of the same user"
    off, on = tokens.has_status("disabled"), tokens.has_status("active")
    return (
        Action(
            "suspend",
            Effect.SUSPEND,
            tokens.switch("suspend", Effect.SUSPEND, "disabled"),
            bind,
            needs,
            docs,
            authority=name,
            undo="restore",
            observe=off,
        ),
        Action(
            "restore",
            Effect.RESTORE,
            tokens.switch("restore", Effect.RESTORE, "active"),
            bind,
            needs,
            docs,
            authority=name,
            undo="suspend",
            observe=on,
        ),
        Action("revoke", Effect.REVOKE, tokens.revoke, bind, needs, docs, authority=name, observe=tokens.is_gone),
        Action("rotate", Effect.ISSUE, tokens.rotate, bind, needs, docs, authority=name, replaces=True),
        Action(
            "revoke_self",
            Effect.REVOKE,
            tokens.revoke_itself,
            tokens.binds(account=account, own=True),
            "API Tokens Write on the leaked token itself",
            docs,
            by="self",
        ),
    )


OF_ACCOUNT = "no right: the setting account_id says whose token it may be"


def _kind(
    id: str,
    title: str,
    pattern: str,
    verify: Verifier,
    *,
    url: str,
    steps: tuple[str, ...],
    identity: str,
    actions: tuple[Action, ...] = (),
    docs: str = DOCS,
    needs: tuple[str, ...] = (),
    ambiguous: bool = False,
    requests: int = 1,
) -> Kind:
    of_account = verify in (tokens.verify_account, tokens.verify_either)
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=verify,
        docs=docs,
        identity=identity,
        check_needs=OF_ACCOUNT if of_account else "",
        local_refusals=(tokens.OTHER_ACCOUNT,) if of_account else (tokens.OTHER_ADDRESS,) if needs else (),
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(url, steps, notify="the user, or the account's administrators"),
        needs=needs,
        offline=(example_value,),
        actions=actions,
        budget=Budget(per_second=4),  # 1,200 requests in five minutes, then five minutes of silence
        requests=requests,
        irreversible_loss="the token with its policies; a deleted token cannot be brought back",
        ambiguous=ambiguous,
    )


PAGE = "https://dash.cloudflare.com/profile/api-tokens"
BY_ID = "the token's id and end; its policies only to its owner"
TOKEN_STEPS = ("Find the token by its name and last use.", "Roll it and hand the new value to its users, or delete it.")
KEY_STEPS = (
    "Open API Tokens, API Keys.",
    "Choose Change at this key: the old one stops, and there is only one.",
    "Hand the new key to its users; better, replace it by a token with fewer rights.",
)

PROVIDER = Provider(
    id="cloudflare",
    title="Cloudflare",
    hosts=("api.cloudflare.com",),
    docs="https://developers.cloudflare.com/api/",
    obtain="My Profile, API Tokens (or Manage Account, API Tokens): make a token from the "
    "template that creates additional tokens.",
    authority={
        "user_token": "token of the same user with API Tokens Write",
        "account_token": "token of the account with Account API Tokens Write",
        "account_id": "the account that owns account tokens",
    },
    kinds=(
        _kind(
            "cloudflare_api_token",
            "Cloudflare user API token",
            r"cfut_[A-Za-z0-9]{40}[0-9a-f]{8}",
            tokens.verify_user,
            url=PAGE,
            steps=TOKEN_STEPS,
            identity=BY_ID,
            actions=_actions(account=False),
        ),
        _kind(
            ACCOUNT_KIND,
            "Cloudflare account API token",
            r"cfat_[A-Za-z0-9]{40}[0-9a-f]{8}",
            tokens.verify_account,
            url="https://dash.cloudflare.com/?to=/:account/api-tokens",
            steps=TOKEN_STEPS,
            identity=BY_ID,
            docs=ACCOUNT_DOCS,
            actions=_actions(account=True),
        ),
        _kind(
            "cloudflare_legacy_token",
            "Cloudflare API token of the old form",
            r"[A-Za-z0-9_-]{40}",
            tokens.verify_either,
            url=PAGE,
            steps=TOKEN_STEPS,
            identity=BY_ID,
            actions=_actions(account=False),
            ambiguous=True,
            requests=2,
        ),
        _kind(
            "cloudflare_global_api_key",
            "Cloudflare global API key",
            r"cfk_[A-Za-z0-9]{40}[0-9a-f]{8}",
            tokens.verify_global,
            url=PAGE,
            steps=KEY_STEPS,
            identity="the user's id",
            docs=KEY_DOCS,
            needs=("email",),
        ),
        _kind(
            "cloudflare_legacy_global_key",
            "Cloudflare global API key of the old form",
            r"[0-9a-f]{37}",
            tokens.verify_global,
            url=PAGE,
            steps=KEY_STEPS,
            identity="the user's id",
            docs=KEY_DOCS,
            needs=("email",),
            ambiguous=True,
        ),
        _kind(
            "cloudflare_origin_ca_key",
            "Cloudflare Origin CA key",
            r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}",
            no_safe_check,
            url=PAGE,
            steps=KEY_STEPS,
            identity="none: no call tells whose the key is",
            docs=KEY_DOCS,
        ),
    ),
)
