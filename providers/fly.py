"""Fly.io: macaroon tokens, which may stand in a row with their discharges, and access tokens of the old form."""

from datetime import timedelta

from revoker.sdk import Auth, Kind, Manual, Propagation, Provider, Secret, bearer, dead, example_value, header, live, probe

DOCS = "https://fly.io/docs/security/tokens/"


def ride(secret: Secret) -> Auth:
    """Macaroons ride under their own scheme, which may already stand before them."""
    value = secret.reveal()
    if value.startswith("FlyV1 "):
        return header("Authorization", secret)
    return header("Authorization", secret, "FlyV1 {}") if value.startswith("fm") else bearer(secret)


MACAROON = r"(?:FlyV1 )?fm[12][ar]?_[A-Za-z0-9+/=_-]{50,2000}(?:,fm[12][ar]?_[A-Za-z0-9+/=_-]{50,2000}){0,4}"


def _kind(id: str, title: str, pattern: str, *, ambiguous: bool) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=probe(
            "/v1/apps",
            [
                live(400, has=["error"]),  # the empty organisation is refused only after the token was accepted
                live(200, has=["apps"]),
                dead(401, has=["error"]),
            ],
            auth=ride,
            params={"org_slug": ""},
        ),
        docs=DOCS,
        identity="none from the call: organisation and end stand as caveats inside a macaroon",
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(
            "https://fly.io/dashboard",
            (
                "Open the organisation or the app, Tokens; or run `fly tokens list`.",
                "Make a new one with the same reach and hand it to its users.",
                "Revoke the leaked one (`fly tokens revoke ID`): what was attenuated from it falls with it.",
            ),
            notify="the organisation's administrators",
        ),
        offline=(example_value,),
        ambiguous=ambiguous,
    )


PROVIDER = Provider(
    id="fly",
    title="Fly.io",
    hosts=("api.machines.dev",),
    docs="https://fly.io/docs/machines/api/",
    kinds=(
        _kind("fly_token", "Fly.io token", MACAROON, ambiguous=False),
        _kind("fly_legacy_token", "Fly.io token of the old form", r"[A-Za-z0-9_-]{43}", ambiguous=True),
    ),
)
