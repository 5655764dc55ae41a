"""The provider of these tests does what a provider does: it acts on whole requests only."""

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest


@pytest.mark.parametrize("sent", [0, 5])
def test_a_request_whose_body_was_cut_changes_nothing(fakery: Any, sent: int) -> None:
    """Its caller was killed between the head and the body: a change without its name would look like one of nobody."""
    body = b'{"name": "revoker-run_1"}'
    head = f"POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {fakery.admin}\r\nContent-Length: {len(body)}\r\n\r\n"
    to = urlsplit(fakery.url)
    with socket.create_connection((str(to.hostname), int(to.port or 0)), timeout=5) as line:
        line.sendall(head.encode() + body[:sent])
        line.shutdown(socket.SHUT_WR)
        assert line.recv(100) == b""
    assert (fakery.changes, fakery.keys) == ([], {})
    with socket.create_connection((str(to.hostname), int(to.port or 0)), timeout=5) as line:
        line.sendall(head.encode() + body)
        assert line.recv(100).startswith(b"HTTP/1.1 201")
    assert [key.name for key in fakery.keys.values()] == ["revoker-run_1"]
