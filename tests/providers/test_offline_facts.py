"""What a value says of itself, for kinds whose structure is more than a pattern."""

from __future__ import annotations

import base64
import json
import random
import string
import zlib

import pytest

from revoker.model import Credential, Secret, Validity
from tests.providers.catalogue import OWNERS
from tests.providers.samples import NOW


def verdicts(kind_id: str, value: str) -> list[str]:
    """What the offline checks of a kind say."""
    kind = OWNERS[kind_id][1]
    cred = Credential(kind_id, "fp_1", Secret(value), {"host": "appid1.algolia.net"})
    found = [check(cred, NOW) for check in kind.offline]
    return [f"{v.validity.value} {v.reason}" for v in found if v is not None]


def size(number: int) -> bytes:
    """A length in groups of seven bits, the lowest first."""
    made = b""
    while number > 0x7F:
        made, number = made + bytes([number & 0x7F | 0x80]), number >> 7
    return made + bytes([number])


def macaroon(*caveats: object, text: str = "made-up") -> str:
    """An upload token with these caveats, signed by nobody."""

    def field(kind: int, body: bytes) -> bytes:
        return bytes([kind]) + size(len(body)) + body

    data = b"\x02" + field(1, b"index.example") + field(2, text.encode()) + b"\0"
    for caveat in caveats:
        data += field(2, json.dumps(caveat).encode()) + b"\0"
    return "pypi-" + base64.urlsafe_b64encode(data + b"\0" + field(6, b"s" * 32)).decode().rstrip("=")


BEFORE, AFTER = int(NOW.timestamp()) - 60, int(NOW.timestamp()) + 60


@pytest.mark.parametrize(
    ("caveats", "told"),
    [
        ([[0, BEFORE, 0]], ["dead expired_offline"]),
        ([[1, ["a-project"]], [0, BEFORE, 0]], ["dead expired_offline"]),
        ([[0, AFTER, 0]], []),
        ([[1, ["p" * 300]]], []),
        ([], []),
        ([[0, "soon"]], []),
        ([{"version": 1}], []),
    ],
)
def test_an_upload_token_carries_its_end(caveats: list[object], told: list[str]) -> None:
    assert verdicts("pypi_token", macaroon(*caveats)) == told


def test_what_is_no_macaroon_says_nothing() -> None:
    chance = random.Random(7)  # noqa: S311 - made-up values
    for length in (0, 1, 60, 61, 400):
        body = "".join(chance.choices(string.ascii_letters + string.digits + "-_", k=length))
        assert verdicts("pypi_token", f"pypi-AgE{body}") in ([], ["skipped example"])
    assert verdicts("pypi_token", macaroon([0, BEFORE, 0])[:-60]) in ([], ["dead expired_offline"])


def test_a_secret_of_confluents_new_form_ends_in_its_checksum() -> None:
    body = "".join(random.Random(3).choices(string.ascii_letters + string.digits, k=54))  # noqa: S311 - made-up values
    right = base64.b64encode(zlib.crc32(body.encode()).to_bytes(4, "little")).decode()[:6]
    assert verdicts("confluent_api_key", f"cflt{body}{right}") == []
    assert verdicts("confluent_api_key", f"cflt{body}{right[:-1]}-") == ["skipped malformed"]
    assert verdicts("confluent_api_key", body + right + "abcd") == []


@pytest.mark.parametrize(("until", "told"), [(BEFORE, ["dead expired_offline"]), (AFTER, [])])
def test_a_secured_algolia_key_carries_its_end(until: int, told: list[str]) -> None:
    made = base64.b64encode(f"{'0a' * 32}filters=user_1&validUntil={until}".encode()).decode()
    assert verdicts("algolia_secured_key", made) == told
    assert verdicts("algolia_secured_key", base64.b64encode(b"x" * 90).decode()) == ["skipped malformed"]
    many = base64.b64encode(f"{'0a' * 32}{'&a=1' * 60}&validUntil={until}".encode()).decode()
    assert verdicts("algolia_secured_key", many) == ["skipped malformed"]
    endless = base64.b64encode(f"{'0a' * 32}validUntil={'1' * 5000}".encode()).decode()
    assert verdicts("algolia_secured_key", endless) == []


@pytest.mark.parametrize(("end", "told"), [(BEFORE, ["dead expired_offline"]), (AFTER, []), (None, ["skipped malformed"])])
def test_a_login_password_of_ecr_carries_its_end(end: int | None, told: list[str]) -> None:
    body = {"payload": "p" * 200, "datakey": "d", "version": "2", "type": "DATA_KEY", **({"expiration": end} if end else {})}
    assert verdicts("aws_ecr_token", base64.b64encode(json.dumps(body).encode()).decode()) == told


@pytest.mark.parametrize(
    ("host", "application"),
    [("appid1.algolia.net", "APPID1"), ("appid1-dsn.algolia.net", "APPID1"), ("appid1-2.algolianet.com", "APPID1")],
)
def test_the_application_of_an_algolia_host_is_read_without_its_ending(host: str, application: str) -> None:
    from tests.providers.fake_api import FakeReader, always, reply_of, run

    provider, kind = OWNERS["algolia_admin_key"]
    seen: list[str] = []

    class Reader(FakeReader):
        def _host(self, host: str | None) -> str:
            return host or ""

    reader = Reader(provider, always(reply_of({"status": 200, "body": {"acl": ["search"]}})))
    verdict = run(kind.verify(Credential(kind.id, "fp_1", Secret("0" * 32), {"host": host}), reader))
    seen += [sent.headers["X-Algolia-Application-Id"] for sent in reader.sent]
    assert verdict.validity is Validity.LIVE
    assert seen == [application]
