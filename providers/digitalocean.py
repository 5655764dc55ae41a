"""DigitalOcean: personal tokens, OAuth tokens, and the keys of Spaces.

A refresh token is never tried: its exchange consumes it and makes another.
"""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Budget,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Verifier,
    Writer,
    absent,
    as_authority,
    bearer,
    bound_as_itself,
    bound_by_part,
    can_read,
    dead,
    example_value,
    identity_from,
    live,
    no_safe_check,
    probe,
    receipt,
    safe_id,
    seen_dead,
)
from revoker.sdk import Sibling as Listed

DOCS = "https://docs.digitalocean.com/reference/api/create-personal-access-token/"
OAUTH_DOCS = "https://docs.digitalocean.com/reference/api/oauth/"
SPACES_DOCS = "https://docs.digitalocean.com/reference/api/digitalocean/#tag/Spaces-Keys"
SPACES = "/v2/spaces/keys"

verify = probe(
    "/v2/account",
    [live(200, has=["account.uuid"]), dead(401, has=["id"]), live(403, "restricted", has=["id"])],
    identity=identity_from(account="account.team.uuid", principal="account.uuid"),
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token revokes itself, for good."""
    secret = bound.credential.secret
    reply = await api.send("POST", "/v1/oauth/revoke", auth=bearer(secret), form={"token": secret}, host="cloud.digitalocean.com")
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200])


async def revoke_spaces_key(bound: Bound, api: Writer) -> Receipt:
    """Delete a Spaces key by its id, for good."""
    reply = await api.send("DELETE", f"{SPACES}/{safe_id(bound.target)}", auth=as_authority(api, "token"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[204], already=[404])


async def spaces_key(bound: Bound, api: Reader) -> list[Listed] | None:
    """The key, if it is still there."""
    now = await api.get(f"{SPACES}/{safe_id(bound.target)}", auth=as_authority(api, "token"))
    if now.trouble is not None or now.status not in (200, 404) or not isinstance(now.json, dict):
        return None
    return [Listed(bound.target)] if now.status == 200 else []


def _token(id: str, title: str, prefix: str, check: Verifier, *, experimental: bool, docs: str = OAUTH_DOCS) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=rf"{prefix}_v1_[0-9a-f]{{64}}",
        verify=check,
        docs=docs,
        identity="user and team" if check is verify else "none: only an exchange would tell, and that consumes the token",
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(
            "https://cloud.digitalocean.com/account/api/tokens",
            (
                "Choose the team, and find the token by its name and last use; apps stand under OAuth and authorized applications.",
                "Make a new one with the same scopes and hand it to its users.",
                "Delete the leaked token, or revoke the app.",
            ),
            notify="the token's owner and the team's owner",
        ),
        offline=(example_value,),
        budget=Budget(per_second=4),  # 250 in a minute
        actions=(
            Action(
                "revoke",
                Effect.REVOKE,
                revoke,
                bound_as_itself("the request carries this very token, and can revoke no other"),
                "nothing: the token revokes itself",
                OAUTH_DOCS,
                by="self",
                observe=seen_dead(verify) if check is verify else None,
                experimental=experimental,
                confirm="revoke a test token of this sort, and see /v2/account (or a refresh) refuse it",  # documented for OAuth access tokens only
            ),
        ),
        irreversible_loss="a revoked token cannot be brought back",
    )


PROVIDER = Provider(
    id="digitalocean",
    title="DigitalOcean",
    hosts=("api.digitalocean.com", "cloud.digitalocean.com"),
    docs="https://docs.digitalocean.com/reference/api/",
    obtain="API, Tokens: make a personal access token with custom scopes.",
    authority={"token": "personal token with spaces_key:read and spaces_key:delete"},
    check_authority=can_read("token", {"spaces_key:read": SPACES}),
    kinds=(
        _token("digitalocean_pat", "DigitalOcean personal access token", "dop", verify, experimental=True, docs=DOCS),
        _token("digitalocean_oauth", "DigitalOcean OAuth access token", "doo", verify, experimental=False),
        _token("digitalocean_refresh_token", "DigitalOcean OAuth refresh token", "dor", no_safe_check, experimental=True),
        Kind(
            id="digitalocean_spaces_key",
            title="DigitalOcean Spaces key",
            pattern=r"[A-Za-z0-9/+]{43}",
            verify=no_safe_check,
            docs=SPACES_DOCS,
            identity="the key id, which is the finding's own",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                "https://cloud.digitalocean.com/spaces/access_keys",
                ("Find the key by its id.", "Make a new one with the same grants and hand it to its users.", "Delete it."),
                notify="the team's owner",
                proves="the list of Spaces keys holds the id no more",
            ),
            needs=("key_id",),
            offline=(example_value,),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke_spaces_key,
                    bound_by_part("key_id", "the key id is half of the leaked pair"),
                    "spaces_key:delete",
                    SPACES_DOCS,
                    authority="token",
                    observe=absent(spaces_key),
                ),
            ),
            irreversible_loss="a deleted key cannot be brought back",
            ambiguous=True,
        ),
    ),
)
