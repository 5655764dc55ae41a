"""PostgreSQL behind TLS: a stranger's certificate, or one for another name, gets no user name and no password.

The PostgreSQL that the tests can have is built without TLS, so a front answers SSLRequest as the server does
(https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL) and passes what comes through TLS on to the real one.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from revoker.lab.servers import PostgreSQL
from revoker.providers.postgresql import PROVIDER
from revoker.sdk import Reply
from tests.egress.conftest import with_pool
from tests.egress.test_databases import config, uri
from tests.servers.certificates import Certificates, certificates

pytestmark = [pytest.mark.slow, pytest.mark.row("N-9")]
SSL_REQUEST = bytes.fromhex("0000000804d2162f")


class Front:
    """Speaks TLS with clients, and plainly with the real server. `through` is what came out of TLS."""

    def __init__(self, server: PostgreSQL, made: Certificates) -> None:
        self.server, self.through, self.clear = server, bytearray(), bytearray()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(made.chain, made.key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), closing(client):
            first = client.recv(8)
            if first != SSL_REQUEST:
                self.clear += first
                return
            client.sendall(b"S")
            with (
                self.tls.wrap_socket(client, server_side=True) as inside,
                socket.create_connection((self.server.host, self.server.port)) as behind,
            ):
                back = threading.Thread(target=_pass, args=(behind, inside, bytearray()), daemon=True)
                back.start()
                _pass(inside, behind, self.through)


def _pass(source: socket.socket, target: socket.socket, seen: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            seen += data
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def front(server: PostgreSQL, made: Certificates) -> Iterator[Front]:
    served = Front(server, made)
    with closing(served.listener):
        yield served


def asked(served: Front, server: PostgreSQL, ca: Path | None, host: str = "127.0.0.1") -> Reply:
    where = SimpleNamespace(host=host, port=served.port)
    cred = uri(where, server.user, server.password)
    known = config(where)
    trusting = replace(known, network=replace(known.network, ca_bundle=ca)) if ca else known
    return with_pool(trusting, lambda pool: pool.reader(PROVIDER, credential=cred).login("postgresql", cred))


def test_only_the_right_certificate_gets_a_password(postgresql: PostgreSQL, tmp_path: Path) -> None:
    for folder in ("ours", "other", "stranger"):
        (tmp_path / folder).mkdir()
    ours, other = certificates(tmp_path / "ours", "127.0.0.1"), certificates(tmp_path / "other", "db.lab.invalid")
    stranger = certificates(tmp_path / "stranger", "127.0.0.1")
    with front(postgresql, ours) as served:
        assert asked(served, postgresql, ours.ca).json["user"] == postgresql.user
        assert postgresql.user.encode() in served.through
        assert not served.clear
    for made, ca in ((ours, None), (ours, stranger.ca), (other, other.ca)):
        with front(postgresql, made) as served:
            assert asked(served, postgresql, ca).trouble == "tls"
            assert not served.through, "bytes went to a server that nobody vouches for"
            assert not served.clear, "it went on in the clear"
