"""Worker processes that are killed, stopped and started again, as a bad night would do it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent


class Crowd:
    """So many workers. `keep` starts those again that ended; `harm` kills or stops one of them."""

    def __init__(self, config: Path, size: int, chance: random.Random, at_once: int = 6) -> None:
        self.size, self.chance, self.done = size, chance, Counter[str]()
        self.log = config.parent / "workers.log"
        self.argv = ["worker", "--at-once", str(at_once), "--config", str(config)]
        self.asleep: dict[int, float] = {}  # pid -> when it wakes up
        self.pids: list[int] = []
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "zygote.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._line() == "ready"

    def keep(self) -> None:
        """Wake up who slept long enough, and start as many as are missing."""
        for pid, until in list(self.asleep.items()):
            if time.monotonic() > until:
                del self.asleep[pid]
                _tell(pid, signal.SIGCONT)
        self.pids = [pid for pid in self.pids if _alive(pid)]
        while len(self.pids) < self.size:
            self.pids.append(self._start())

    def harm(self, sleep: float) -> None:
        """SIGKILL one, or SIGSTOP one for about so many seconds."""
        awake = [pid for pid in self.pids if pid not in self.asleep]
        if not awake:
            return
        pid = self.chance.choice(awake)
        if self.chance.random() < 0.6:
            self.done["SIGKILL"] += 1
            _tell(pid, signal.SIGKILL)
        else:
            self.done["SIGSTOP"] += 1
            _tell(pid, signal.SIGSTOP)
            self.asleep[pid] = time.monotonic() + self.chance.uniform(0.3, 1.0) * sleep

    def end(self) -> None:
        for pid in self.pids:
            _tell(pid, signal.SIGKILL)
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)

    def _start(self) -> int:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"argv": self.argv, "log": str(self.log)}) + "\n")
        self.done["started"] += 1
        return int(self._line())

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


def _tell(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
