"""MySQL's protocol with servers that behave badly, and with a real one in TLS: what we give away, and what we ask."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from revoker.config import OwnershipSettings
from revoker.egress.databases import Call, Server, mysql
from revoker.egress.http import Pool, writer
from revoker.egress.limits import tls_context
from revoker.egress.line import Line, NotSent
from revoker.errors import OutcomeUnknown
from revoker.lab.mariadb import MariaDB, installed, mariadb, run_sql
from revoker.model import Bound, Credential, Proof, Secret
from revoker.providers.mysql import PROVIDER
from revoker.sdk import Reply
from tests.egress.conftest import NOW, settings, with_pool

needs_mariadb = pytest.mark.skipif(installed() is not None, reason=str(installed()))
TLS, PLUGINS = 0x0800, 0x00080000
COMMON = 0x00000001 | 0x00000008 | 0x00000200 | 0x00002000 | 0x00008000 | PLUGINS
OK = b"\x00\x00\x00\x02\x00\x00\x00"
PASSWORD = "made-up-" + "0" * 12
LOAD_LOCAL = b"\xfb/etc/passwd"


def uri(port: int, user: str = "app", word: str = PASSWORD, tail: str = "", host: str = "127.0.0.1") -> Credential:
    parts = {"user": user, "host": host, "port": str(port)}
    return Credential("mysql_uri", "fp_test", Secret(f"mysql://{user}:{word}@{host}:{port}{tail}"), parts)


def login(port: int, cred: Credential, host: str = "127.0.0.1", **more: Any) -> Reply:
    config = settings(ownership=OwnershipSettings(hosts=(f"{host}:{port}",)), timeout=3, **more)
    return with_pool(config, lambda pool: pool.reader(PROVIDER, credential=cred).login("mysql", cred))


@dataclass
class Rogue:
    """One server that speaks MySQL's frames, and all that it was sent."""

    port: int = 0
    got: bytearray = field(default_factory=bytearray)
    logins: int = 0


Talk = Callable[["Frames"], None]


class Frames:
    """Packets of one connection."""

    def __init__(self, sock: socket.socket, rogue: Rogue) -> None:
        self.sock, self.rogue, self.number = sock, rogue, 0

    def send(self, payload: bytes) -> None:
        self.sock.sendall(struct.pack("<I", len(payload))[:3] + bytes([self.number]) + payload)
        self.number = (self.number + 1) % 256

    def read(self) -> bytes:
        head = self._exactly(4)
        self.number = (head[3] + 1) % 256
        return self._exactly(int.from_bytes(head[:3], "little"))

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            more = self.sock.recv(size - len(found))
            if not more:
                raise ConnectionError
            self.rogue.got += more
            found += more
        return found

    def greet(self, plugin: str = "mysql_native_password", flags: int = COMMON) -> bytes:
        """The greeting, and what the client answers."""
        low, high = flags & 0xFFFF, flags >> 16
        salt = b"0123456789abcdefghij"
        body = b"\x0a8.0.99-rogue\0" + struct.pack("<I", 7) + salt[:8] + b"\0" + struct.pack("<HBHHB", low, 45, 2, high, 21)
        self.send(body + bytes(10) + salt[8:] + b"\0" + plugin.encode() + b"\0")
        answer = self.read()
        self.rogue.logins += 1
        return answer


@contextmanager
def rogue(talk: Talk) -> Iterator[Rogue]:
    """A rogue server for the length of a test."""
    found = Rogue()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found.port = listener.getsockname()[1]
        threading.Thread(target=_serve, args=(listener, talk, found), daemon=True).start()
        yield found


def _serve(listener: socket.socket, talk: Talk, found: Rogue) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        with sock:
            try:
                talk(Frames(sock, found))
                while chunk := sock.recv(65_536):
                    found.got += chunk
            except OSError:
                pass


def load_at_login(frames: Frames) -> None:
    frames.greet()
    frames.send(LOAD_LOCAL)


def load_at_first_query(frames: Frames) -> None:
    frames.greet()
    frames.send(OK)
    frames.read()
    frames.send(LOAD_LOCAL)


def load_at_later_query(frames: Frames) -> None:
    frames.greet()
    for answer in (OK, OK, LOAD_LOCAL):
        frames.send(answer)
        frames.read()


@pytest.mark.row("N-7")
@pytest.mark.parametrize("talk", [load_at_login, load_at_first_query, load_at_later_query])
def test_a_server_that_asks_for_a_file_gets_none_of_it(talk: Talk) -> None:
    with rogue(talk) as server:
        reply = login(server.port, uri(server.port, tail="?local_infile=1&allowLoadLocalInfile=true"))
        assert reply.json is None
        assert reply.trouble is not None
        assert b"root:" not in server.got
        assert server.logins == 1
    assert not any(line.encode() in server.got for line in Path("/etc/passwd").read_text().splitlines() if line)


def ask_for(plugin: bytes) -> Talk:
    def talk(frames: Frames) -> None:
        frames.greet()
        frames.send(b"\xfe" + plugin + b"\0" + b"0123456789abcdefghij\0")
        frames.read()
        frames.send(OK)

    return talk


def full_sha2(frames: Frames) -> None:
    frames.greet("caching_sha2_password")
    frames.send(b"\x01\x04")
    frames.read()


def old_sha(frames: Frames) -> None:
    frames.greet("sha256_password")
    frames.send(OK)


@pytest.mark.parametrize(
    "talk", [ask_for(b"mysql_clear_password"), ask_for(b"dialog"), ask_for(b"sha256_password"), full_sha2, old_sha]
)
def test_no_server_is_handed_the_password_in_the_clear(talk: Talk) -> None:
    with rogue(talk) as server:
        login(server.port, uri(server.port))
        assert PASSWORD.encode() not in server.got
        assert server.got.count(b"app\0") == 1, "one attempt"


def endless(frames: Frames) -> None:
    frames.greet()
    for answer in (OK, OK):
        frames.send(answer)
        frames.read()
    frames.send(b"\x01")
    frames.send(b"\x03def\0\0\0\x01a\x01a\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0")
    frames.send(b"\xfe\0\0\x02\0")
    while True:
        frames.send(b"\xfd\xff\xff\0" + b"x" * 65_535)


def test_endless_rows_are_not_read_to_the_end() -> None:
    with rogue(endless) as server:
        assert login(server.port, uri(server.port)).trouble == "too_large"


def blocked(frames: Frames) -> None:
    frames.send(b"\xff" + struct.pack("<H", 1129) + b"Host is blocked because of many connection errors")


def test_a_blocked_host_is_told_by_its_code() -> None:
    with rogue(blocked) as server:
        assert login(server.port, uri(server.port)).code == "1129"


@pytest.mark.parametrize("noise", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64, bytes(64)])
def test_what_speaks_another_protocol_is_trouble(noise: bytes) -> None:
    def talk(frames: Frames) -> None:
        frames.sock.sendall(noise)
        frames.sock.shutdown(socket.SHUT_WR)

    with rogue(talk) as server:
        reply = login(server.port, uri(server.port))
        assert (reply.code, reply.json) == (None, None)
        assert reply.trouble is not None


def test_a_server_without_tls_outside_our_networks_gets_no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    with rogue(old_sha) as server:
        sock = socket.create_connection(("127.0.0.1", server.port), 3)
        monkeypatch.setattr(mysql, "connect", lambda _call: (sock, False))
        whom = Server("mysql", "db.lab.invalid", server.port, "app", "", Secret(PASSWORD))
        with pytest.raises(NotSent) as raised:
            mysql.login(Call(whom, Line(tls_context(None)), 3.0, NOW))
        assert raised.value.reason == "tls"
    assert not server.got


TAILS = (
    "?read_default_file={}/my.cnf&read_default_group=client",
    "?unix_socket=/tmp/none.sock&socket=/tmp/none.sock",
    "?ssl-mode=DISABLED&ssl_ca=/none&sslMode=DISABLED&useSSL=false&tls=skip-verify",
    "?init_command=SET%20GLOBAL%20general_log=0&sessionVariables=x%3D1",
    "?host=evil.invalid&port=1&user=root&password=x",
    "?allowMultiQueries=true&multiStatements=true&autoDeserialize=true",
    "?defaultAuth=mysql_clear_password&allowCleartextPasswords=1&plugin_dir=/tmp",
    "#x?host=evil.invalid",
)


@pytest.mark.row("N-7")
@needs_mariadb
@pytest.mark.slow
@pytest.mark.parametrize("tail", TAILS)
def test_no_option_of_a_uri_and_no_file_has_an_effect(
    maria: MariaDB, tail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my.cnf").write_text("[client]\nhost=evil.invalid\nuser=root\npassword=x\n")
    (tmp_path / ".my.cnf").write_text("[client]\nhost=evil.invalid\nuser=root\npassword=x\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MYSQL_HOST", "evil.invalid")
    monkeypatch.setenv("MYSQL_PWD", "x")
    cred = uri(maria.port, maria.user, maria.password, "/mysql" + tail.replace("{}", str(tmp_path)))
    reply = login(maria.port, cred)
    assert (reply.code, reply.trouble) == (None, None)
    assert reply.json["user"] == "lab"
    assert run_sql(maria, "SELECT @@general_log") == [(1,)]


@needs_mariadb
@pytest.mark.slow
def test_one_statement_is_one_statement(maria: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_MY", maria.password)
    cred = uri(maria.port)
    config = settings(
        ownership=OwnershipSettings(hosts=(f"127.0.0.1:{maria.port}",)),
        authority={"mysql": {"user": maria.user, "password": "env:LAB_MY"}},
        timeout=5,
    )

    async def ask(pool: Pool, *asked: Any) -> list[Reply]:
        api = writer(pool, PROVIDER, Bound(cred, "app", Proof.EMBEDDED, "lab"), mark="m", allow=lambda: None)
        return [await api.command("mysql", text, values) for text, values in asked]

    word = "it's `%`\\"
    two, rows = with_pool(
        config, lambda pool: ask(pool, ("SELECT 1; SELECT 2", ()), ("SELECT %s AS word, 5 AS five", [Secret(word)]))
    )
    assert two.code == "1064"
    assert rows.json == [{"word": word, "five": 5}]
    with pytest.raises(OutcomeUnknown):
        with_pool(config, lambda pool: ask(pool, ("KILL CONNECTION_ID()", ())))


@pytest.fixture(scope="module")
def in_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MariaDB, Path]]:
    """A MariaDB with a certificate for localhost, and the file of its authority."""
    why = installed()
    if why is not None:
        pytest.skip(why)
    folder, ca = tmp_path_factory.mktemp("tls"), trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    made = ca.issue_cert("localhost", "127.0.0.1")
    made.private_key_pem.write_to_path(str(folder / "key.pem"))
    made.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    options = ("--ssl-cert={folder}/cert.pem", "--ssl-key={folder}/key.pem")
    with mariadb(*options, extra=(folder / "cert.pem", folder / "key.pem")) as server:
        run_sql(server, f"CREATE USER safe@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL")
        yield server, folder / "ca.pem"


@needs_mariadb
@pytest.mark.slow
def test_an_account_that_asks_for_tls_is_not_taken_for_dead(in_tls: tuple[MariaDB, Path]) -> None:
    server, ca = in_tls
    reply = login(server.port, uri(server.port, "safe"), network={"ca_bundle": ca})
    assert (reply.code, reply.trouble) == (None, None)
    assert reply.json["tls"] is True
    assert login(server.port, uri(server.port, "safe", "wrong"), network={"ca_bundle": ca}).code == "1045"


@needs_mariadb
@pytest.mark.slow
def test_a_server_with_a_stranger_s_certificate_is_told_nothing(in_tls: tuple[MariaDB, Path]) -> None:
    server, _ = in_tls
    before = server.log.read_text().count("safe@")
    reply = login(server.port, uri(server.port, "safe"))
    assert (reply.trouble, reply.code) == ("tls", None)
    assert server.log.read_text().count("safe@") == before, "no login was tried, and none in the clear"
