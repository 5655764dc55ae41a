"""Real `revoker worker` processes on a PostgreSQL store, and a leak of many keys for them to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revoker.playbook import parse
from revoker.runs.apply import apply
from revoker.runs.plan import make_plan
from revoker.store import runs
from revoker.store.credentials import Selection
from tests.runs.conftest import Site, utc_now

HERE = Path(__file__).parent
QUICK = """
[verify]
timeout = "1s"
[limits]
mutations_per_run = 1000
per_provider_per_hour = 1000
[worker]
lease = "4s"
retry = "1s"
"""
END = parse(
    "end",
    {
        "title": "End it",
        "effects": ["suspend", "revoke"],
        "limit": 1000,
        "step": [{"id": "freeze", "do": "suspend"}, {"id": "remove", "do": "revoke"}, {"do": "prove"}],
    },
)


@dataclass
class Crew:
    """Worker processes. `end` kills what is left of them."""

    config: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *more: str, **environment: str) -> subprocess.Popen[str]:
        argv = [sys.executable, str(HERE / "command_line.py"), "worker", *more, "--config", str(self.config)]
        process = subprocess.Popen(argv, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait(10)


def leak(site: Site, count: int) -> list[str]:
    """So many leaked keys, approved to be ended; the runs, which nobody has yet."""
    for _ in range(count):
        site.add(site.fakery.add().value)
    plan = make_plan(site.store, site.settings, Selection(), playbook="end", requester="dave", now=utc_now(), books={"end": END})
    site.approved(plan.digest)
    return apply(site.store, site.settings, plan.digest, utc_now())


def wait_for(ready: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true value. Fails when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def all_done(site: Site, run_ids: Sequence[str]) -> bool:
    return all(runs.get_run(site.store, one).state == "done" for one in run_ids)


def is_stopped(process: subprocess.Popen[str]) -> bool:
    """True while the process stands still after SIGSTOP."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def tell_end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
    """Tell a worker to end; its exit code and what it said."""
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    return process.returncode, said
