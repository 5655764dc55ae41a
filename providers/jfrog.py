"""JFrog: access tokens (JWT and reference), and the deprecated API keys of Artifactory, at the platform's own host."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    OfflineCheck,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Secret,
    Unbound,
    Writer,
    as_authority,
    at_its_host,
    bearer,
    bound_as_itself,
    can_read,
    dead,
    example_value,
    expired_jwt,
    identity_from,
    live,
    no_authority,
    no_safe_check,
    receipt,
    seen_dead,
)

DOCS = "https://jfrog.com/help/r/jfrog-rest-apis/access-tokens"
OWN = "/access/api/v1/tokens/me"
NEEDS = "an administrator's access token"

ANSWERS = (live(200, has=["token_id"]), dead(401, has=["errors"]), live(403, "restricted", has=["errors"]))

verify = at_its_host(
    OWN,
    ANSWERS,
    auth=lambda cred: bearer(cred.secret),
    identity=identity_from(principal="subject", expires_at="expiry"),
)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """The token revokes itself, for good (7.53.1 and later)."""
    cred = bound.credential
    reply = await api.send("DELETE", OWN, auth=bearer(cred.secret), host=cred.parts.get("host"))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200], already=[204])


async def bind_by_value(cred: Credential, api: Reader) -> Bound | Unbound:
    """The administrator's call carries the value itself."""
    if api.authority("admin_token") is None:
        return no_authority("admin_token")
    return Bound(cred, cred.fingerprint, Proof.SECRET_IS_CREDENTIAL, "the request carries this very value")


async def revoke_by_value(bound: Bound, api: Writer) -> Receipt:
    """Hand the value to the platform, as its administrator (7.68 and later)."""
    cred = bound.credential
    auth = as_authority(api, "admin_token")
    form: dict[str, str | Secret] = {"token": cred.secret}
    reply = await api.send("DELETE", "/access/api/v1/tokens/revoke", auth=auth, form=form, host=cred.parts.get("host"))
    return receipt("revoke_by_value", Effect.REVOKE, bound, reply, api.now, done=[200])


ACTIONS = (
    Action(
        "revoke",
        Effect.REVOKE,
        revoke,
        bound_as_itself("the token revokes itself, and can revoke no other by this call"),
        "none: a token may revoke itself",
        DOCS,
        by="self",
        observe=seen_dead(verify),
    ),
    Action(
        "revoke_by_value",
        Effect.REVOKE,
        revoke_by_value,
        bind_by_value,
        NEEDS,
        DOCS,
        authority="admin_token",
        observe=seen_dead(verify),
    ),
)
MANUAL = Manual(
    url=DOCS,
    steps=(
        "As an administrator open Administration, User Management, Access Tokens, and find it by the id that the check tells.",
        "Make a new one with the same scope and hand it to its users.",
        "Revoke the leaked one; a token that lasts shorter than the platform's threshold cannot be revoked and ends by itself.",
    ),
    notify="the platform's administrators",
)


def _token(id: str, title: str, pattern: str, *checks: OfflineCheck, ambiguous: bool) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        host_from="host",
        verify=verify,
        docs=DOCS,
        identity="the subject and the end of the token",
        propagation=Propagation(timedelta(minutes=10), source="other nodes accept it until the revocation is synchronised"),
        manual=MANUAL,
        offline=(example_value, *checks),
        actions=ACTIONS,
        irreversible_loss="a revoked token cannot be brought back",
    )


PROVIDER = Provider(
    id="jfrog",
    title="JFrog",
    hosts=(),
    docs="https://jfrog.com/help/r/jfrog-rest-apis/",
    obtain="Administration, User Management, Access Tokens: generate a token with the scope of an administrator.",
    authority={"admin_token": NEEDS},
    check_authority=can_read("admin_token", {"a working token": OWN}),
    kinds=(
        _token(
            "artifactory_token",
            "JFrog access token",
            r"eyJ2ZXIi[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}",
            expired_jwt,
            ambiguous=False,
        ),
        _token("artifactory_reference_token", "JFrog reference token", r"cmVmdGtu[A-Za-z0-9]{56}", ambiguous=False),
        Kind(
            id="artifactory_api_key",
            title="Artifactory API key (deprecated)",
            pattern=r"AKCp[A-Za-z0-9]{69}",
            host_from="host",
            verify=no_safe_check,  # the call that needs a login gives the key back; ping is open on some instances
            docs="https://jfrog.com/help/r/jfrog-rest-apis/api-key",
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                url="https://jfrog.com/help/r/jfrog-platform-administration-documentation/user-profile",
                steps=(
                    "API keys are deprecated: move its users to access tokens.",
                    "The user opens the profile and revokes or regenerates the key; an administrator can revoke any user's.",
                ),
                notify="the platform's administrators",
            ),
            offline=(example_value,),
            effects_of_check="none: nothing is asked",
            irreversible_loss="a revoked key cannot be brought back",
        ),
    ),
)
