"""Telegram: bot tokens. The token stands in the address of every call; egress shows no address anywhere.

Only the bot's owner can revoke a token, by talking to @BotFather. A managed bot's token can be replaced by its manager.
"""

from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Identity,
    Issued,
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
    Verdict,
    Writer,
    as_authority,
    dead,
    declares,
    example_value,
    judge,
    live,
    no_authority,
    receipt,
    safe_id,
    seen_dead,
    text_at,
    unsure,
)

DOCS = "https://core.telegram.org/bots/api#making-requests"
MANAGED = "https://core.telegram.org/method/bots.exportBotToken"

ANSWERS = (
    live(200, at="ok", codes=["True"], has=["result.id"]),
    dead(401, at="ok", codes=["False"]),
    unsure(404, "malformed", at="ok", codes=["False"]),
)


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask getMe. Never getUpdates, which confirms updates and fights with a webhook."""

    def whoami(reply: Reply) -> Identity:
        return Identity(text_at(reply, "result.id"), text_at(reply, "result.username"))

    return judge(await api.get(f"/bot{cred.secret.reveal()}/getMe"), ANSWERS, api.now, whoami)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The bot's id stands before the colon; the manager's token reaches its own bots only."""
    if api.authority("manager_token") is None:
        return no_authority("manager_token")
    return Bound(cred, cred.parts["bot_id"], Proof.EMBEDDED, "the bot's id is the first part of the token")


async def rotate(bound: Bound, api: Writer) -> Receipt:
    """Give a managed bot a new token; the old one is revoked by the same call."""
    manager = as_authority(api, "manager_token").value
    body = {"user_id": int(safe_id(bound.target, r"\d{1,20}"))}
    reply = await api.send("POST", f"/bot{manager.reveal()}/replaceManagedBotToken", json=body)
    told = receipt(
        "rotate", Effect.ISSUE, bound, reply, api.now, done=[200], told=lambda r: "done" if text_at(r, "result") else ""
    )
    return replace(told, issued=Issued(bound.target, Secret(str(reply.pick("result"))), {"bot_id": bound.target}))


PROVIDER = Provider(
    id="telegram",
    title="Telegram",
    hosts=("api.telegram.org",),
    docs="https://core.telegram.org/bots/api",
    obtain="BotFather, /token, for the bot that manages the leaked one.",
    authority={"manager_token": "the token of the bot that manages the leaked one (managed bots only)"},
    kinds=(
        Kind(
            id="telegram_bot_token",
            title="Telegram bot token",
            pattern=r"(?P<bot_id>\d{8,10}):[A-Za-z0-9_-]{35}",
            verify=verify,
            docs=DOCS,
            account=lambda cred: cred.parts.get("bot_id"),
            identity="the bot's id and its username",
            propagation=Propagation(timedelta(minutes=5), source="immediate, say its users; our margin"),
            manual=Manual(
                url="https://t.me/BotFather",
                steps=(
                    "As the bot's owner, send @BotFather /mybots and choose the bot (getMe tells its username).",
                    "API Token, Revoke current token.",
                    "Hand the new token to its users, and set the webhook again.",
                ),
                notify="the account that made the bot: nobody else can revoke its token",
            ),
            offline=(example_value,),
            irreversible_loss="the old token; everything that runs the bot needs the new one",
            actions=(
                Action(
                    "rotate",
                    Effect.ISSUE,
                    rotate,
                    bind,
                    "the token of the manager bot of this managed bot",
                    MANAGED,
                    authority="manager_token",
                    replaces=True,
                    observe=seen_dead(verify),
                    experimental=True,  # Bot API 9.6 is young
                    confirm="replace the token of a managed test bot, and see getMe refuse the old one",
                ),
            ),
        ),
    ),
)
