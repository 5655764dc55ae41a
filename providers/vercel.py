"""Vercel: personal, integration and app tokens, and keys of the AI gateway."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Effect,
    Identity,
    Kind,
    Manual,
    OfflineCheck,
    Propagation,
    Provider,
    Receipt,
    Reply,
    Verifier,
    Writer,
    bearer,
    bound_as_itself,
    checksum,
    crc32_suffix,
    dead,
    example_value,
    live,
    no_safe_check,
    probe,
    receipt,
    seen_dead,
    text_at,
    time_at,
)

DOCS = "https://vercel.com/docs/rest-api/authentication/get-auth-token-metadata"
DELETE_DOCS = "https://vercel.com/docs/rest-api/authentication/delete-an-authentication-token"
RIGHT_SUM = checksum(crc32_suffix)


def whoami(reply: Reply) -> Identity:
    """The token's id, its scopes and its end (milliseconds)."""
    end = reply.pick("token.expiresAt")
    seconds = Reply("", json={"at": end // 1000}) if isinstance(end, int) else reply
    scopes = reply.pick("token.scopes")
    rows = [Reply("", json=row) for row in scopes if isinstance(row, dict)] if isinstance(scopes, list) else []
    teams = [team for row in rows if (team := text_at(row, "teamId"))]
    said = tuple(text for row in rows if (text := text_at(row, "type")))
    return Identity(teams[0] if len(set(teams)) == 1 else None, text_at(reply, "token.id"), said, time_at(seconds, "at"))


verify = probe(
    "/v5/user/tokens/current",
    [
        live(200, has=["token.id"]),
        dead(401, at="error.invalidToken", codes=["True"]),
        dead(403, at="error.invalidToken", codes=["True"]),
        live(403, "restricted", at="error.code", codes=["forbidden"]),
    ],
    identity=whoami,
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token deletes itself, for good."""
    reply = await api.send("DELETE", "/v3/user/tokens/current", auth=bearer(bound.credential.secret))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


REVOKE = Action(
    "revoke",
    Effect.REVOKE,
    revoke,
    bound_as_itself("the token deletes itself"),
    "nothing: a token may delete itself",
    DELETE_DOCS,
    by="self",
    observe=seen_dead(verify),
)
FORM = r"_[A-Za-z0-9]{56}"
TOKENS = "https://vercel.com/account/settings/tokens"


def _kind(
    id: str,
    title: str,
    pattern: str,
    url: str,
    where: str,
    check: Verifier = verify,
    *,
    actions: tuple[Action, ...] = (),
    offline: tuple[OfflineCheck, ...] = (RIGHT_SUM, example_value),
    ambiguous: bool = False,
) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=check,
        docs=DOCS,
        identity="token id, scopes and end" if check is verify else "none: no call tells it without minting or paying",
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(
            url,
            (
                f"Find it under {where}, by its name and last use.",
                "Make a new one and hand it to its users.",
                "Delete the leaked one.",
            ),
            notify="the token's owner, and the team's owners",
        ),
        offline=offline,
        actions=actions,
        irreversible_loss="a deleted token cannot be brought back",
        ambiguous=ambiguous,
    )


PROVIDER = Provider(
    id="vercel",
    title="Vercel",
    hosts=("api.vercel.com",),
    docs="https://vercel.com/docs/rest-api",
    kinds=(
        _kind("vercel_token", "Vercel personal token", f"vcp{FORM}", TOKENS, "Account Settings, Tokens", actions=(REVOKE,)),
        _kind(
            "vercel_legacy_token",
            "Vercel token of the old form",
            r"[A-Za-z0-9]{24}",
            TOKENS,
            "Account Settings, Tokens",
            actions=(REVOKE,),
            offline=(example_value,),
            ambiguous=True,
        ),
        _kind(
            "vercel_integration_token",
            "Vercel integration token",
            f"vci{FORM}",
            "https://vercel.com/dashboard/integrations",
            "Integrations: remove the integration's installation",
        ),
        _kind(
            "vercel_app_token",
            "Vercel app access token",
            f"vca{FORM}",
            "https://vercel.com/account/settings",
            "Settings, Apps: revoke the app's access",
        ),
        _kind(
            "vercel_app_refresh_token",
            "Vercel app refresh token",
            f"vcr{FORM}",
            "https://vercel.com/account/settings",
            "Settings, Apps: revoke the app's access",
            no_safe_check,
        ),
        _kind(
            "vercel_ai_gateway_key",
            "Vercel AI gateway key",
            f"vck{FORM}",
            "https://vercel.com/dashboard/ai-gateway/api-keys",
            "AI Gateway, API Keys",
            no_safe_check,
        ),
    ),
)
