"""Discord: bot tokens, incoming webhooks and client secrets. A webhook's address is its credential, and can delete itself."""

import re
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
    Propagation,
    Provider,
    Reader,
    Receipt,
    Reply,
    Residual,
    Verdict,
    Writer,
    bound_as_itself,
    dead,
    declares,
    example_value,
    guided,
    header,
    identity_from,
    judge,
    live,
    no_safe_check,
    probe,
    receipt,
    seen_dead,
    text_at,
)

DOCS = "https://discord.com/developers/docs/reference#authentication"
HOOK_DOCS = "https://discord.com/developers/docs/resources/webhook"
PORTAL = "https://discord.com/developers/applications"
HOOK = (
    r"https://(?:canary\.|ptb\.)?discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/(?P<webhook_id>\d{17,20})/[A-Za-z0-9_-]{60,80}"
)

HOOK_ANSWERS = (
    live(200, has=["id", "channel_id"]),
    dead(404, at="code", codes=["10015"]),  # unknown webhook
)


def hook_path(cred: Credential) -> str:
    """The webhook's path; old and test hosts lead to the same place."""
    return re.sub(r"^https://[a-z.]+", "", cred.secret.reveal())


@declares(*HOOK_ANSWERS)
async def verify_hook(cred: Credential, api: Reader) -> Verdict:
    """Get the webhook by its own address; nothing is posted."""

    def whoami(reply: Reply) -> Identity:
        return Identity(text_at(reply, "guild_id"), text_at(reply, "name"))

    return judge(await api.get(hook_path(cred)), HOOK_ANSWERS, api.now, whoami)


async def delete_hook(bound: Bound, api: Writer) -> Receipt:
    """The webhook deletes itself, for good."""
    reply = await api.send("DELETE", hook_path(bound.credential))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404])


PROVIDER = Provider(
    id="discord",
    title="Discord",
    hosts=("discord.com",),
    docs="https://discord.com/developers/docs/intro",
    kinds=(
        Kind(
            id="discord_bot_token",
            title="Discord bot token",
            pattern=r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}",
            verify=probe(
                "/api/v10/users/@me",
                [live(200, has=["id"]), dead(401, at="code", codes=["0"])],
                auth=lambda secret: header("Authorization", secret, "Bot {}"),
                identity=identity_from(account="id", principal="username"),
            ),
            docs=DOCS,
            identity="the bot's user id and name",
            propagation=Propagation(timedelta(minutes=5)),
            budget=Budget(per_second=5, in_flight=4),  # thousands of refusals from one address get it banned
            manual=Manual(
                url=PORTAL,
                steps=(
                    "Open the application (the first part of the token is its bot's id in Base64), Bot.",
                    "Reset Token, and hand the new one to its users.",
                ),
                notify="the application's team; Discord itself resets tokens that it finds in public repositories",
            ),
            offline=(example_value,),
        ),
        Kind(
            id="discord_webhook",
            title="Discord webhook",
            pattern=HOOK,
            verify=verify_hook,
            docs=HOOK_DOCS,
            identity="the server (guild) and the webhook's name",
            propagation=Propagation(timedelta(minutes=5)),
            residual=(Residual("messages that were posted stay", None),),
            budget=Budget(per_second=5, in_flight=4),
            manual=Manual(
                url="https://support.discord.com/hc/en-us/articles/228383668",
                steps=("Open the server's settings, Integrations, Webhooks.", "Make a new webhook.", "Delete the leaked one."),
                notify="the server's admins",
            ),
            offline=(example_value,),
            irreversible_loss="the webhook; a new one has another address",
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    delete_hook,
                    bound_as_itself("the webhook's address is the credential, and deletes itself"),
                    "nothing beside the address",
                    HOOK_DOCS,
                    by="self",
                    observe=seen_dead(verify_hook),
                ),
            ),
        ),
        guided(
            "discord_user_token",
            "Discord user token",
            r"mfa\.[A-Za-z0-9_-]{80,100}",
            docs="https://support.discord.com/hc/en-us/articles/115002192352",
            why="a call would act as a person, which Discord forbids",
            manual=Manual(
                url="https://discord.com/login",
                steps=("As the user, change the password: every session of the account ends.",),
                notify="the user",
                proves="the user is logged out everywhere",
            ),
            labels={"list": ("discord_user_token",)},
        ),
        Kind(
            id="discord_client_secret",
            title="Discord OAuth2 client secret",
            pattern=r"[A-Za-z0-9_-]{32}",
            ambiguous=True,
            verify=no_safe_check,
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs="https://discord.com/developers/docs/topics/oauth2",
            identity="none: every call that takes it makes a token",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url=PORTAL,
                steps=("Open the application, OAuth2.", "Reset Secret, and hand the new one to its users."),
                notify="the application's team",
                proves="the old secret is refused at the next sign-in",
            ),
            offline=(example_value,),
            labels={"gitleaks": ("discord-client-secret",)},
        ),
    ),
)
