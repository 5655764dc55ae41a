"""Argo CD: tokens of accounts and of project roles. The operator names the server (`[endpoints] argocd`).

A dead token is answered with 200 and `loggedIn: false`.
"""

from datetime import datetime, timedelta
from typing import Any

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Unbound,
    Validity,
    Verdict,
    Writer,
    as_authority,
    bearer,
    bound_as_itself,
    dead,
    example_value,
    expired_jwt,
    identity_from,
    jwt_claims,
    live,
    no_authority,
    probe,
    receipt,
    safe_id,
    seen_dead,
    skip,
)

DOCS = "https://argo-cd.readthedocs.io/en/stable/developer-guide/api-docs/"
USER_DOCS = "https://argo-cd.readthedocs.io/en/stable/operator-manual/user-management/"
NEEDS = "accounts update (for an account's token), or projects update (for a role's)"

verify = probe(
    "/api/v1/session/userinfo",
    [
        live(200, at="loggedIn", codes=["True"]),
        dead(200, "not_logged_in", at="loggedIn", codes=["False"]),
    ],
    identity=identity_from(account="username", scopes="groups"),
)


def claims(cred: Credential) -> dict[str, Any]:
    """What the token says of itself."""
    return jwt_claims(cred.secret.reveal())


def is_ours(cred: Credential, now: datetime) -> Verdict | None:
    """Skip a JWT that Argo CD did not make."""
    return None if claims(cred).get("iss") == "argocd" else skip("malformed")


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The token names its account and its id; the server has just accepted it."""
    if api.authority("token") is None:
        return no_authority("token")
    if (await verify(cred, api)).validity is not Validity.LIVE:
        return Unbound("refused", "the server does not accept the token, so that what it says of itself proves nothing")
    said, subject = claims(cred), str(claims(cred).get("sub"))
    role = subject.split(":")
    if role[0] == "proj" and len(role) == 3:
        extra, target = {"place": f"/api/v1/projects/{safe_id(role[1])}/roles/{safe_id(role[2])}"}, said.get("iat")
    else:
        extra, target = {"place": f"/api/v1/account/{safe_id(role[0])}"}, said.get("jti")
    if not isinstance(target, str | int):
        return Unbound("no_match", "the token holds no id")
    return Bound(
        cred, safe_id(target), Proof.EMBEDDED, "the server accepted the token, and its signed claims hold the id", None, extra
    )


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete the token from its account or role, for good."""
    place = safe_id(bound.extra.get("place"), r"/api/v1/(?:account|projects)/[\w./@-]{1,200}")
    reply = await api.send("DELETE", f"{place}/token/{safe_id(bound.target)}", auth=as_authority(api, "token"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=[404])


async def log_out(bound: Bound, api: Writer) -> Receipt:
    """Log the token out: the server keeps it in a list of revoked ones."""
    reply = await api.send("DELETE", "/api/v1/session", auth=bearer(bound.credential.secret))
    return receipt("log_out", Effect.REVOKE, bound, reply, api.now, done=[200])


PROVIDER = Provider(
    id="argocd",
    title="Argo CD",
    hosts=(),
    docs=DOCS,
    obtain="Add a local account with the capability apiKey, give it the two rights in "
    "argocd-rbac-cm, then argocd account generate-token.",
    authority={"token": f"token of an account with {NEEDS}"},
    kinds=(
        Kind(
            id="argocd_token",
            title="Argo CD token",
            pattern=r"eyJ[A-Za-z0-9_-]{10,500}\.eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{20,1000}",
            verify=verify,
            docs=DOCS,
            identity="account or project role, and groups",
            propagation=Propagation(timedelta(minutes=2)),
            manual=Manual(
                USER_DOCS,
                (
                    "An account's: Settings, Accounts, the account, Tokens. A role's: Settings, Projects, the project, Roles.",
                    "Make a new one and hand it to its users.",
                    "Delete the leaked one by its id. In an emergency change `server.secretkey`: every token and session ends.",
                ),
                notify="the platform team",
            ),
            offline=(is_ours, example_value, expired_jwt),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    NEEDS,
                    DOCS,
                    authority="token",
                    observe=seen_dead(verify),
                ),
                Action(
                    "log_out",
                    Effect.REVOKE,
                    log_out,
                    bound_as_itself("the token logs itself out"),
                    "nothing",
                    DOCS,
                    by="self",
                    observe=seen_dead(verify),
                    experimental=True,  # read in the server's code: the list stands in Redis
                    confirm="log a test account's token out, restart Redis, and see the token still refused",
                ),
            ),
            irreversible_loss="a deleted token cannot be brought back",
            ambiguous=True,
        ),
    ),
)
