"""Codecov: access tokens of users, and upload tokens of repositories, which no read checks."""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    dead,
    example_value,
    live,
    no_safe_check,
    probe,
)

DOCS = "https://docs.codecov.com/reference/overview"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

PROVIDER = Provider(
    id="codecov",
    title="Codecov",
    hosts=("api.codecov.io",),
    docs=DOCS,
    kinds=(
        Kind(
            id="codecov_access_token",
            title="Codecov access token",
            pattern=UUID,
            ambiguous=True,
            verify=probe("/api/v2/github/", [live(200, has=["results"]), dead(401, has=["detail"])]),
            docs=DOCS,
            also_at="self-hosted Codecov",
            identity="none: the owners that it reads are listed, and no user",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://app.codecov.io/account",
                steps=(
                    "As the token's user, open Settings, Access.",
                    "Generate a new token and hand it to its users.",
                    "Revoke the leaked one.",
                ),
                notify="the token's user",
            ),
            offline=(example_value,),
            labels={"trufflehog": ("Codecov",), "gitleaks": ("codecov-access-token",), "list": ("codecov_token",)},
        ),
        Kind(
            id="codecov_upload_token",
            title="Codecov upload token",
            pattern=UUID,
            ambiguous=True,
            verify=no_safe_check,  # the only call that it may make is an upload
            docs="https://docs.codecov.com/docs/codecov-tokens",
            identity="none: nothing is asked",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://docs.codecov.com/docs/codecov-tokens",
                steps=(
                    "Open the repository at app.codecov.io, Configuration, General.",
                    "Regenerate the token: the old one stops.",
                    "Hand the new one to the repository's pipelines.",
                ),
                notify="the repository's owner",
                proves="the repository shows another token than the leaked one",
            ),
            offline=(example_value,),
            labels={"list": ("codecov_upload_token",)},
            effects_of_check="none: nothing is asked",
        ),
    ),
)
