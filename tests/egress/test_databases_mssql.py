"""SQL Server's protocol with a server of our own, written after MS-TDS: no real one can be had here.

What is shown: TLS inside TDS with the right name, the credential that arrives, one attempt, and the numbers that come back.
What is not: that a real SQL Server says these numbers when we think it does.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from revoker.config import OwnershipSettings
from revoker.egress.databases import Call, Server, mssql
from revoker.egress.databases.dial import connect
from revoker.egress.databases.tds_channel import packet
from revoker.egress.limits import tls_context
from revoker.egress.line import Line, Lost, NotSent
from revoker.model import Credential, Secret
from revoker.providers.mssql import PROVIDER
from tests.egress.conftest import NOW, settings, with_pool

PASSWORD = "p@ss;w0rd-made-up"
NAME = "db.lab.invalid"


def utf(text: str) -> bytes:
    return text.encode("utf-16-le")


def short(text: str) -> bytes:
    return bytes([len(text)]) + utf(text)


def error(number: int, text: str, severity: int = 14) -> bytes:
    body = struct.pack("<IBBH", number, 1, severity, len(text)) + utf(text) + short("srv") + short("") + struct.pack("<I", 1)
    return b"\xaa" + struct.pack("<H", len(body)) + body


def done(status: int = 0) -> bytes:
    return b"\xfd" + struct.pack("<HHQ", status, 0, 0)


def welcome() -> bytes:
    body = b"\x01" + b"\x74\x00\x00\x04" + short("SQL") + bytes(4)
    return b"\xad" + struct.pack("<H", len(body)) + body + done()


def elsewhere(host: str, port: int) -> bytes:
    where = struct.pack("<BHH", 0, port, len(host)) + utf(host)
    body = b"\x14" + struct.pack("<H", len(where)) + where + b"\0\0"
    return b"\xe3" + struct.pack("<H", len(body)) + body


def row(*values: tuple[str, str]) -> bytes:
    told = b"\x81" + struct.pack("<H", len(values))
    for name, _ in values:
        told += struct.pack("<IHBH", 0, 9, 0xE7, 512) + b"\x09\x04\xd0\x00\x34" + short(name)
    told += b"\xd1"
    for _, text in values:
        told += struct.pack("<H", len(text) * 2) + utf(text)
    return told + b"\xfd" + struct.pack("<HHQ", 0x10, 0xC1, 1)


@dataclass
class Tds:
    """A server for one kind of answer: what it was sent, as it understood it."""

    answers: tuple[bytes, ...]
    tls: ssl.SSLContext | None
    port: int = 0
    raw: bytearray = field(default_factory=bytearray)
    logins: list[tuple[str, str, str]] = field(default_factory=list)  # user, password, database
    batches: list[str] = field(default_factory=list)

    def talk(self, sock: socket.socket) -> None:
        _kind, asked = self._message(sock)
        wants = asked[asked[7] | asked[6] << 8] if asked else 2
        sock.sendall(packet(4, bytes([1, 0, 6, 0, 1, 0xFF, 2 if self.tls is None else 1])))
        if self.tls is None and wants != 2:
            return
        send, read = (sock.sendall, lambda: self._message(sock)) if self.tls is None else self._in_tls(sock, self.tls)
        for answer in self.answers:
            kind, body = read()
            if kind == 0x10:
                self.logins.append(_login(body))
            elif kind == 0x01:
                self.batches.append(body[22:].decode("utf-16-le"))
            send(packet(4, answer))
        read()

    def _in_tls(
        self, sock: socket.socket, context: ssl.SSLContext
    ) -> tuple[Callable[[bytes], None], Callable[[], tuple[int, bytes]]]:
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(into, out, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                if out.pending:
                    sock.sendall(packet(0x12, out.read()))
                into.write(self._message(sock)[1])
        if out.pending:
            sock.sendall(packet(0x12, out.read()))

        def exactly(size: int) -> bytes:
            found = b""
            while len(found) < size:
                try:
                    found += tls.read(size - len(found))
                except ssl.SSLWantReadError:
                    into.write(self._some(sock))
            return found

        def send(data: bytes) -> None:
            tls.write(data)
            sock.sendall(out.read())

        def read() -> tuple[int, bytes]:
            head = exactly(8)
            return head[0], exactly(int.from_bytes(head[2:4], "big") - 8)

        return send, read

    def _message(self, sock: socket.socket) -> tuple[int, bytes]:
        head = self._exactly(sock, 8)
        return head[0], self._exactly(sock, int.from_bytes(head[2:4], "big") - 8)

    def _exactly(self, sock: socket.socket, size: int) -> bytes:
        found = b""
        while len(found) < size:
            found += self._some(sock, size - len(found))
        return found

    def _some(self, sock: socket.socket, size: int = 65_536) -> bytes:
        more = sock.recv(size)
        if not more:
            raise ConnectionError
        self.raw += more
        return more


def _login(body: bytes) -> tuple[str, str, str]:
    """User, password and database of a LOGIN7; the password is only scrambled there."""

    def part(at: int) -> bytes:
        offset, size = struct.unpack_from("<HH", body, at)
        return body[offset : offset + size * 2]

    password = bytes(((one ^ 0xA5) << 4 | (one ^ 0xA5) >> 4) & 0xFF for one in part(44))
    return part(40).decode("utf-16-le"), password.decode("utf-16-le"), part(68).decode("utf-16-le")


@contextmanager
def serving(*answers: bytes, tls: ssl.SSLContext | None = None) -> Iterator[Tds]:
    found = Tds(answers, tls)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found.port = listener.getsockname()[1]
        threading.Thread(target=_serve, args=(listener, found), daemon=True).start()
        yield found


def _serve(listener: socket.socket, found: Tds) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        with sock, suppress(OSError, ValueError):
            found.talk(sock)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    made, folder = trustme.CA(), tmp_path_factory.mktemp("ca")
    made.cert_pem.write_to_path(str(folder / "ca.pem"))
    return made, folder / "ca.pem"


def context(ca: trustme.CA, name: str = NAME) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.maximum_version = ssl.TLSVersion.TLSv1_2  # as TDS 7 has it
    ca.issue_cert(name).configure_cert(made)
    return made


def call(port: int, ca: Path | None = None, host: str = NAME) -> Call:
    from ipaddress import ip_network

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    line = Line(tls_context(ca), (ip_network("127.0.0.1/32"),), None, resolve)
    return Call(Server("mssql", host, port, "app", "billing", Secret(PASSWORD)), line, 3.0, NOW)


WHO = row(("user", "app"), ("version", "16.0.4135.4"), ("sysadmin", "1"))


def test_a_login_in_tls_arrives_whole_and_names_no_database(authority: tuple[trustme.CA, Path]) -> None:
    with serving(welcome(), WHO, tls=context(authority[0])) as server:
        reply = mssql.login(call(server.port, authority[1]))
        assert (reply.code, reply.trouble) == (None, None)
        assert reply.json == {"user": "app", "version": "16.0.4135.4", "sysadmin": "1"}
        assert server.logins == [("app", PASSWORD, "")]
        assert utf("app") not in server.raw, "nothing of the login is outside TLS"
        assert socket.gethostname().encode("utf-16-le") not in server.raw


def test_a_certificate_of_another_name_or_a_stranger_gets_no_login(authority: tuple[trustme.CA, Path]) -> None:
    # python-tds itself strips the letters D, N and S off a name before it compares, and takes the CN for one
    for made, name in ((authority[0], "other.lab.invalid"), (authority[0], "SND" + NAME), (trustme.CA(), NAME)):
        with serving(welcome(), WHO, tls=context(made, name)) as server:
            with pytest.raises(NotSent) as raised:
                mssql.login(call(server.port, authority[1]))
            assert raised.value.reason == "tls"
            assert server.logins == []


def test_a_server_without_tls_gets_a_login_only_inside_our_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    from revoker.egress.databases import tds_channel

    with serving(welcome(), WHO) as server:
        assert mssql.login(call(server.port)).json["user"] == "app"
        assert server.logins == [("app", PASSWORD, "")]
        monkeypatch.setattr(tds_channel, "connect", lambda one: (connect(one)[0], False))
        with pytest.raises(NotSent) as raised:
            mssql.login(call(server.port))
        assert raised.value.reason == "tls"
        assert len(server.logins) == 1


@pytest.mark.parametrize("number", [18456, 18470, 18486, 18487, 18488, 40615, 40532])
def test_a_refusal_is_one_attempt_and_its_number(number: int) -> None:
    with serving(error(number, "Login failed for user 'app'.") + done(2)) as server:
        assert mssql.login(call(server.port)).code == str(number)
        assert len(server.logins) == 1, "python-tds would try again"


def test_the_number_that_says_more_counts() -> None:
    told = error(4060, "Cannot open database", 11) + error(18456, "Login failed for user 'app'.") + done(2)
    with serving(told) as server:
        assert mssql.login(call(server.port)).code == "4060"


def test_a_server_that_sends_us_elsewhere_is_not_followed() -> None:
    with serving(error(18456, "x") + done(2)) as other, serving(elsewhere("127.0.0.1", other.port) + welcome()) as server:
        with pytest.raises(NotSent) as raised:
            mssql.login(call(server.port))
        assert raised.value.reason == "redirect"
        assert not other.raw


def test_a_value_is_quoted_and_a_lost_answer_is_said() -> None:
    with serving(welcome(), done()) as server:
        word = Secret("it's ]; --")
        assert mssql.change(call(server.port), "ALTER LOGIN [a%%b] WITH PASSWORD = %s", [word]).json == []
        assert server.batches == ["ALTER LOGIN [a%b] WITH PASSWORD = N'it''s ]; --'"]
        with serving(welcome()) as short_lived, pytest.raises(Lost):
            mssql.change(call(short_lived.port), "KILL 51", [])


@pytest.mark.parametrize("noise", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(64), packet(4, b"\xff")])
def test_what_speaks_another_protocol_is_trouble(noise: bytes) -> None:
    with serving() as server:
        server.talk = lambda sock: sock.sendall(noise)  # type: ignore[method-assign]
        with pytest.raises(NotSent):
            mssql.login(call(server.port))


@pytest.mark.row("N-7")
@pytest.mark.parametrize(
    "tail", ["/billing?encrypt=false&TrustServerCertificate=yes", "?host=evil.invalid&driver=x&trusted_connection=yes"]
)
def test_no_option_of_a_uri_has_an_effect(tail: str, authority: tuple[trustme.CA, Path]) -> None:
    with serving(welcome(), WHO, tls=context(authority[0], "127.0.0.1")) as server:
        cred = Credential("mssql_uri", "fp_test", Secret(f"mssql://app:p%40ss@127.0.0.1:{server.port}{tail}"), {})
        known = OwnershipSettings(hosts=(f"127.0.0.1:{server.port}",))

        def ask(**more: Any) -> Any:
            config = settings(ownership=known, timeout=3, **more)
            return with_pool(config, lambda pool: pool.reader(PROVIDER, credential=cred).login("mssql", cred))

        assert ask().trouble == "tls", "the certificate is checked whatever the URI says"
        assert ask(network={"ca_bundle": authority[1]}).json["user"] == "app"
        assert server.logins == [("app", "p@ss", "")]
