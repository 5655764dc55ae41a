"""Single values: private keys, JSON Web Tokens, database addresses in all their forms; and what any kind reads out of its own value."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from revoker import catalog
from revoker.config import Settings
from revoker.egress.databases import ENGINES, from_uri
from revoker.errors import EgressRefused
from revoker.ingest import addresses, connection_strings, nosql, pem
from revoker.model import Credential, Secret
from revoker.sdk import offline, private_keys
from tests.fuzz.shapes import Target
from tests.providers.catalogue import KINDS
from tests.providers.samples import value_of

NOW = datetime(2026, 11, 24, 21, tzinfo=UTC)


def text_of(data: bytes) -> str:
    """Bytes as a report's reader would give them on: no NUL and no half of a pair."""
    return data.decode("utf-8", "replace").replace("\0", "")


def private_key(data: bytes) -> None:
    """A block in its canonical form is the same in it again, and its public half can be written down."""
    for block in pem.blocks(text_of(data)):
        assert pem.canonical(block) == block
        json.dumps(private_keys.public_facts(Secret(block))).encode()
    private_keys.public_half(Secret(text_of(data)))


def token(data: bytes) -> None:
    """Claims are read; what is over by its own word is dead, and anything else is left to be asked about."""
    value = text_of(data)
    assert isinstance(offline.jwt_claims(value), dict)
    offline.expired_jwt(Credential("jwt", "fp_0", Secret(value)), NOW)
    for kind in catalog.name_kinds(value, variable="JWT"):
        every(kind, value)


def address(data: bytes) -> None:
    """One form of an address is a form of itself, and egress takes it apart or refuses it."""
    value = text_of(data)
    for normal in (addresses.normal, nosql.normal, connection_strings.normal):
        found = normal(value)
        if found is not None:
            again = addresses.normal(found[0]) or nosql.normal(found[0])
            assert again is None or again[0] == found[0]
            found[0].encode()
    for name, engine in ENGINES.items():
        try:
            from_uri(engine, name, Credential("x", "fp_0", Secret(value)), OWNER)
        except EgressRefused:
            continue


OWNER = Settings(endpoints=MappingProxyType(dict.fromkeys(ENGINES, "https://127.0.0.1:1")))


def value(data: bytes) -> None:
    """Whatever fits a pattern goes through all that its kind does offline."""
    text = text_of(data)
    for kind in catalog.name_kinds(text, variable=" ".join(catalog.kinds())[:200]) or catalog.candidates(text):
        every(kind, text)


def every(kind_id: str, text: str) -> None:
    kind = catalog.kinds()[kind_id]
    parts: Mapping[str, str] = catalog.public_parts(kind, text)
    cred = Credential(kind_id, "fp_0", Secret(text), parts)
    json.dumps(dict(parts)).encode()
    for check in kind.offline:
        check(cred, NOW)
    if kind.account:
        kind.account(cred)


def keys() -> Iterable[bytes]:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    for form in (PrivateFormat.PKCS8, PrivateFormat.OpenSSH):
        yield key.private_bytes(Encoding.PEM, form, NoEncryption())


def tokens() -> Iterable[bytes]:
    parts = ({"alg": "RS256", "kid": "1"}, {"iss": "https://id.acme.example", "sub": "ci", "exp": 1_900_000_000})
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    yield b".".join([*coded, base64.urlsafe_b64encode(bytes(64)).rstrip(b"=")])


def urls() -> Iterable[bytes]:
    yield from (
        f"{scheme}://user:made-up@db.acme.example:1/x?sslmode=off".encode() for row in ENGINES.values() for scheme in row.schemes
    )
    yield b"jdbc:mysql://db.acme.example/x?user=u&password=made-up"
    yield b"Server=tcp:db.acme.example,1433;Database=x;User ID=u;Password={made;up};"


def values() -> Iterable[bytes]:
    yield from (value_of(kind).encode() for _, kind in KINDS)


TARGETS = [
    Target("private-key", private_key, keys),
    Target("jwt", token, tokens),
    Target("address", address, urls),
    Target("value", value, values),
]
