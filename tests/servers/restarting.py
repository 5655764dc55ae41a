"""A PostgreSQL that can be restarted while others use it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from revoker.lab.servers import NOBODY, PostgreSQL, postgresql, quiet_environment, run_sql


class Restarting:
    """A running server, and the processes that were started after its first."""

    def __init__(self, server: PostgreSQL) -> None:
        self.server = server
        self.later: list[subprocess.Popen[bytes]] = []

    def crash(self) -> None:
        """Every process of it ends at once, without a checkpoint and without a word to its clients."""
        self.pid = self._pid()
        self.argv = Path(f"/proc/{self.pid}/cmdline").read_text().rstrip("\0").split("\0")
        os.kill(self.pid, signal.SIGQUIT)
        while _runs(self.pid):
            time.sleep(0.02)

    def start(self) -> None:
        """The same server again; it recovers from its log, and answers when this returns."""
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        with self.server.log.open("ab") as out:
            self.later.append(
                subprocess.Popen(
                    self.argv,
                    env=quiet_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    cwd="/",
                    **user,  # type: ignore[call-overload]
                )
            )
        for _ in range(400):
            with suppress(Exception):
                if run_sql(self.server, "SELECT 1"):
                    return
            time.sleep(0.05)
        raise AssertionError("PostgreSQL did not come back")

    def _pid(self) -> int:
        return int((self.server.log.parent / "data" / "postmaster.pid").read_text().split()[0])


def _runs(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@contextmanager
def restarting() -> Iterator[Restarting]:
    """Start one; whatever runs of it at the end is ended."""
    with postgresql() as server:
        made = Restarting(server)
        try:
            yield made
        finally:
            for process in made.later:
                process.terminate()
                process.wait(20)
