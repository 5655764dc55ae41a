"""ClickHouse against a real server, an old one: it says 192 and 193 with a 500, in the body only."""

from __future__ import annotations

import dataclasses
import re

import pytest

from revoker.model import Credential, Secret, Validity
from tests.providers import real
from tests.providers.catalogue import OWNERS
from tests.servers.clickhouse import clickhouse

KIND = OWNERS["clickhouse_uri"][1]


def uri(port: int, user: str, word: str) -> Credential:
    text = f"clickhouse://{user}:{word}@127.0.0.1:{port}/default"
    found = re.fullmatch(KIND.pattern, text)
    assert found is not None
    return Credential("clickhouse_uri", "fp_test", Secret(text), found.groupdict())


@pytest.mark.slow
def test_the_answers_of_a_real_server() -> None:
    with clickhouse() as server:
        here = f"127.0.0.1:{server.port}"
        known = real.settings("clickhouse", None, {}, here)
        known = dataclasses.replace(known, endpoints={"clickhouse": {here: f"http://{here}"}})

        def verdict(user: str, word: str) -> tuple[str, str]:
            found = real.verify(known, uri(server.port, user, word))
            return found.validity.value, found.reason

        assert verdict("app", server.password) == ("live", "authenticated")
        assert verdict("app", "wrong") == ("dead", "refused")
        assert verdict("nobody_here", server.password) == ("dead", "refused")
        assert verdict("open", "anything") == ("dead", "refused"), (
            "this old server compares with an empty password; new ones let in"
        )
        # The server may read the TLS greeting as the start of a line of HTTP and wait for its end.
        clear = dataclasses.replace(known, endpoints={})
        found = real.verify(clear, uri(server.port, "app", server.password))
        assert found.validity is Validity.UNKNOWN
        assert found.reason in {"tls", "timeout"}, "without the operator's word it is TLS only"
