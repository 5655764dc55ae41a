"""JSON Web Tokens of the operator's own issuer. Tokens of vendors that are JWTs too are of the vendors' kinds, which win.

A token says who made it, for whom, and until when. Whether it still counts, only its issuer can tell (RFC 7662), and only an issuer
that the operator names is asked: nothing that stands in a token, and no discovery document, leads anywhere.
"""

import base64
import json
from datetime import UTC, datetime, timedelta

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
    Validity,
    Verdict,
    Writer,
    as_authority,
    basic,
    dead,
    declares,
    expired_offline,
    judge,
    jwt_claims,
    live,
    no_authority,
    receipt,
    skip,
    text_at,
    time_at,
    unsure,
    with_code,
)

INTROSPECTION = "https://www.rfc-editor.org/rfc/rfc7662#section-2.2"
REVOCATION = "https://www.rfc-editor.org/rfc/rfc7009#section-2"
AUTHORITY = "client_secret"
SKEW = timedelta(minutes=5)  # clocks differ: a token that ended this instant may still be taken somewhere
PATHS = (  # where the usual servers have their introspection: any other path is not asked
    "/introspect",
    "/oauth/introspect",
    "/oauth2/introspect",
    "/oauth2/v1/introspect",
    "/oauth2/*/v1/introspect",
    "/oauth/v2/introspect",
    "/connect/introspect",
    "/as/introspect.oauth2",
    "/admin/oauth2/introspect",
    "/application/o/introspect/",
    "/protocol/openid-connect/token/introspect",
    "/realms/*/protocol/openid-connect/token/introspect",
)
ANSWERS = (
    live(200, "active", codes=["active"]),
    dead(200, "inactive", codes=["inactive"]),
    unsure(401, "authority_refused"),
    unsure(403, "authority_refused"),
)


def _header(value: str) -> dict[str, object]:
    """The unverified header of a token, or an empty dict."""
    part = value.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def facts(secret: Secret) -> dict[str, str]:
    """What a token says about itself, unverified: issuer, subject, audience, id, end, and how it is signed."""
    value = secret.reveal()
    header, claims = _header(value), jwt_claims(value)
    said = {"issuer": "iss", "subject": "sub", "audience": "aud", "jti": "jti"}
    found = {name: claims.get(claim) for name, claim in said.items()}
    found |= {"algorithm": header.get("alg"), "kid": header.get("kid"), "expires": _time(claims.get("exp"))}
    return {name: _clean(text) for name, text in found.items() if isinstance(text, str) and text}


def _clean(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:200]


def _time(seconds: object) -> str | None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def no_token(cred: Credential, now: datetime) -> Verdict | None:
    """Three parts that hold no header and no claims, or the sample that every tutorial shows."""
    value = cred.secret.reveal()
    claims = jwt_claims(value)
    if not claims or "alg" not in _header(value):
        return skip("malformed")
    return skip("example") if claims.get("sub") == "1234567890" and claims.get("name") in ("John Doe", None) else None


def is_over(cred: Credential, now: datetime) -> Verdict | None:
    """Dead when its own end is past, and five minutes more: every verifier refuses it then."""
    end = jwt_claims(cred.secret.reveal()).get("exp")
    if isinstance(end, int | float) and not isinstance(end, bool) and 0 < end < (now - SKEW).timestamp():
        return expired_offline()
    return None


def _is_named(cred: Credential, api: Reader) -> bool:
    """True when the operator's issuer is the very one that the token names."""
    issuer = api.setting("issuer")
    return bool(issuer) and jwt_claims(cred.secret.reveal()).get("iss") == issuer


def _activity(reply: Reply) -> str | None:
    return {True: "active", False: "inactive"}.get(reply.pick("active")) if isinstance(reply.pick("active"), bool) else None


def _who(reply: Reply) -> Identity:
    scopes = (text_at(reply, "scope") or "").split()
    principal = text_at(reply, "username") or text_at(reply, "sub") or text_at(reply, "client_id")
    return Identity(text_at(reply, "iss"), principal, tuple(scopes), time_at(reply, "exp"))


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask its issuer, when the operator names it. A token that nobody is asked about stays unknown until its end."""
    begin = jwt_claims(cred.secret.reveal()).get("nbf")
    client, path = api.setting("client_id"), api.setting("introspection")
    if not _is_named(cred, api):
        return Verdict(Validity.UNKNOWN, "issuer_not_named")
    if not client or not path or api.authority(AUTHORITY) is None:
        return Verdict(Validity.UNKNOWN, "no_introspection")
    if isinstance(begin, int | float) and not isinstance(begin, bool) and begin > (api.now + SKEW).timestamp():
        return Verdict(Validity.UNKNOWN, "not_yet_valid")
    auth = as_authority(api, AUTHORITY, lambda secret: basic(client, secret))
    reply = await api.query(path, auth=auth, form={"token": cred.secret}, headers={"Accept": "application/json"})
    return judge(with_code(reply, _activity), ANSWERS, api.now, _who)


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The token itself is the request's body, and it goes to the issuer that it names and that the operator names."""
    if api.authority(AUTHORITY) is None or not api.setting("client_id") or not api.setting("revocation"):
        return no_authority(f"issuer, client_id, revocation and {AUTHORITY}")
    if not _is_named(cred, api):
        return Unbound("not_ours", "the token is not of the issuer that [authority.jwt] names")
    how = "the token itself is the request's body, sent to the issuer that it names"
    return Bound(cred, cred.parts.get("jti") or cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, how, cred.parts.get("issuer"))


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """RFC 7009: 200 says taken, for an unknown token too; only the introspection after it proves anything."""
    client = api.setting("client_id") or ""
    auth = as_authority(api, AUTHORITY, lambda secret: basic(client, secret))
    path = "/" + (api.setting("revocation") or "revoke").lstrip("/")
    reply = await api.send("POST", path, auth=auth, form={"token": bound.credential.secret})
    detail = "services that check the signature alone take it until its end"
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], detail=detail)


async def observe(bound: Bound, api: Reader) -> bool | None:
    """In effect when the issuer says that the token is not active."""
    verdict = await verify(bound.credential, api)
    return {Validity.DEAD: True, Validity.LIVE: False}.get(verdict.validity)


PROVIDER = Provider(
    id="jwt",
    title="JSON Web Tokens (your own issuer)",
    hosts=(),
    docs="https://www.rfc-editor.org/rfc/rfc7519",
    reads=tuple(Read(path, form=("token",)) for path in PATHS),
    authority={
        AUTHORITY: "the secret of a client that may introspect (and revoke) tokens at [endpoints] jwt",
        "client_id": "that client's id",
        "issuer": "the issuer exactly as tokens name it (iss); tokens of any other are not sent anywhere",
        "introspection": f"the path of RFC 7662 there, one of: {', '.join(PATHS)}",
        "revocation": "the path of RFC 7009 there, such as /oauth2/revoke",
    },
    obtain="At the issuer: register a confidential client whose only rights are to introspect tokens and to revoke them.",
    kinds=(
        Kind(
            id="jwt",
            title="JSON Web Token",
            pattern=r"eyJ[A-Za-z0-9_-]{10,1500}\.eyJ[A-Za-z0-9_-]{10,5000}\.[A-Za-z0-9_-]{20,1400}",
            verify=verify,
            docs=INTROSPECTION,
            identity="issuer, subject, audience and end are read offline; the issuer adds the user and the scopes",
            check_needs="client_secret: a client of the issuer that may introspect tokens; without it a token is unknown until its end",
            propagation=Propagation(
                timedelta(hours=1), source="services cache an introspection, or the issuer's keys; our margin"
            ),
            manual=Manual(
                url=REVOCATION,
                steps=(
                    "`revoker show` names the issuer, the key id (kid) and the token's id (jti): find what was signed in with it.",
                    "End the session or the grant at the issuer; put the jti on the deny list of the services that have one.",
                    "A token that services check by its signature alone ends early only with its key: publish a new signing key, and withdraw the old one.",
                    "Signed with HS256/384/512: look whether the signing secret leaked beside it. Who has that secret makes tokens for everybody: replace it first.",
                ),
                notify="the owner of the issuer, and of the services in the token's audience",
                proves="the issuer says that it is not active, or its end is past",
            ),
            labels={},
            offline=(no_token, is_over),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    "a client of the issuer that may revoke tokens (RFC 7009)",
                    REVOCATION,
                    authority=AUTHORITY,
                    observe=observe,
                ),
            ),
            residual=(
                Residual(
                    "services that check the signature alone, until the token's end",
                    None,
                    "a person who withdraws the signing key",
                ),
                Residual("refresh tokens and sessions of the same sign-in", None, "a person who ends the session at the issuer"),
            ),
            budget=Budget(per_second=5, in_flight=4),
            account=lambda cred: cred.parts.get("issuer"),
            derived=facts,
            fallback=True,
            only_named_places=True,
            effects_of_check="one introspection in the issuer's log",
            irreversible_loss="a revoked token cannot be brought back; its user signs in again",
        ),
    ),
)
