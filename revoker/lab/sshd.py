"""A real OpenSSH server on a free port of loopback, with its own keys and its own authorized_keys, for tests."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from revoker.errors import ConfigError
from revoker.lab.servers import free_port, quiet_environment, running, scratch, wait_until

PROGRAMS = ("/usr/sbin", "/usr/local/sbin", "/usr/bin")


@dataclass(frozen=True, slots=True)
class Sshd:
    """Where it listens, and the files that steer it."""

    port: int
    user: str
    authorized_keys: Path
    known_hosts: Path
    log: Path

    @property
    def account(self) -> str:
        """`user@host:port`, as [keys] ssh_hosts names it."""
        return f"{self.user}@127.0.0.1:{self.port}"


def program() -> str | None:
    """The path of sshd, or None where it is not installed."""
    return shutil.which("sshd", path=os.pathsep.join((*PROGRAMS, os.environ.get("PATH", ""))))


@contextmanager
def sshd(*options: str) -> Iterator[Sshd]:
    """Start sshd. `options` are lines of sshd_config. Raises ConfigError where it is not installed."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    found = program()
    if found is None:
        raise ConfigError("sshd is not installed.", next="apt-get install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd gives up its rights
    port, key = free_port(), Ed25519PrivateKey.generate()
    with scratch("revoker-sshd-") as folder:
        host_key, config, log = folder / "host_key", folder / "config", folder / "log"
        server = Sshd(port, getpass.getuser(), folder / "authorized_keys", folder / "known_hosts", log)
        host_key.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()))
        host_key.chmod(0o600)
        public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
        server.known_hosts.write_text(f"[127.0.0.1]:{port} {public}\n")
        server.authorized_keys.write_text("")
        lines = [f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {host_key}", f"AuthorizedKeysFile {server.authorized_keys}"]
        lines += ["PidFile none", "UsePAM no", "StrictModes no", "PasswordAuthentication no", "KbdInteractiveAuthentication no"]
        config.write_text("\n".join([*options, *lines, "LogLevel VERBOSE", ""]))
        argv = [found, "-D", "-e", "-f", str(config)]
        with log.open("wb") as out, running(argv, quiet_environment(), out) as process:
            wait_until(lambda: _answers(port), process, "sshd", log)
            yield server


def _answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 1) as probe:
        return probe.recv(4) == b"SSH-"
