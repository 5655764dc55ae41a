"""The places that the operator names for private keys ([keys]): files of this machine, SSH accounts, TLS servers.

Only the public half of a key is compared or asked about.
"""

from __future__ import annotations

import asyncio
import glob
import socket
import ssl
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from revoker.config import Settings, base
from revoker.egress import ssh
from revoker.egress.authorized_keys import listed
from revoker.egress.line import Line, NotSent
from revoker.egress.names import pin
from revoker.sdk import Certificate, PublicHalf, Reply, certificates_in, ssh_fingerprint

LARGEST = 16 << 20  # bytes of an inventory file
MOST_FILES = 20_000
BEST = ("valid", "not_yet_valid", "expired")


def places(settings: Settings) -> list[str]:
    """All places, in the order in which they are asked: files first, then hosts. A glob that fits nothing stays, unread."""
    keys = settings.keys
    return [
        *(f"authorized_keys {path}" for path in _files(keys.authorized_keys, settings)),
        *(f"certificate {path}" for path in _files(keys.certificates, settings)),
        *(f"ssh {account}" for account in keys.ssh_hosts),
        *(f"tls {server}" for server in keys.tls_hosts),
    ]


def is_file(place: str) -> bool:
    """True for a place on this machine, which costs nobody a request."""
    return place.startswith(("authorized_keys ", "certificate "))


def _files(patterns: Iterable[str], settings: Settings) -> list[str]:
    found: list[str] = []
    for pattern in patterns:
        whole = str(base(settings) / Path(pattern).expanduser())
        matching = sorted(glob.glob(whole, recursive=True)) if glob.has_magic(whole) else [whole]  # noqa: PTH207 - a pattern may be absolute
        found += matching or [whole]
    return found[:MOST_FILES]


async def ask(place: str, half: PublicHalf, settings: Settings, line: Line, now: datetime) -> Reply:
    """One place's answer. What is no place of the settings is never reached: the caller checks that it is one."""
    sort, _, name = place.partition(" ")
    limit = settings.verify.timeout.total_seconds()
    try:
        if sort == "authorized_keys":
            return Reply(place, code=await asyncio.to_thread(_in_inventory, name, half, now), at=now)
        if sort == "ssh":
            return Reply(place, code=await ssh.would_accept(name, half.ssh, line, settings.keys.known_hosts, limit), at=now)
        if sort == "certificate":
            found = certificates_in(await asyncio.to_thread(_read, name))
        else:
            found = certificates_in(await _served(name, line, limit))
    except NotSent as error:
        return Reply(place, trouble=error.reason, at=now)
    except ValueError:
        return Reply(place, trouble="unreadable", at=now)
    return _compared(place, found, half, now)


def _in_inventory(name: str, half: PublicHalf, now: datetime) -> str:
    return listed(_read(name).decode("utf-8", "replace"), ssh_fingerprint(half.ssh), now)


def _read(name: str) -> bytes:
    """An inventory file. Raises NotSent: a file that cannot be read says nothing about any key."""
    try:
        with Path(name).open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError:
        raise NotSent("unreadable") from None
    if len(raw) > LARGEST:
        raise NotSent("too_large")
    return raw


def _compared(place: str, found: Sequence[Certificate], half: PublicHalf, now: datetime) -> Reply:
    ours = [one for one in found if one.spki == half.spki]
    states = {one.state(now) for one in ours}
    code = next((state for state in BEST if state in states), "other_key")
    told = [{"serial": one.serial, "subject": one.subject, "not_after": one.not_after.isoformat()} for one in ours]
    return Reply(place, code=code, json={"certificates": told}, at=now)


async def _served(server: str, line: Line, limit: float) -> bytes:
    """The certificate that a server shows in its handshake. It is compared and not trusted: an expired one is told too."""
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        addresses = await pin(host, int(port), line.allow, line.resolver)
        return await asyncio.to_thread(_shake_hands, addresses, int(port), host, limit)
    except TimeoutError:
        raise NotSent("timeout") from None
    except ssl.SSLError:
        raise NotSent("tls") from None
    except OSError:
        raise NotSent("connect") from None


def _shake_hands(addresses: Sequence[str], port: int, host: str, limit: float) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent over it but the handshake
    last: OSError = OSError("no address")
    for address in addresses:
        try:
            with socket.create_connection((address, port), limit) as sock, context.wrap_socket(sock, server_hostname=host) as tls:
                shown = tls.getpeercert(binary_form=True)
        except ssl.SSLError:
            raise
        except OSError as error:
            last = error
        else:
            if shown is None:
                raise NotSent("no_certificate")
            return shown
    raise last
