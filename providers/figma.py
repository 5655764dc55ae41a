"""Figma: personal access tokens, OAuth tokens and plan tokens. A 403 is dead or live: its text says which."""

from collections.abc import Callable
from datetime import timedelta

from revoker.sdk import (
    Auth,
    Kind,
    Manual,
    Propagation,
    Provider,
    Secret,
    bearer,
    dead,
    example_value,
    header,
    identity_from,
    live,
    probe,
)

DOCS = "https://developers.figma.com/docs/rest-api/authentication/"
SETTINGS = "https://www.figma.com/settings"

ANSWERS = (
    live(200, has=["id"]),
    live(403, "restricted", says="Invalid scope", has=["err"]),
    dead(403, at="err", codes=["Invalid token"]),
)


def own_header(secret: Secret) -> Auth:
    """Figma's own header."""
    return header("X-Figma-Token", secret)


def _kind(id: str, title: str, pattern: str, auth: Callable[[Secret], Auth], notify: str, *steps: str) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=probe("/v1/me", ANSWERS, auth=auth, identity=identity_from(principal="email")),
        docs=DOCS,
        identity="the user's e-mail address, where the token may tell it",
        propagation=Propagation(timedelta(minutes=5), source="documented as instant; our margin"),
        manual=Manual(SETTINGS, steps, notify=notify),
        offline=(example_value,),
    )


PROVIDER = Provider(
    id="figma",
    title="Figma",
    hosts=("api.figma.com",),
    docs="https://developers.figma.com/docs/rest-api/",
    kinds=(
        _kind(
            "figma_pat",
            "Figma personal access token",
            r"figd_[A-Za-z0-9_-]{38,60}",
            own_header,
            "the user",
            "As the user, open Settings, Security, Personal access tokens.",
            "Generate a token with the same scopes, and hand it to its users.",
            "Revoke the leaked one: it stops at once.",
        ),
        _kind(
            "figma_oauth_token",
            "Figma OAuth access token",
            r"fig[uo]_[A-Za-z0-9_-]{38,200}",
            bearer,
            "the user, and the application's owner",
            "As the user, open Settings, Security, Connected apps.",
            "Revoke the application's access, and authorise it again.",
        ),
        _kind(
            "figma_plan_token",
            "Figma plan access token",
            r"figp_[A-Za-z0-9_-]{38,200}",
            own_header,
            "the plan's admins",
            "As an admin of the plan, open Admin, Settings, Plan access tokens.",
            "Generate a token with the same scopes, and hand it to its users.",
            "Revoke the leaked one.",
        ),
    ),
)
