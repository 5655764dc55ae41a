"""Slack: bot and user tokens, and incoming webhooks.

Slack answers 200 to everything; `ok` and `error` hold the truth. A webhook has no read: it is sent a payload that
cannot be read as a message, and its refusal tells a working webhook from a dead one.
"""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Budget,
    Credential,
    Effect,
    Identity,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
    Read,
    Reader,
    Receipt,
    Reply,
    Residual,
    Secret,
    Unbound,
    Verdict,
    Writer,
    as_authority,
    bearer,
    bound_as_itself,
    dead,
    declares,
    example_value,
    guided,
    judge,
    live,
    no_authority,
    receipt,
    seen_dead,
    skip,
    text_at,
    unsure,
)

DOCS = "https://docs.slack.dev/reference/methods/auth.test"
HOOK_DOCS = "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"
ALLOWED = "no right: the setting ip_allow_list says that a refusal may be about our address"
HOOKS = "hooks.slack.com"
NO_MESSAGE = "not a message"  # no JSON: Slack cannot post it
GONE = ("token_revoked", "token_expired", "account_inactive")
LIMITED = ("missing_scope", "team_access_not_granted", "org_login_required", "ekm_access_denied", "not_allowed_token_type")

ANSWERS = (
    live(200, at="ok", codes=["True"], has=["team_id"]),
    live(200, at="ok", codes=["True"], has=["app_id"]),  # an app-level token belongs to an app, and perhaps to no workspace
    dead(200, at="error", codes=GONE),
    live(200, "restricted", at="error", codes=LIMITED),
    unsure(200, "rate_limited", at="error", codes=["ratelimited"]),
    unsure(200, "not_sent_right", at="error", codes=["not_authed"]),  # somebody on the way took the token out
)
WEBHOOK_ANSWERS = (
    live(400, says="invalid_payload", json=False),
    dead(400, says="invalid_token", json=False),
    dead(403, says="invalid_token", json=False),
    dead(404, says="no_service", json=False),
)


def whoami(reply: Reply) -> Identity:
    """Workspace, user or bot, and the scopes that a header lists."""
    scopes = reply.headers.get("x-oauth-scopes", "")
    return Identity(
        text_at(reply, "team_id"), text_at(reply, "user_id"), tuple(s.strip() for s in scopes.split(",") if s.strip())
    )


INVALID = dead(200, at="error", codes=["invalid_auth"])
MAYBE = unsure(200, "invalid_auth_or_address", at="error", codes=["invalid_auth"])  # where an allow list of addresses is named


@declares(*ANSWERS, INVALID, MAYBE)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """auth.test. Slack says `invalid_auth` to an unknown token, and also where the workspace allows certain addresses only."""
    allow_list = api.setting("ip_allow_list") is not None
    refused = MAYBE if allow_list else INVALID
    reply = await api.query("/api/auth.test", auth=bearer(cred.secret))
    return judge(reply, (*ANSWERS, refused), api.now, whoami)


@declares(*WEBHOOK_ANSWERS)
async def verify_webhook(cred: Credential, api: Reader) -> Verdict:
    """Send what cannot be a message. Workflow and trigger addresses are never asked: that could start them."""
    path = cred.secret.reveal().removeprefix(f"https://{HOOKS}")
    if not path.startswith("/services/"):
        return skip("no_safe_check")
    reply = await api.query(path, form={"payload": NO_MESSAGE}, host=HOOKS)
    return judge(reply, WEBHOOK_ANSWERS, api.now)


def outcome(reply: Reply) -> str:
    """What `ok` and `error` say of a change."""
    if reply.pick("ok") is True:
        return "" if reply.pick("revoked") is False else "done"
    error = text_at(reply, "error")
    return "already" if error in GONE else "refused" if error else ""


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token revokes itself, for good. A bot token's app must be installed again."""
    reply = await api.send("POST", "/api/auth.revoke", auth=bearer(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], told=outcome)


async def bind_app(cred: Credential, api: Reader) -> Bound | Unbound:
    """The token itself names its app's installation; the app's own id and secret must go with it."""
    if api.authority("client_secret") is None or api.setting("client_id") is None:
        return no_authority("client_id and client_secret")
    return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the request carries this very token")


async def uninstall(bound: Bound, api: Writer) -> Receipt:
    """Take the app out of the workspace: all its tokens and webhooks there die."""
    form: dict[str, str | Secret] = {
        "client_id": api.setting("client_id") or "",
        "client_secret": as_authority(api, "client_secret").value,
    }
    reply = await api.send("POST", "/api/apps.uninstall", auth=bearer(bound.credential.secret), form=form)
    return receipt("uninstall_app", Effect.REVOKE, bound, reply, api.now, done=[200], told=outcome)


def _token(id: str, title: str, pattern: str, loss: str) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=verify,
        docs=DOCS,
        identity="workspace id, user id, scopes",
        check_needs=ALLOWED,
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(
            url="https://api.slack.com/apps",
            steps=(
                "Open the app, OAuth & Permissions, and revoke its tokens.",
                "Install the app again and hand the new token to its users.",
            ),
            notify="the workspace's admins",
        ),
        offline=(example_value,),
        budget=Budget(per_second=5),
        irreversible_loss=loss,
        actions=(
            Action(
                "revoke",
                Effect.REVOKE,
                revoke,
                bound_as_itself("the token is the request's own credential, and revokes itself"),
                "nothing beside the token",
                "https://docs.slack.dev/reference/methods/auth.revoke",
                by="self",
                observe=seen_dead(verify),
            ),
            Action(
                "uninstall_app",
                Effect.REVOKE,
                uninstall,
                bind_app,
                "the app's client id and client secret",
                "https://docs.slack.dev/reference/methods/apps.uninstall",
                authority="client_secret",
                observe=seen_dead(verify),
            ),
        ),
    )


PROVIDER = Provider(
    id="slack",
    title="Slack",
    hosts=("slack.com", HOOKS),
    docs="https://docs.slack.dev/authentication/tokens",
    reads=(Read("/api/auth.test"), Read("/services/*", form=("payload",), fixed={"payload": (NO_MESSAGE,)})),
    obtain="api.slack.com/apps, the app, Basic Information, App Credentials.",
    authority={
        "client_id": "the app's client id",
        "client_secret": "the app's client secret",
        "ip_allow_list": "set it when the workspace lets certain addresses in only: `invalid_auth` then proves nothing",
    },
    kinds=(
        _token(
            "slack_bot_token",
            "Slack bot token",
            r"xoxb-\d{8,14}-[A-Za-z0-9-]{18,100}|xoxe\.xoxb-1-[A-Za-z0-9-]{40,250}",
            "this installation's token; the app must be installed again",
        ),
        _token(
            "slack_user_token",
            "Slack user token",
            r"xox[par]-\d{1,14}-[A-Za-z0-9-]{18,120}|xoxe\.xoxp-1-[A-Za-z0-9-]{40,250}",
            "the user must authorise the app again",
        ),
        Kind(
            id="slack_app_token",
            title="Slack app-level token",
            pattern=r"xapp-\d-(?P<app>A[A-Z0-9]{8,12})-\d{10,15}-[0-9a-f]{64}",
            verify=verify,
            docs=DOCS,
            check_needs=ALLOWED,
            identity="the app's id stands in the token itself",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://api.slack.com/apps",
                steps=(
                    "Open the app whose id stands in the token, Basic Information, App-Level Tokens.",
                    "Generate another with the same scopes and hand it to its users.",
                    "Revoke the leaked one: no API does.",
                ),
                notify="the app's collaborators",
            ),
            offline=(example_value,),
            budget=Budget(per_second=5),
        ),
        guided(
            "slack_refresh_token",
            "Slack refresh token (of an app or of app configurations)",
            r"xoxe-1-[A-Za-z0-9-]{60,250}",
            docs="https://docs.slack.dev/authentication/using-token-rotation",
            why="an exchange uses it up and makes another",
            manual=Manual(
                url="https://api.slack.com/apps",
                steps=(
                    "An app's: reinstall the app, and store the new tokens. App configurations': delete the token under Your Apps.",
                    "The access tokens that it made end within twelve hours; revoke them too.",
                ),
                notify="the workspace's admins",
                proves="an exchange by its rightful holder is refused",
            ),
            residual=(Residual("access tokens that it made", timedelta(hours=12)),),
        ),
        guided(
            "slack_session_token",
            "Slack browser session (token or cookie)",
            r"xoxc-[A-Za-z0-9-]{40,150}|xoxd-[A-Za-z0-9%+/=_-]{40,400}",
            docs="https://docs.slack.dev/reference/methods/admin.users.session.reset",
            why="it acts as a person in a browser, and only as a pair",
            manual=Manual(
                url="https://slack.com/help/articles/214613347",
                steps=(
                    "As the user, sign out of all other sessions (account settings).",
                    "An Enterprise admin: admin.users.session.reset for the user.",
                ),
                notify="the user, and the workspace's admins",
                proves="the access log shows no use of the session any more",
            ),
        ),
        Kind(
            id="slack_webhook",
            title="Slack incoming webhook",
            pattern=r"https://hooks\.slack\.com/(?:services/(?P<team>T[A-Z0-9]{7,12})/(?P<app_bot>B[A-Z0-9]{7,12})/[A-Za-z0-9]{22,26}"
            r"|(?:workflows|triggers)/[A-Za-z0-9/]{20,120})",
            verify=verify_webhook,
            docs=HOOK_DOCS,
            account=lambda cred: cred.parts.get("team"),
            identity="the workspace and the app's bot stand in the address itself; nothing else is told",
            propagation=Propagation(timedelta(minutes=5)),
            residual=(Residual("messages that were posted stay", None),),
            manual=Manual(
                url="https://api.slack.com/apps",
                steps=(
                    "Find the app by the ids in the address (T.. workspace, B.. app).",
                    "Make a new webhook under Incoming Webhooks and hand it to its users.",
                    "Remove the leaked webhook, or uninstall the app.",
                ),
                notify="the workspace's admins; the owner of the channel",
            ),
            effects_of_check="one refused request at the webhook's own address; nothing is posted",
        ),
    ),
)
