"""CircleCI: personal and project tokens. No API manages them."""

from datetime import timedelta

from revoker.sdk import (
    Auth,
    Kind,
    Manual,
    Propagation,
    Provider,
    Secret,
    Verifier,
    dead,
    example_value,
    header,
    identity_from,
    live,
    no_safe_check,
    probe,
)

DOCS = "https://circleci.com/docs/managing-api-tokens/"


def by_token(secret: Secret) -> Auth:
    """`Circle-Token: <secret>`."""
    return header("Circle-Token", secret)


verify = probe(
    "/api/v2/me",
    [live(200, has=["id"]), dead(401, has=["message"])],
    auth=by_token,
    identity=identity_from(account="login", principal="id"),
)


def _kind(id: str, title: str, pattern: str, check: Verifier, *, project: bool, ambiguous: bool = False) -> Kind:
    personal = "Sign in as the user, User Settings, Personal API Tokens, and find it by its label."
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=check,
        docs=DOCS,
        also_at="CircleCI server",
        identity="login and user id" if check is verify else "none: only its own project would answer",
        propagation=Propagation(timedelta(minutes=10)),
        manual=Manual(
            "https://app.circleci.com/settings/user/tokens",
            (
                "Open the project's settings, API Permissions, and find it by its label." if project else personal,
                "Make a new one and hand it to its users.",
                "Delete the leaked one. When it was abused, rotate what stands in contexts and project variables too.",
            ),
            notify="the project's administrators" if project else "the user, and the organisation's administrators",
        ),
        offline=(example_value,),
        ambiguous=ambiguous,
    )


PROVIDER = Provider(
    id="circleci",
    title="CircleCI",
    hosts=("circleci.com",),
    docs="https://circleci.com/docs/api/v2/",
    kinds=(
        _kind("circleci_token", "CircleCI personal token", r"CCIPAT_[A-Za-z0-9]{22}_[0-9a-f]{40}", verify, project=False),
        _kind(
            "circleci_project_token",
            "CircleCI project token",
            r"CCIPRJ_[A-Za-z0-9]{22}_[0-9a-f]{40}",
            no_safe_check,
            project=True,
        ),
        _kind(
            "circleci_legacy_token",
            "CircleCI token of the old form",
            r"[0-9a-f]{40}",
            no_safe_check,
            project=True,
            ambiguous=True,
        ),
    ),
)
