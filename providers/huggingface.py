"""Hugging Face: user tokens, and the deprecated organisation tokens.

Anybody who holds a token may report it as leaked: the raw value is the request, and the whole token dies everywhere.
The answer is always 202, whatever was sent, so only the check afterwards proves anything.
"""

from collections.abc import Iterator
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
    Reader,
    Receipt,
    Reply,
    Unbound,
    Writer,
    as_authority,
    bound_as_itself,
    can_read,
    dead,
    example_value,
    live,
    no_authority,
    probe,
    receipt,
    safe_id,
    seen_dead,
    text_at,
    time_at,
)

DOCS = "https://huggingface.co/docs/hub/security-tokens"
IDENTITY = "user or organisation, the token's own name, role and fine-grained permissions, expiry"
MANUAL = Manual(
    url="https://huggingface.co/settings/tokens",
    steps=("Sign in as the owner.", "Open Access Tokens.", "Invalidate and refresh the token, or delete it."),
    notify="the token's owner (Hugging Face writes to them too)",
)


def whoami(reply: Reply) -> Identity:
    """Who the token is and what it may do."""
    return Identity(
        account=text_at(reply, "name"),
        principal=text_at(reply, "auth.accessToken.displayName"),
        scopes=tuple(str(right)[:100] for right in rights(reply.pick("auth.accessToken"))),
        expires_at=time_at(reply, "auth.expiresAt"),
    )


def rights(of: object) -> Iterator[object]:
    """The token's role, then the permissions of each of its fine-grained scopes."""
    if not isinstance(of, dict):
        return
    if isinstance(of.get("role"), str):
        yield of["role"]
    fine = of.get("fineGrained")
    scoped = fine.get("scoped") if isinstance(fine, dict) else None
    for scope in scoped if isinstance(scoped, list) else []:
        granted = scope.get("permissions") if isinstance(scope, dict) else None
        yield from granted if isinstance(granted, list) else []


verify = probe(
    "/api/whoami-v2",
    [
        live(200, has=["name"]),
        dead(401, "expired", says="expired", has=["error"]),
        dead(401, has=["error"]),
        live(403, "restricted", has=["error"]),  # an organisation's token or network policy
    ],
    identity=whoami,
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Report the raw token as leaked. Permanent; the call needs no credential, and always answers 202."""
    reply = await api.send("POST", "/api/credentials/revoke", json={"credentials": [bound.credential.secret]})
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[202], detail="accepted; 202 proves nothing by itself")


async def bind_in_organisation(cred: Credential, api: Reader) -> Bound | Unbound:
    """The raw value names the token; the organisation is the operator's own."""
    organisation = api.setting("organization")
    if api.authority("admin_token") is None or organisation is None:
        return no_authority("admin_token and organization")
    how = f"the request to {organisation} carries this very value"
    return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, how, account=organisation)


async def revoke_in_organisation(bound: Bound, api: Writer) -> Receipt:
    """Cut the token off one Enterprise organisation's resources, for good. It goes on working elsewhere."""
    organisation = safe_id(bound.account)
    reply = await api.send(
        "POST",
        f"/api/organizations/{organisation}/settings/tokens/revoke",
        auth=as_authority(api, "admin_token"),
        json={"token": bound.credential.secret},
    )
    return receipt("revoke_in_organisation", Effect.REVOKE, bound, reply, api.now, done=[200, 202, 204])


def _revoke(*, experimental: bool = False) -> Action:
    return Action(
        id="revoke",
        effect=Effect.REVOKE,
        run=revoke,
        bind=bound_as_itself("the request carries this very value, and can revoke no other"),
        needs="nothing: anybody may report a leaked token",
        docs=DOCS,
        by="self",
        observe=seen_dead(verify),
        experimental=experimental,
        confirm="report a test organisation's token, and see whoami-v2 refuse it",
    )


PROVIDER = Provider(
    id="huggingface",
    title="Hugging Face",
    hosts=("huggingface.co",),
    docs="https://huggingface.co/docs/hub/api",
    obtain="As an admin of the organisation: Settings, Access Tokens, a fine-grained token with "
    "the organisation's rights to manage members.",
    authority={"admin_token": "token of an Enterprise organisation's admin", "organization": "that organisation's name"},
    check_authority=can_read("admin_token", {"a working token": "/api/whoami-v2"}),
    kinds=(
        Kind(
            id="huggingface_token",
            title="Hugging Face user access token",
            pattern=r"hf_[A-Za-z0-9]{34}",
            verify=verify,
            docs=DOCS,
            identity=IDENTITY,
            propagation=Propagation(timedelta(minutes=5), source="documented as immediate; our margin"),
            manual=MANUAL,
            offline=(example_value,),
            budget=Budget(per_second=1, in_flight=2),  # whoami is tightly limited
            irreversible_loss="the token with all its permissions; there is no way back",
            actions=(
                _revoke(),
                Action(
                    id="revoke_in_organisation",
                    effect=Effect.REVOKE,
                    run=revoke_in_organisation,
                    bind=bind_in_organisation,
                    needs="admin of an Enterprise organisation",
                    docs=DOCS,
                    authority="admin_token",
                ),
            ),
        ),
        Kind(
            id="huggingface_org_token",
            title="Hugging Face organisation token (deprecated)",
            pattern=r"api_org_[A-Za-z]{34}",
            verify=verify,
            docs=DOCS,
            identity=IDENTITY,
            propagation=Propagation(timedelta(minutes=5), source="documented as immediate; our margin"),
            manual=MANUAL,
            offline=(example_value,),
            budget=Budget(per_second=1, in_flight=2),
            irreversible_loss="the token with all its permissions; there is no way back",
            actions=(_revoke(experimental=True),),  # the endpoint is documented for user tokens
        ),
    ),
)
