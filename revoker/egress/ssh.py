"""Would this SSH account take this key? RFC 4252, section 7: a publickey request without a signature.

The server answers PK_OK or a failure. The private half is not in this process's hands here: asyncssh gets the public half
only, so that it could not sign if it wanted to; no session opens, and the server logs no accepted login.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revoker.egress.line import Line, NotSent
from revoker.egress.names import pin

if TYPE_CHECKING:
    import asyncssh

CLIENT = "revoker"  # the client's version in the server's log: who asked


async def would_accept(account: str, public_line: str, line: Line, known_hosts: Path | None, limit: float) -> str:
    """`accepted`, `refused`, or `no_public_keys` when the account takes no public keys at all.

    `account` is `user@host:port`. Raises NotSent with a reason slug when there is no answer that decides.
    """
    user, _, at = account.rpartition("@")
    host, _, port = at.rpartition(":")
    host = host.strip("[]")
    trusted = _trusted(known_hosts)
    sock = await _dial(host, int(port), line, limit)
    try:
        return await asyncio.wait_for(_ask(sock, host, int(port), user, public_line, trusted, limit), limit)
    except TimeoutError:
        raise NotSent("timeout") from None
    finally:
        sock.close()


def _trusted(known_hosts: Path | None) -> bytes:
    """The pinned host keys. Raises NotSent without them: an unknown host is not asked."""
    try:
        return known_hosts.read_bytes() if known_hosts is not None else b""
    except OSError:
        raise NotSent("no_known_hosts") from None


async def _dial(host: str, port: int, line: Line, limit: float) -> socket.socket:
    """A socket to a checked address."""
    try:
        addresses = await pin(host, port, line.allow, line.resolver)
    except OSError:
        raise NotSent("connect") from None
    return await asyncio.to_thread(_connect, addresses, port, limit)


def _connect(addresses: Sequence[str], port: int, limit: float) -> socket.socket:
    last = "connect"
    for address in addresses:
        try:
            return socket.create_connection((address, port), limit)
        except OSError as error:
            last = "timeout" if isinstance(error, TimeoutError) else "connect"
    raise NotSent(last)


async def _ask(sock: socket.socket, host: str, port: int, user: str, public_line: str, trusted: bytes, limit: float) -> str:
    import asyncssh

    asyncssh.set_log_level("CRITICAL")
    half = asyncssh.import_public_key(public_line)
    told: list[str] = []
    sock.setblocking(False)
    try:
        connection = await asyncssh.connect(
            host, port, sock=sock, username=user, client_factory=lambda: _asker(half, told), known_hosts=asyncssh.import_known_hosts(trusted.decode("utf-8", "replace")),
            x509_trusted_certs=None, config=None, agent_path=None, client_keys=None, client_version=CLIENT, preferred_auth="publickey",
            password_auth=False, kbdint_auth=False, gss_host=None, login_timeout=limit,
        )  # fmt: skip
    except asyncssh.HostKeyNotVerifiable:
        raise NotSent("host_key") from None
    except (asyncssh.Error, OSError, ValueError) as error:
        return _outcome(told, error)
    connection.abort()  # let in without a key: then the key decides nothing
    raise NotSent("no_key_needed")


def _outcome(told: Sequence[str], error: BaseException) -> str:
    import asyncssh

    if "accepted" in told:
        return "accepted"
    if isinstance(error, asyncssh.PermissionDenied):
        return "refused" if "asked" in told else "no_public_keys"
    raise NotSent("disconnected")


def _asker(half: asyncssh.SSHKey, told: list[str]) -> asyncssh.SSHClient:
    """A client that offers one public key once, and hangs up where a signature would be due."""
    import asyncssh

    class Half(asyncssh.SSHKeyPair):
        """A pair without its private half."""

        def sign(self, data: bytes) -> bytes:  # noqa: ARG002 - asyncssh's signature
            told.append("accepted")  # asyncssh asks for a signature only after the server's PK_OK for this very key
            raise asyncssh.DisconnectError(asyncssh.DISC_BY_APPLICATION, "asked only")

    class Asker(asyncssh.SSHClient):
        def public_key_auth_requested(self) -> Any:
            if "asked" in told:
                return None
            told.append("asked")
            names = half.sig_algorithms
            return Half(half.algorithm, half.algorithm, names, names, half.public_data, None)

    return Asker()
