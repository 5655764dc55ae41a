"""Tokens that cannot ask about themselves: the server's administrator looks them up and revokes them by their value."""

from revoker.providers.gitlab.tokens import AUTHORITY, by_token
from revoker.sdk import (
    Answer,
    Bound,
    Check,
    Credential,
    Effect,
    Proof,
    Reader,
    Receipt,
    Reply,
    Unbound,
    Validity,
    Verdict,
    Writer,
    as_authority,
    dead,
    decided,
    declares,
    identity_from,
    judge,
    live,
    no_authority,
    receipt,
    safe_id,
    unsure,
)

BY_VALUE = "/api/v4/admin/token"


BY_ADMIN = (
    dead(200, "revoked", at="revoked", codes=["True"], has=["id"]),
    dead(200, "expired", at="expired", codes=["True"], has=["id"]),
    live(200, "known", at="revoked", codes=["False"], has=["id"]),
    unsure(401, "authority_refused"),
    unsure(403, "authority_refused"),
    unsure(404, "not_found"),  # no such token, or a server before 17.8
)


# Other families tell no `revoked`: what the server still finds by its value is there, and an agent's token has a status.
KNOWN = (dead(200, "revoked", at="status", codes=["revoked"], has=["id"]), live(200, "known", has=["id"]), *BY_ADMIN[-3:])


def answers(cred: Credential) -> tuple[Answer, ...]:
    """What the look-up says of a token of this family."""
    return BY_ADMIN if cred.kind == "gitlab_deploy_token" else KNOWN


def _by_value(said: tuple[Answer, ...]) -> Check:
    """These tokens cannot ask about themselves over the API; an administrator of the server looks them up by their value."""

    @declares(decided(Validity.UNKNOWN, "no_safe_check", "nothing is sent without the authority"), *said)
    async def verify(cred: Credential, api: Reader) -> Verdict:
        if api.authority(AUTHORITY) is None:
            return Verdict(Validity.UNKNOWN, "no_safe_check")
        who = identity_from(principal="username", scopes="scopes", expires_at="expires_at")
        return judge(await _look(cred, api), said, api.now, who)

    return verify


verify = _by_value(BY_ADMIN)
verify_other = _by_value(KNOWN)


async def _look(cred: Credential, api: Reader) -> Reply:
    return await api.query(BY_VALUE, auth=as_authority(api, AUTHORITY, by_token), json={"token": cred.secret})


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The server looks up the whole value."""
    if api.authority(AUTHORITY) is None:
        return no_authority(AUTHORITY)
    reply = await _look(cred, api)
    if judge(reply, answers(cred), api.now).validity is not Validity.LIVE:
        return Unbound("no_match", f"the server does not show this token as live ({reply.status or reply.trouble})")
    return Bound(cred, safe_id(reply.pick("id")), Proof.SELF_ENDPOINT, "the server looked up this very token by its value")


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Hand the value to the server, as its administrator."""
    body = {"token": bound.credential.secret}
    reply = await api.send("DELETE", BY_VALUE, auth=as_authority(api, AUTHORITY, by_token), json=body)
    return receipt("revoke_by_value", Effect.REVOKE, bound, reply, api.now, done=[204])
