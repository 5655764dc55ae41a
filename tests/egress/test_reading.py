"""Reading against servers that misbehave: whatever they do, it ends in a named trouble and in time."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trustme

from revoker.egress.http import Pool
from revoker.egress.replies import retry_after
from revoker.model import Secret
from revoker.sdk import Reply, basic, bearer, header
from tests.egress.conftest import NOW, OK, Seen, Server, answer, answering, ask, provider, settings, with_pool

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def test_a_good_answer(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer(headers={"X-Limit": "7"})))
    reply = ask(settings(server), auth=bearer(Secret("fake")), params={"q": "a b"}, headers={"X-Api": "1"})
    assert (reply.status, reply.json, reply.trouble, reply.at) == (200, {"id": 1}, None, NOW)
    assert reply.headers["x-limit"] == "7"
    assert server.seen[0].line == "GET /check?q=a%20b HTTP/1.1"
    sent = server.seen[0].headers
    assert sent["authorization"] == "Bearer fake"
    assert sent["user-agent"].startswith("revoker/")
    assert set(sent) == {"host", "accept", "accept-encoding", "user-agent", "x-api", "authorization"}


def test_the_address_leaves_as_it_was_written(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))
    ask(settings(server), "/bot12%3Aab:c/x[0]'%2F?a=%3A&b=+")
    assert server.seen[0].line == "GET /bot12%3Aab:c/x[0]'%2F?a=%3A&b=+ HTTP/1.1"


def test_secrets_ride_where_the_provider_says(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))
    ask(settings(server), auth=basic("user", Secret("fake")))
    ask(settings(server), auth=header("X-Api-Key", Secret("fake")))
    assert server.seen[0].headers["authorization"] == "Basic dXNlcjpmYWtl"
    assert server.seen[1].headers["x-api-key"] == "fake"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "é", "a\x00b", "😀"])
def test_a_value_that_cannot_be_a_header_is_not_sent(value: str, serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))
    assert ask(settings(server), auth=bearer(Secret(value))).trouble == "refused_by_policy"
    assert server.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.row("N-4")
def test_no_redirect_reaches_anybody(status: int, serve: Callable[..., Server]) -> None:
    second = serve(answering(answer()))
    targets = [f"{second.url}/x", f"//127.0.0.1:{second.port}/x", f"http://localhost:{second.port}/"]
    for target in targets:
        first = serve(answering(answer(status, b"", {"Location": target, "Refresh": f"0; url={target}"})))
        reply = ask(settings(first), auth=header("X-Api-Key", Secret("fake")))
        assert (reply.status, reply.trouble) == (status, "redirect")
        assert len(first.seen) == 1
    assert second.connections == 0


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><p>Sign in",
        b"\xef\xbb\xbf  <html>",
        b"<!-- x --><HTML><meta http-equiv=refresh content='0;url=//evil'>",
        b"<script>x",
    ],
)
def test_a_page_is_no_answer(body: bytes, serve: Callable[..., Server]) -> None:
    for status, kind in [(200, "text/html"), (401, "application/json"), (403, "text/plain")]:
        server = serve(answering(answer(status, body, {"Content-Type": kind})))
        assert ask(settings(server)).trouble == "html"


def test_a_challenge_is_no_answer(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer(401, b"{}", {"CF-Mitigated": "challenge"})))
    assert ask(settings(server)).trouble == "html"


def test_plain_text_under_an_html_type_is_text(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer(404, b"no_service", {"Content-Type": "text/html"})))
    reply = ask(settings(server))
    assert (reply.status, reply.trouble, reply.text, reply.json) == (404, None, "no_service", None)


BROKEN = {
    "duplicate names": b'{"ok": true, "ok": false}',
    "deep": b"[" * 200_000,
    "just too deep": b"[" * 65 + b"]" * 65,
    "a long number": b'{"id": ' + b"9" * 5000 + b"}",
    "not a number": b'{"id": NaN}',
    "cut": b'{"id": ',
    "no JSON": b"ok",
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.row("N-10")
def test_json_that_two_could_read_in_two_ways(name: str, serve: Callable[..., Server]) -> None:
    server = serve(answering(answer(200, BROKEN[name])))
    reply = ask(settings(server))
    assert (reply.trouble, reply.json) == ("wrong_type", None)


def test_json_within_the_limits(serve: Callable[..., Server]) -> None:
    deep = b"[" * 64 + b"]" * 64
    server = serve(answering(answer(200, deep)))
    assert ask(settings(server)).trouble is None
    brackets = b'{"id": "' + b"[" * 500 + b'"}'
    assert ask(settings(serve(answering(answer(200, brackets))))).json == {"id": "[" * 500}


async def endless_body(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
    for _ in range(1000):
        writer.write(b"x" * 65_536)
        await writer.drain()


async def endless_headers(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        writer.write(f"X-{number}: {'y' * 900}\r\n".encode())
        await writer.drain()


async def drip(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


async def drip_headers(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-A: " + b"y" * 80:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def silence(_seen: Seen, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def cut_body(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id": 1}')
    await writer.drain()
    writer.close()


async def hang_up(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("handler", [drip, drip_headers, silence])
@pytest.mark.row("N-10", "F11")
def test_a_slow_answer_ends_at_the_limit(handler: Any, serve: Callable[..., Server]) -> None:
    config, start = settings(serve(handler), timeout=0.5), time.monotonic()
    assert ask(config).trouble == "timeout"
    assert 0.45 < time.monotonic() - start < 3


@pytest.mark.row("N-10")
def test_giant_answers_are_cut_off(serve: Callable[..., Server]) -> None:
    bomb = gzip.compress(b"\0" * 60_000_000, 9)
    large = serve(answering(answer(200, bomb, {"Content-Encoding": "gzip"})))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert ask(settings(large)).trouble == "too_large"
    assert ask(settings(serve(endless_body))).trouble == "too_large"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    assert ask(settings(serve(endless_headers))).trouble in ("too_large", "disconnected")
    assert ask(settings(serve(answering(answer(headers={"X-Big": "y" * 70_000}))))).trouble in ("too_large", "disconnected")


@pytest.mark.row("N-10")
def test_compressed_answers(serve: Callable[..., Server]) -> None:
    whole = gzip.compress(b'{"id": 1}')
    assert ask(settings(serve(answering(answer(200, whole, {"Content-Encoding": "gzip"}))))).json == {"id": 1}
    for body, name in [(whole[:-8], "gzip"), (b"{}", "gzip"), (b"{}", "br")]:
        assert ask(settings(serve(answering(answer(200, body, {"Content-Encoding": name}))))).trouble == "wrong_type"


@pytest.mark.parametrize(("handler", "trouble"), [(cut_body, "truncated"), (hang_up, "disconnected")])
def test_a_broken_connection_is_tried_once_more(handler: Any, trouble: str, serve: Callable[..., Server]) -> None:
    server = serve(handler)
    assert ask(settings(server)).trouble == trouble
    assert len(server.seen) == 2


def test_what_is_no_http_is_no_answer(serve: Callable[..., Server]) -> None:
    assert ask(settings(serve(answering(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")))).trouble == "disconnected"


def test_nobody_there() -> None:
    assert ask(settings("http://127.0.0.1:9")).trouble == "connect"


@pytest.mark.row("F10")
def test_a_server_error_is_tried_once_more(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer(503, b"{}")))
    assert ask(settings(server)).status == 503
    assert len(server.seen) == 2


@pytest.mark.row("N-5")
def test_cookies_of_one_credential_do_not_reach_the_next(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer(headers={"Set-Cookie": "session=first; Path=/"})))

    async def twice(pool: Pool) -> None:
        for value in ("one", "two"):
            await pool.reader(provider()).get("/check", auth=bearer(Secret(value)))

    with_pool(settings(server), twice)
    assert server.connections == 1
    assert [seen.headers.get("cookie") for seen in server.seen] == [None, None]


@pytest.mark.row("N-5")
def test_nothing_ambient_is_used(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    server, other = serve(answering(answer())), serve(answering(answer()))
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ambient password ambient\ndefault login ambient password ambient\n")
    (tmp_path / ".netrc").chmod(0o600)
    for name, value in {
        "HOME": str(tmp_path),
        "NETRC": str(tmp_path / ".netrc"),
        "SSLKEYLOGFILE": str(tmp_path / "keys"),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, other.url)
    ask(settings(server), auth=bearer(Secret("leaked")))
    ask(settings(server))
    assert other.connections == 0
    assert [seen.headers.get("authorization") for seen in server.seen] == ["Bearer leaked", None]
    assert not (tmp_path / "keys").exists()


def _tls(ca: trustme.CA, name: str, **more: Any) -> Any:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name, **more).configure_cert(context)
    return context


@pytest.mark.parametrize("wrong", ["", "self-signed", "other name", "expired"])
@pytest.mark.row("N-9")
def test_certificates_are_checked(
    wrong: str, serve: Callable[..., Server], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import UTC, datetime

    ca, stranger = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    more = {"not_after": datetime(2020, 1, 1, tzinfo=UTC)} if wrong == "expired" else {}
    signer, name = stranger if wrong == "self-signed" else ca, "evil.invalid" if wrong == "other name" else "api.lab.invalid"
    server = serve(answering(OK), tls=_tls(signer, name, **more))

    async def resolver(_name: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    config = settings(f"https://api.lab.invalid:{server.port}", network={"ca_bundle": tmp_path / "ca.pem"})
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    reply = with_pool(config, lambda pool: pool.reader(provider()).get("/check"), resolver=resolver)
    assert not (tmp_path / "keys").exists()
    assert reply.trouble == ("tls" if wrong else None)
    assert len(server.seen) == (0 if wrong else 1)


@pytest.mark.row("N-11")
def test_only_declared_posts_read(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))

    async def work(pool: Pool) -> list[Reply]:
        api = pool.reader(provider())
        return [
            await api.query("/query", json={"a": Secret("fake")}),
            await api.query("/keys"),
            await api.query("/query/../keys"),
            await api.query("/query", json={"a": "fake", "delete": True}),
            await api.query("/query", form={"a": "fake"}),
            await api.query("/query"),
        ]

    good, *refused = with_pool(settings(server), work)
    assert (good.trouble, {reply.trouble for reply in refused}) == (None, {"refused_by_policy"})
    assert [seen.line.split()[:2] for seen in server.seen] == [["POST", "/query"]]
    assert server.seen[0].body == b'{"a": "fake"}'


def test_the_kill_switch_stops_reading_too(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))
    reply = with_pool(settings(server), lambda pool: pool.reader(provider()).get("/check"), stopped=lambda: True)
    assert (reply.trouble, server.connections) == ("refused_by_policy", 0)


def test_authority_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KEY", "fake")
    config = settings("http://127.0.0.1:9", authority={"lab": {"admin_key": "env:LAB_KEY", "organization": "acme"}})

    async def work(pool: Pool) -> None:
        api = pool.reader(provider())
        key = api.authority("admin_key")
        assert key is not None
        assert key.reveal() == "fake"
        assert api.authority("other") is None
        assert (api.setting("organization"), api.setting("other"), api.now) == ("acme", None, NOW)

    with_pool(config, work)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("Tue, 24 Nov 2026 02:00:10 GMT", 10),
        ("Tue, 24 Nov 2020 02:00:10 GMT", 0),
        ("-1", None),
        ("soon", None),
        ("9" * 9, 86_400),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    found = retry_after(value, NOW)
    assert (found.total_seconds() if found is not None else None) == seconds


@pytest.mark.row("N-8")
def test_no_address_in_an_answer_is_called(serve: Callable[..., Server]) -> None:
    """Neither a realm, a link, a next page nor an address in the body makes a second call."""
    second = serve(answering(answer()))
    there = f"{second.url}/token"
    headers = {
        "WWW-Authenticate": f'Bearer realm="{there}", Basic realm="{there}"',
        "Link": f"<{there}>; rel=next",
        "Content-Location": there,
    }
    body = json.dumps({"url": there, "next": there, "_links": {"next": {"href": there}}, "token_url": there}).encode()
    for status in (200, 201, 401, 403, 407):
        first = serve(answering(answer(status, body, headers)))
        reply = ask(settings(first), auth=header("X-Api-Key", Secret("fake")))
        assert reply.status == status
        assert len(first.seen) == 1
    assert second.connections == 0
