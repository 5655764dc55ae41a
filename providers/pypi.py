"""PyPI and TestPyPI: upload tokens. They may do nothing but upload, so none is tried and every one counts as live."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from revoker.sdk import (
    Credential,
    Kind,
    Manual,
    Propagation,
    Provider,
    Verdict,
    example_value,
    expired_offline,
    no_safe_check,
)

DOCS = "https://packaging.python.org/en/latest/specifications/pypirc/"


def caveats(cred: Credential) -> list[list[Any]]:
    """What a token says of itself: lists that begin with a tag (0: its end and its beginning). Empty when it cannot be read."""
    text = cred.secret.reveal().removeprefix("pypi-")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found = [json.loads(field) for field in _fields(data) if field.startswith(b"[")]
    except (ValueError, IndexError, RecursionError):
        return []
    return [one for one in found if isinstance(one, list) and one]


def _fields(data: bytes) -> Iterator[bytes]:
    """The fields of a macaroon of version 2: a type, a length of one or more groups of seven bits, and the bytes."""
    at = 1 if data[:1] == b"\x02" else len(data)
    while at < len(data):
        kind, at = data[at], at + 1
        if kind == 0:  # the end of a section
            continue
        size = shift = 0
        while data[at] & 0x80:
            size, shift, at = size | (data[at] & 0x7F) << shift, shift + 7, at + 1
        size, at = size | data[at] << shift, at + 1
        yield data[at : at + size]
        at += size


def over(cred: Credential, now: datetime) -> Verdict | None:
    """Dead when the end that it carries is over."""
    ends = [one[1] for one in caveats(cred) if one[0] == 0 and len(one) > 1 and isinstance(one[1], int)]
    return expired_offline() if any(end < now.timestamp() for end in ends) else None


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
            offline=(example_value, over),
            effects_of_check="none: nothing is asked",
            irreversible_loss="a removed token cannot be brought back",
        ),
    ),
)
