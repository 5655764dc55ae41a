"""Auth0: Management API tokens and client secrets, at the tenant's own domain.

A wrong code with the right secret is a 403: the secret is checked without a token being made.
"""

from dataclasses import replace
from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Issued,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Reader,
    Receipt,
    Residual,
    Secret,
    Verdict,
    Writer,
    as_authority,
    bearer,
    bound_by_part,
    dead,
    declares,
    example_value,
    expired_jwt,
    judge,
    live,
    receipt,
    safe_id,
    seen_dead,
    text_at,
)

DOCS = "https://auth0.com/docs/api/management/v2"
ROTATE = "https://auth0.com/docs/get-started/applications/rotate-client-secret"
GRANT = "/oauth/token"
NO_CODE = "no-such-code"
NEEDS = "a Management API token with update:client_keys"

TOKEN_ANSWERS = (
    live(200, has=["0.client_id"]),
    dead(401, has=["error"]),
    live(403, "restricted", has=["error"]),
)
SECRET_ANSWERS = (
    live(403, at="error", codes=["invalid_grant", "unauthorized_client"]),  # the secret was right, the code was not
    dead(401, at="error", codes=["access_denied", "invalid_client"]),
)


@declares(*TOKEN_ANSWERS)
async def verify_token(cred: Credential, api: Reader) -> Verdict:
    """One client's id and nothing else: whole clients hold their secrets."""
    fields = {"per_page": "1", "fields": "client_id", "include_fields": "true"}
    reply = await api.get("/api/v2/clients", auth=bearer(cred.secret), params=fields, host=cred.parts.get("host"))
    return judge(reply, TOKEN_ANSWERS, api.now)


@declares(*SECRET_ANSWERS)
async def verify_secret(cred: Credential, api: Reader) -> Verdict:
    """A made-up code, which no secret can redeem."""
    form: dict[str, str | Secret] = {
        "grant_type": "authorization_code",
        "client_id": cred.parts.get("key_id", ""),
        "client_secret": cred.secret,
        "code": NO_CODE,
        "redirect_uri": "https://localhost/",
    }
    return judge(await api.query(GRANT, form=form, host=cred.parts.get("host")), SECRET_ANSWERS, api.now)


async def rotate(bound: Bound, api: Writer) -> Receipt:
    """Give the client a new secret; the old one stops at once."""
    reply = await api.send(
        "POST",
        f"/api/v2/clients/{safe_id(bound.target)}/rotate-secret",
        auth=as_authority(api, "management_token"),
        host=bound.credential.parts.get("host"),
    )

    told = receipt(
        "rotate", Effect.ISSUE, bound, reply, api.now, done=[200], told=lambda r: "done" if text_at(r, "client_secret") else ""
    )
    return replace(told, issued=Issued(bound.target, Secret(str(reply.pick("client_secret"))), {"key_id": bound.target}))


PROVIDER = Provider(
    id="auth0",
    title="Auth0",
    hosts=(),
    docs=DOCS,
    reads=(
        Read(
            GRANT,
            form=("grant_type", "client_id", "client_secret", "code", "redirect_uri"),
            fixed={"grant_type": ("authorization_code",), "code": (NO_CODE,)},  # any other grant, or a real code, makes a token
        ),
    ),
    obtain="Applications: make a machine-to-machine application, authorise it for the "
    "Management API with the scope, ask /oauth/token.",
    authority={"management_token": NEEDS},
    kinds=(
        Kind(
            id="auth0_management_token",
            title="Auth0 Management API token",
            pattern=r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}",
            ambiguous=True,
            host_from="host",
            verify=verify_token,
            docs=DOCS,
            identity="none is asked for; issuer, client and scopes stand in the token itself",
            propagation=Propagation(timedelta(hours=24), source="a token lasts until its own end, a day unless set otherwise"),
            manual=Manual(
                url="https://manage.auth0.com/",
                steps=(
                    "An issued token cannot be taken back: it ends by itself (exp).",
                    "Find the client in its `azp` claim; delete its grant for the Management API and rotate its secret.",
                    "When it cannot wait, rotate and revoke the tenant's signing key: all tokens of the tenant end.",
                ),
                notify="the tenant's administrators",
            ),
            offline=(example_value, expired_jwt),
        ),
        Kind(
            id="auth0_client",
            title="Auth0 client secret",
            pattern=r"[A-Za-z0-9_-]{64}",
            ambiguous=True,
            needs=("key_id",),
            proves_pair=True,
            host_from="host",
            verify=verify_secret,
            docs="https://auth0.com/docs/api/authentication/authorization-code-flow/get-token",
            identity="none: the client id came with the finding",
            propagation=Propagation(timedelta(minutes=5), source="documented as immediate; our margin"),
            manual=Manual(
                url="https://manage.auth0.com/",
                steps=(
                    "Open Applications, the client, Settings, Rotate secret: the old one stops at once.",
                    "Hand the new one to its users.",
                    "Revoke the client's refresh tokens.",
                ),
                notify="the application's owner",
            ),
            offline=(example_value,),
            actions=(
                Action(
                    "rotate",
                    Effect.ISSUE,
                    rotate,
                    bound_by_part("key_id", "the client id is the other half of the leaked pair"),
                    NEEDS,
                    ROTATE,
                    authority="management_token",
                    replaces=True,
                    observe=seen_dead(verify_secret),
                ),
            ),
            residual=(Residual("access tokens that were made with it", timedelta(hours=24)),),
            effects_of_check="logged as a failed exchange of a code",
            irreversible_loss="the old secret",
        ),
    ),
)
