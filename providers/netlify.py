"""Netlify: personal access tokens. Its API does not manage them: a list without values cannot name the leaked one."""

from datetime import timedelta

from revoker.sdk import Budget, Kind, Manual, Propagation, Provider, dead, example_value, identity_from, live, probe

DOCS = "https://open-api.netlify.com/#tag/user/operation/getCurrentUser"


def _kind(id: str, title: str, pattern: str, *, ambiguous: bool) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=probe(
            "/api/v1/user",
            [live(200, has=["id"]), dead(401, has=["message"])],
            identity=identity_from(account="id", principal="email"),
        ),
        docs=DOCS,
        identity="user id and mail address",
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(
            "https://app.netlify.com/user/applications",
            (
                "Sign in as the token's user, and find it under Personal access tokens by its name.",
                "Make a new one and hand it to its users.",
                "Delete the leaked one.",
            ),
            notify="the user, and the team's owners",
        ),
        offline=(example_value,),
        budget=Budget(per_second=5),
        ambiguous=ambiguous,
    )


PROVIDER = Provider(
    id="netlify",
    title="Netlify",
    hosts=("api.netlify.com",),
    docs="https://docs.netlify.com/api-and-cli-guides/api-guides/get-started-with-api/",
    kinds=(
        _kind("netlify_token", "Netlify personal access token", r"nfp_[A-Za-z0-9_]{36,48}", ambiguous=False),
        _kind("netlify_legacy_token", "Netlify token of the old form", r"[A-Za-z0-9_-]{43,45}|[0-9a-f]{64}", ambiguous=True),
    ),
)
