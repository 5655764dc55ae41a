"""Numbered places where a test may kill this process, as the power would.

They do nothing unless REVOKER_TEST_FAULTS=1. Then REVOKER_CRASH_AT=N sends SIGKILL at the N-th point that is reached
(or, given a point's name, at the first of that name, and given NAME#N, at its N-th); REVOKER_STOP_AT does the same with
SIGSTOP, after which SIGCONT wakes it up; and REVOKER_CRASH_LOG names a file that gets one line for each point.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections import Counter
from pathlib import Path

_counter = itertools.count(1)
_reached: Counter[str] = Counter()


def reach(name: str) -> None:
    """Stand at one point: before an intent, a call, an outcome, or after it."""
    if os.environ.get("REVOKER_TEST_FAULTS") != "1":
        return
    number = next(_counter)
    _reached[name] += 1
    here = (str(number), name, f"{name}#{_reached[name]}")
    log = os.environ.get("REVOKER_CRASH_LOG")
    if log:
        with Path(log).open("a") as lines:
            lines.write(f"{number} {name}\n")
    if os.environ.get("REVOKER_CRASH_AT") in here:
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("REVOKER_STOP_AT") in here:
        os.environ.pop("REVOKER_STOP_AT")
        os.kill(os.getpid(), signal.SIGSTOP)
