"""PyPI and TestPyPI: upload tokens. They may do nothing but upload, so none is tried and every one counts as live."""

from datetime import timedelta

from revoker.sdk import (
    Kind,
    Manual,
    Propagation,
    Provider,
    example_value,
    no_safe_check,
)

DOCS = "https://packaging.python.org/en/latest/specifications/pypirc/"

PROVIDER = Provider(
    id="pypi",
    title="PyPI",
    hosts=(),
    docs=DOCS,
    kinds=(
        Kind(
            id="pypi_token",
            title="PyPI or TestPyPI upload token",
            pattern=r"pypi-AgE[A-Za-z0-9_-]{60,1000}",
            verify=no_safe_check,  # the only call that takes a token is an upload
            docs=DOCS,
            identity="none: nothing is asked; the token itself holds its id, its projects and its end",
            propagation=Propagation(timedelta(minutes=5)),
            manual=Manual(
                url="https://packaging.python.org/en/latest/specifications/pypirc/",
                steps=(
                    "As the token's owner, open Account settings, API tokens, and find it by its unique identifier.",
                    "Prefer a trusted publisher; else make a new token for one project and hand it to its users.",
                    "Remove the leaked one; a project's own tokens stand in the project's settings too.",
                    "Look for releases that were uploaded with it, and yank or delete what is not yours.",
                ),
                notify="the owners of the projects",
                proves="the account page does not list the token any more",
            ),
            offline=(example_value,),
            effects_of_check="none: nothing is asked",
            irreversible_loss="a removed token cannot be brought back",
        ),
    ),
)
