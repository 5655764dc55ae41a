"""All fuzz targets, SECONDS each, as many at once as there are cores: `python -m tests.fuzz.run [SECONDS] [TARGET ...]`.

What was learnt is kept in .fuzz/<target>/ and is where the next run starts. An input that breaks something is kept there
as crash-*; copied to tests/fuzz/seeds/<target>/ (without a token-like value in it) it is a regression test.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLOWEST = 10  # seconds that one input may take
MEMORY = 2048  # MiB of one process, atheris and the catalogue included
START = 120  # seconds that a process may take to import everything, on a busy machine
LAST = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one target came to."""

    name: str
    ok: bool
    inputs: int
    branches: int
    said: str = ""


def fuzz(name: str, seconds: int, corpus: Path) -> Outcome:
    """Run one target in a process of its own. Its seeds are written beside what earlier runs learnt."""
    from tests.fuzz.targets import TARGETS

    folder, found = corpus / name, corpus / f"{name}-found"
    for each in (folder, found):
        each.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (folder / f"seed-{number}").write_bytes(seed)
    limits = [f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEMORY}", "-max_len=65536"]
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.one",
        name,
        *limits,
        f"-artifact_prefix={found}/",
        "-print_final_stats=0",
        str(folder),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, cwd=ROOT, timeout=seconds + START
        )
    except subprocess.TimeoutExpired:
        return Outcome(name, ok=False, inputs=0, branches=0, said="it did not come to an end")
    seen = LAST.findall(done.stderr) or [("0", "0")]
    ok = done.returncode == 0 and int(seen[-1][0]) > 0
    return Outcome(name, ok, int(seen[-1][0]), int(seen[-1][1]), "" if ok else (done.stdout + done.stderr)[-4000:])


def main(words: Sequence[str], corpus: Path = ROOT / ".fuzz") -> int:
    """Print one line a target. Exit code 1 when one broke."""
    from tests.fuzz.targets import TARGETS

    seconds = int(words[0]) if words else 30
    names, began = list(words[1:]) or list(TARGETS), time.monotonic()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        outcomes = []
        for outcome in pool.map(lambda name: fuzz(name, seconds, corpus), names):
            outcomes.append(outcome)
            print(
                f"{outcome.name:24} {'ok' if outcome.ok else 'BROKEN':8} {outcome.inputs:>9} inputs {outcome.branches:>6} branches",
                flush=True,
            )
            if not outcome.ok:
                print(outcome.said, flush=True)
    broken = [outcome.name for outcome in outcomes if not outcome.ok]
    total = sum(outcome.inputs for outcome in outcomes)
    print(f"{total} inputs to {len(names)} parsers in {time.monotonic() - began:.0f} s; broken: {', '.join(broken) or 'none'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
