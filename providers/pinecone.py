"""Pinecone: API keys of a project.

The Admin API (Enterprise, a preview) deletes a key by its id, and nothing ties an id to a value: a person picks it.
"""

import re
from datetime import timedelta

from revoker.sdk import (
    Auth,
    Identity,
    Kind,
    Manual,
    Propagation,
    Provider,
    Reply,
    Secret,
    dead,
    example_value,
    header,
    live,
    probe,
    text_at,
)

DOCS = "https://docs.pinecone.io/reference/api/authentication"
PROJECT = re.compile(r"-(\w{4,16})\.svc\.")


def by_key(secret: Secret) -> Auth:
    """The key in `Api-Key`."""
    return header("Api-Key", secret)


def whoami(reply: Reply) -> Identity:
    """The project's short id, which the hosts of its indexes carry."""
    found = PROJECT.search(text_at(reply, "indexes.0.host") or "")
    return Identity(found[1] if found else None)


def _kind(id: str, title: str, pattern: str, number: int, *, ambiguous: bool = False) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        labels={
            "trufflehog": ("Pinecone",),
            "kingfisher": (f"kingfisher.pinecone.{number}", f"betterleaks.pinecone-api-key.{number}"),
            "ggshield": ("pinecone_api_key",),
        },
        verify=probe(
            "/indexes",
            [live(200, has=["indexes"]), dead(401), live(403, "restricted")],
            auth=by_key,
            headers={"X-Pinecone-Api-Version": "2025-10"},
            identity=whoami,
        ),
        docs=DOCS,
        identity="the project's short id, where it has an index",
        propagation=Propagation(timedelta(minutes=15)),
        manual=Manual(
            url="https://app.pinecone.io",
            steps=(
                "Open the project and its API keys.",
                "Make a new key with the same roles and hand it to its users.",
                "Find the leaked key by its name (the middle part of the value is a label of it) and date, and delete it.",
            ),
            notify="the project's owners",
        ),
        offline=(example_value,),
    )


PROVIDER = Provider(
    id="pinecone",
    title="Pinecone",
    hosts=("api.pinecone.io",),
    docs="https://docs.pinecone.io/reference/api/errors",
    kinds=(
        _kind("pinecone_api_key", "Pinecone API key", r"pcsk_(?P<key_label>[A-Za-z0-9]{5,6})_[A-Za-z0-9]{63}", 2),
        _kind(
            "pinecone_legacy_key",
            "Pinecone API key (legacy)",
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            1,
            ambiguous=True,
        ),
    ),
)
