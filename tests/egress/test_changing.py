"""Changes: allowed at the last moment, sent once, and never called "not sent" when they were."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import trustme

from revoker.egress.http import Pool, writer
from revoker.egress.writer import PoolWriter
from revoker.errors import AuditError, AuthorityError, EgressRefused, OutcomeUnknown
from revoker.model import Bound, Issued, Proof, Secret
from revoker.sdk import Reply, bearer, header
from tests.egress.conftest import Seen, Server, answer, answering, credential, provider, settings, with_pool
from tests.egress.test_reading import _tls, cut_body, drip, drip_headers, endless_body, hang_up, silence

BOUND = Bound(credential(), "key-1", Proof.SELF_ENDPOINT, "lab")


def change(config: Any, work: Callable[[PoolWriter], Awaitable[Reply]], of: Any = None, allow: Any = None, **more: Any) -> Reply:
    """One change through a writer."""

    async def main(pool: Pool) -> Reply:
        return await work(writer(pool, of or provider(), BOUND, mark="revoker-r1", allow=allow or (lambda: None)))

    return with_pool(config, main, **more)


def post(api: PoolWriter) -> Awaitable[Reply]:
    return api.send("POST", "/keys", json={"name": api.mark}, auth=bearer(Secret("fake")))


def test_one_change(serve: Callable[..., Server]) -> None:
    server, allowed = serve(answering(answer(201, b'{"id": "k2"}'))), []
    reply = change(settings(server), post, allow=lambda: allowed.append(len(server.seen)))
    assert (reply.status, reply.json, reply.trouble) == (201, {"id": "k2"}, None)
    assert allowed == [0]
    assert len(server.seen) == 1
    assert server.seen[0].line == "POST /keys HTTP/1.1"
    assert json.loads(server.seen[0].body) == {"name": "revoker-r1"}
    assert server.seen[0].headers["authorization"] == "Bearer fake"


def test_forms_parameters_and_the_chosen_value(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer(204, b"")))
    chosen = Issued("k", Secret("new"))

    async def main(pool: Pool) -> None:
        api = writer(pool, provider(), BOUND, mark="m", chosen=chosen, allow=lambda: None)
        assert api.chosen is chosen
        await api.send("DELETE", "/keys/1", params={"force": "1"})
        await api.send("POST", "/revoke", form={"token": Secret("a b&c")})

    with_pool(settings(server), main)
    assert server.seen[0].line == "DELETE /keys/1?force=1 HTTP/1.1"
    assert server.seen[1].body == b"token=a+b%26c"


def test_without_allowance_nothing_is_sent(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))

    def refuse() -> None:
        raise AuditError("the audit log is full")

    with pytest.raises(AuditError):
        change(settings(server), post, allow=refuse)
    with pytest.raises(EgressRefused):
        change(settings(server), post, stopped=lambda: True)
    with pytest.raises(EgressRefused):
        change(settings(server), lambda api: api.send("GET", "/keys"))
    with pytest.raises(EgressRefused):
        change(settings(server), lambda api: api.send("POST", "/keys", host="evil.invalid"))
    with pytest.raises(EgressRefused):
        change(settings(server, allow=None), post)
    assert server.connections == 0


@pytest.mark.parametrize("handler", [hang_up, cut_body, silence, drip, drip_headers, endless_body])
def test_a_lost_answer_is_unknown_and_not_sent_again(handler: Any, serve: Callable[..., Server]) -> None:
    server, start = serve(handler), time.monotonic()
    with pytest.raises(OutcomeUnknown):
        change(settings(server, timeout=0.6), post)
    assert len(server.seen) == 1
    assert time.monotonic() - start < 3


@pytest.mark.row("N-10")
def test_a_bomb_in_an_answer_is_unknown(serve: Callable[..., Server]) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    server = serve(answering(answer(200, bomb, {"Content-Encoding": "gzip"})))
    with pytest.raises(OutcomeUnknown):
        change(settings(server), post)


def test_what_was_certainly_not_sent(serve: Callable[..., Server]) -> None:
    reply = change(settings("http://127.0.0.1:9"), post)
    assert (reply.trouble, reply.code) == ("not_sent", "connect")

    async def nowhere(_name: str, _port: int) -> Sequence[str]:
        raise OSError("no such name")

    reply = change(settings("http://api.lab.invalid:9"), post, resolver=nowhere)
    assert (reply.trouble, reply.code) == ("not_sent", "connect")
    server = serve(answering(answer()), tls=_tls(trustme.CA(), "127.0.0.1"))
    reply = change(settings(server), post)
    assert (reply.trouble, reply.code) == ("not_sent", "tls")
    assert server.seen == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.row("N-4")
def test_a_redirected_change_reaches_nobody_else(status: int, serve: Callable[..., Server]) -> None:
    second = serve(answering(answer()))
    first = serve(answering(answer(status, b"", {"Location": second.url})))
    reply = change(settings(first), lambda api: api.send("POST", "/keys", auth=header("PRIVATE-TOKEN", Secret("fake"))))
    assert (reply.status, reply.trouble) == (status, "redirect")
    assert second.connections == 0


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_a_refused_change_is_given_back_at_once(status: int, serve: Callable[..., Server]) -> None:
    server = serve(answering(answer(status, b'{"error": {"code": "no"}}', {"Retry-After": "1"})))
    reply = change(settings(server), post)
    assert (reply.status, reply.code, len(server.seen)) == (status, "no", 1)


@pytest.mark.row("N-3")
def test_a_rebinding_name_is_not_dialled(serve: Callable[..., Server]) -> None:
    server = serve(answering(answer()))

    async def resolver(_name: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1", "127.0.0.2"]

    with pytest.raises(EgressRefused):
        change(settings(f"http://api.lab.invalid:{server.port}", allow="127.0.0.1/32"), post, resolver=resolver)
    assert server.connections == 0


@pytest.mark.row("N-5")
def test_nothing_ambient_is_used(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    server, other = serve(answering(answer())), serve(answering(answer()))
    (tmp_path / ".netrc").write_text("default login ambient password ambient\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)
    change(settings(server), lambda api: api.send("POST", "/keys", json={}))
    assert other.connections == 0
    assert "authorization" not in server.seen[0].headers


def test_github_through_its_own_library(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    second = serve(answering(answer()))
    monkeypatch.setenv("HTTPS_PROXY", second.url)
    server = serve(answering(answer(200, b'{"id": 7}')))
    config = settings(server.url + "/api/v3")
    reply = change(config, lambda api: api.github_write("POST", "/credentials/revoke", json={"credentials": [Secret("fake")]}))
    assert (reply.status, reply.json) == (200, {"id": 7})
    assert server.seen[0].line == "POST /api/v3/credentials/revoke HTTP/1.1"
    assert json.loads(server.seen[0].body) == {"credentials": ["fake"]}
    gone = change(config, lambda api: api.github_write("DELETE", "/installation/token", auth=bearer(Secret("fake"))))
    assert gone.status == 200
    assert server.seen[1].headers["authorization"] == "Bearer fake"
    assert server.seen[1].headers["accept"] == "application/vnd.github+json"
    moved = serve(answering(answer(301, b"", {"Location": server.url + "/elsewhere"})))
    assert change(settings(moved), lambda api: api.github_write("POST", "/x", json={})).trouble == "redirect"
    assert len(moved.seen) == 1
    with pytest.raises(OutcomeUnknown):
        change(settings(serve(hang_up)), lambda api: api.github_write("POST", "/x", json={}))
    assert change(settings("http://127.0.0.1:9"), lambda api: api.github_write("POST", "/x")).trouble == "not_sent"
    assert second.connections == 0


def test_vault_through_its_own_library(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "ambient")
    monkeypatch.setenv("LAB_VAULT", "ours")
    server, of = serve(answering(answer(204, b""))), provider(id="vault", hosts=())
    config = settings(endpoints={"vault": server.url}, authority={"vault": {"token": "env:LAB_VAULT"}})
    path = "/v1/auth/token/revoke-accessor"
    assert change(config, lambda api: api.vault_write("POST", path, json={"accessor": "a"}), of).status == 204
    assert (
        change(config, lambda api: api.vault_write("POST", path, auth=header("X-Vault-Token", Secret("leaked"))), of).status
        == 204
    )
    assert [seen.headers["x-vault-token"] for seen in server.seen] == ["ours", "leaked"]
    assert server.seen[0].line == f"POST {path} HTTP/1.1"
    assert json.loads(server.seen[0].body) == {"accessor": "a"}
    with pytest.raises(AuthorityError):
        change(settings(endpoints={"vault": server.url}), lambda api: api.vault_write("POST", path), of)
    with pytest.raises(EgressRefused):
        change(settings(endpoints={}), lambda api: api.vault_write("POST", path, auth=bearer(Secret("x"))), of)


class Proxy:
    """A proxy that writes down all it sees and joins CONNECTs to one port."""

    def __init__(self, port: int) -> None:
        self.port, self.seen = port, b""

    async def __call__(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen += seen.head + seen.body
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer), return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            self.seen += data
            writer.write(data)
            await writer.drain()
        writer.close()


def test_what_is_the_operators_own_is_dialled_without_the_proxy(serve: Callable[..., Server]) -> None:
    server, proxy = serve(answering(answer())), serve(answering(answer()))
    config = settings(server, network={"proxy": proxy.url})
    assert with_pool(config, lambda pool: pool.reader(provider()).get("/check")).status == 200
    assert change(config, post).status == 200
    assert proxy.connections == 0


@pytest.mark.row("N-6")
def test_a_proxy_of_ours_sees_no_secret_and_cannot_alter(serve: Callable[..., Server], tmp_path: Any) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for signer in (ca, trustme.CA()):
        origin = serve(answering(answer()), tls=_tls(signer, "api.lab.invalid"))
        proxy = Proxy(origin.port)
        network = {"proxy": serve(proxy).url, "ca_bundle": tmp_path / "ca.pem"}
        config = settings(f"https://api.lab.invalid:{origin.port}", allow=None, network=network)
        read = with_pool(config, lambda pool: pool.reader(provider()).get("/check", auth=bearer(Secret("fake-secret"))))
        sent = change(config, post)
        assert (read.trouble, sent.trouble) == ((None, None) if signer is ca else ("tls", "not_sent"))
        assert len(origin.seen) == (2 if signer is ca else 0)
        assert b"CONNECT api.lab.invalid" in proxy.seen
        assert b"fake-secret" not in proxy.seen
        assert b"/check" not in proxy.seen
