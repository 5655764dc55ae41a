"""A process that has loaded everything and forks a `revoker worker` for each line {"log": FILE, "argv": [...]}; it answers its pid.

Loading takes seconds, and the campaign starts hundreds of workers. Each of them is a process of its own from the fork on.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path


def become(job: dict[str, object]) -> None:
    """The child: the real command line, its words in a file."""
    from revoker.cli.app import run

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(str(job["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    for number in (1, 2):
        os.dup2(log, number)
    code = run([str(word) for word in job["argv"]])  # type: ignore[attr-defined]
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import_module("command_line").load_fakery()
    for name in (
        "dbos",
        "psycopg",
        "revoker.cli.worker",
        "revoker.runs.engine_flow",
        "revoker.runs.worker",
        "revoker.egress.http",
    ):
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children leave no zombies
    _say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                become(json.loads(line))
            finally:
                os._exit(70)
        _say(str(child))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
