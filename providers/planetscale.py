"""PlanetScale: service tokens (an id and a value), OAuth tokens, and passwords of database branches."""

from datetime import timedelta

from revoker.sdk import (
    Action,
    Auth,
    Bound,
    Credential,
    Effect,
    Kind,
    Manual,
    OwnerCheck,
    Proof,
    Propagation,
    Provider,
    Reader,
    Receipt,
    Unbound,
    Verdict,
    Writer,
    as_authority,
    dead,
    declares,
    example_value,
    header,
    identity_from,
    judge,
    live,
    no_authority,
    no_safe_check,
    probe,
    receipt,
    safe_id,
    seen_dead,
    shown_by,
)

DOCS = "https://planetscale.com/docs/api/reference/service-tokens"
PASSWORDS = "https://planetscale.com/docs/api/reference/delete_password"
NEEDS = "a service token with delete_service_tokens of the same organisation, as ID:TOKEN"

ANSWERS = (
    live(200, has=["data"]),
    dead(401, has=["message"]),
    live(403, "restricted", has=["message"]),
)
WHO = identity_from(account="data.0.name")


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """The organisations that the token reads; the id and the value ride as one header."""
    id = safe_id(cred.parts.get("key_id"))
    reply = await api.get("/v1/organizations", auth=header("Authorization", cred.secret, id + ":{}"))
    return judge(reply, ANSWERS, api.now, WHO)


def as_owner(api: Reader) -> Auth:
    """The operator's own service token."""
    return as_authority(api, "service_token", lambda secret: header("Authorization", secret))


def place(api: Reader, id: str) -> str:
    """A service token in the operator's organisation."""
    return f"/v1/organizations/{safe_id(api.setting('organization'))}/service-tokens/{safe_id(id)}"


async def bind(cred: Credential, api: Reader) -> Bound | Unbound:
    """The id is the other half of the leaked pair, and the operator's organisation holds that token."""
    organisation, id = api.setting("organization"), cred.parts.get("key_id", "")
    if api.authority("service_token") is None or organisation is None:
        return no_authority("service_token and organization")
    reply = await api.get(place(api, id), auth=as_owner(api))
    if reply.status != 200 or reply.trouble is not None or reply.pick("id") != id:
        return Unbound("refused", f"the organisation does not show this token ({reply.status or reply.trouble})")
    return Bound(cred, id, Proof.EMBEDDED, "the id is the other half of the leaked pair", organisation)


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """Delete a service token, for good."""
    reply = await api.send("DELETE", place(api, bound.target), auth=as_owner(api))
    return receipt("revoke", Effect.REVOKE, bound, reply, api.now, done=[200, 204])


PROVIDER = Provider(
    id="planetscale",
    title="PlanetScale",
    hosts=("api.planetscale.com",),
    docs="https://planetscale.com/docs/api/reference",
    obtain="Organization settings, Service tokens: make one and grant it the right.",
    authority={"service_token": NEEDS, "organization": "the organisation's name"},
    kinds=(
        Kind(
            id="planetscale_token",
            title="PlanetScale service token",
            pattern=r"pscale_tkn_[A-Za-z0-9_=.-]{32,64}",
            needs=("key_id",),
            proves_pair=True,
            owner=OwnerCheck(shown_by(bind), "service_token", NEEDS),
            verify=verify,
            docs=DOCS,
            identity="the first organisation that it reads; the id came with the finding",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://app.planetscale.com/",
                steps=(
                    "Open the organisation, Settings, Service tokens, and find the token by its id.",
                    "Make a new one with the same accesses and an end, and hand it to its users.",
                    "Delete the leaked one.",
                ),
                notify="the organisation's administrators",
            ),
            offline=(example_value,),
            actions=(
                Action(
                    "revoke",
                    Effect.REVOKE,
                    revoke,
                    bind,
                    NEEDS,
                    DOCS,
                    authority="service_token",
                    observe=seen_dead(verify),
                ),
            ),
            irreversible_loss="a deleted token cannot be brought back",
        ),
        Kind(
            id="planetscale_oauth_token",
            title="PlanetScale OAuth token",
            pattern=r"pscale_oauth_[A-Za-z0-9_=.-]{32,64}",
            verify=probe("/v1/organizations", ANSWERS, identity=WHO),
            docs="https://planetscale.com/docs/api/planetscale-api-oauth-applications",
            identity="the first organisation that it reads",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://app.planetscale.com/",
                steps=(
                    "Open the organisation, Settings, OAuth applications, the application, and delete the token.",
                    "Let its user authorize the application again.",
                ),
                notify="the application's owner",
            ),
            offline=(example_value,),
        ),
        Kind(
            id="planetscale_password",
            title="PlanetScale database password",
            pattern=r"pscale_pw_[A-Za-z0-9_=.-]{32,64}",
            verify=no_safe_check,  # a login at the database; its user name and host do not stand in the password
            docs=PASSWORDS,
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://app.planetscale.com/",
                steps=(
                    "Open the database, Settings, Passwords, and find it by its user name and branch.",
                    "Make a new password and hand it to its users.",
                    "Delete the leaked one; connections that are open end with it.",
                ),
                notify="the database's owner",
                proves="the branch does not list the password any more",
            ),
            offline=(example_value,),
            effects_of_check="none: nothing is asked",
        ),
    ),
)
