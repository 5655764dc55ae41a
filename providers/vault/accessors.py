"""Accessors: no credentials, but whoever may revoke by accessor ends the token. In audit logs they stand where tokens do not."""

from revoker.providers.vault.tokens import AUTHORITY, NO_AUTHORITY, USED_UP, ask, whoami
from revoker.sdk import (
    Bound,
    Credential,
    Proof,
    Reader,
    Unbound,
    Validity,
    Verdict,
    dead,
    declares,
    judge,
    live,
    no_authority,
    safe_id,
    unsure,
)

LOOKUP = "/v1/auth/token/lookup-accessor"
ANSWERS = (
    USED_UP,
    live(200, "token_is_there", has=["data.policies"]),
    dead(400, "unknown_accessor", says="invalid accessor"),
    dead(403, "unknown_accessor", says="invalid accessor"),
    unsure(403, "authority_refused"),
    unsure(500, "another_namespace", says="different namespace"),
)


@declares(NO_AUTHORITY, *ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Live as long as its token is. One of another namespace decides nothing: `[authority.vault] namespace` names it."""
    if api.authority(AUTHORITY) is None:
        return Verdict(Validity.UNKNOWN, "no_safe_check")
    reply = await ask(api, LOOKUP, {"accessor": cred.secret})
    return judge(reply, ANSWERS, api.now, whoami)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The accessor is the target itself."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    verdict = await verify(cred, api)
    if verdict.validity is not Validity.LIVE:
        return Unbound("no_match", f"the server knows no token with this accessor ({verdict.reason})")
    how = f"the accessor itself: the token of {verdict.identity.principal if verdict.identity else 'somebody'}"
    return Bound(cred, safe_id(cred.secret.reveal()), Proof.SECRET_IS_CREDENTIAL, how)
