"""A real MariaDB on a free loopback port, as a process of its own; its files are deleted when it ends.

MariaDB is no Python package: it is there when the system has it (Debian: mariadb-server).
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revoker.errors import ConfigError, RevokerError
from revoker.lab.servers import NOBODY, free_port, quiet_environment, running, scratch, wait_until

__all__ = ["MariaDB", "installed", "mariadb", "run_sql"]

PROGRAMS = ("mariadbd", "mariadb-install-db")
WHERE = "/usr/sbin:/usr/local/sbin"  # Debian's server is not on everybody's PATH


@dataclass(frozen=True, slots=True)
class MariaDB:
    """A running MariaDB, and its administrator."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    log: Path  # every statement stands in it
    pid: int = 0


def installed() -> str | None:
    """Why there is no MariaDB here, or None."""
    missing = [name for name in PROGRAMS if _program(name) is None]
    return f"{' and '.join(missing)} not found (Debian: apt-get install mariadb-server)" if missing else None


@contextmanager
def mariadb(*options: str, extra: Sequence[Path] = ()) -> Iterator[MariaDB]:
    """Start MariaDB on TCP with these options; as the user `nobody` when we are root.

    `extra` are files that the server must read, such as its certificate; it gets copies. `{folder}` in an option is
    where they are. Raises ConfigError when it is not installed.
    """
    why = installed()
    if why is not None:
        raise ConfigError(why)
    port, password = free_port(), secrets.token_hex(16)
    with scratch("revoker-mariadb-") as folder:
        data, log, start = folder / "data", folder / "log", folder / "start.sql"
        _fill(folder, extra, password)
        _make(data, folder)
        argv = [*_server(folder, port), *(option.replace("{folder}", str(folder)) for option in options)]
        out_path = folder / "out"
        with out_path.open("wb") as out, running(argv, quiet_environment(HOME=str(folder)), out, **_as_nobody()) as process:
            server = MariaDB("127.0.0.1", port, "lab", password, log, process.pid)
            wait_until(lambda: run_sql(server, "SELECT 1") == [(1,)], process, "MariaDB", out_path)
            start.unlink()
            yield server


def run_sql(server: MariaDB, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement as the administrator, and give its rows."""
    import pymysql

    connection = pymysql.connect(
        host=server.host, port=server.port, user=server.user, password=server.password, autocommit=True, connect_timeout=5
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, tuple(values) or None)
        return list(cursor.fetchall())


def _server(folder: Path, port: int) -> list[str]:
    return [
        str(_program("mariadbd")),
        "--no-defaults",
        f"--datadir={folder / 'data'}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        f"--socket={folder / 'socket'}",
        f"--pid-file={folder / 'pid'}",
        "--skip-name-resolve",
        "--general-log=1",
        f"--general-log-file={folder / 'log'}",
        "--innodb-buffer-pool-size=16M",
        "--innodb-flush-log-at-trx-commit=0",
        f"--init-file={folder / 'start.sql'}",
    ]


def _fill(folder: Path, extra: Sequence[Path], password: str) -> None:
    (folder / "data").mkdir(mode=0o700)
    (folder / "start.sql").write_text(
        "SET SESSION sql_log_bin = 0;\n"
        f"CREATE OR REPLACE USER 'lab'@'%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO 'lab'@'%' WITH GRANT OPTION;\n"
        "DELETE FROM mysql.global_priv WHERE User IN ('', 'root');\n"
        "FLUSH PRIVILEGES;\n"
    )
    for path in extra:
        shutil.copy(path, folder / path.name)
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)


def _make(data: Path, folder: Path) -> None:
    """The system tables. Raises RevokerError with the end of what the program said."""
    argv = [
        str(_program("mariadb-install-db")),
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
    ]
    environment = quiet_environment(HOME=str(folder), TMPDIR=str(folder))
    done = subprocess.run(argv, capture_output=True, check=False, env=environment, cwd="/", **_as_nobody())
    if done.returncode:
        raise RevokerError("mariadb-install-db failed.", next=(done.stdout + done.stderr).decode(errors="replace")[-400:])


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=WHERE)


def _as_nobody() -> dict[str, Any]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
