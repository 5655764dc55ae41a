"""All fuzz targets, SECONDS each, as many at once as there are cores: `python -m tests.fuzz.run [SECONDS] [TARGET ...]`.

What was learnt is kept in .fuzz/<target>/ and is where the next run starts. An input that breaks something is kept there
as crash-*; copied to tests/fuzz/seeds/<target>/ (without a token-like value in it) it is a regression test.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz.shapes import Target

ROOT = Path(__file__).parents[2]
SLOWEST = 10  # seconds that one input may take
MEMORY = 2048  # MiB of one process, atheris and the catalogue included
LAST = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one target came to."""

    name: str
    ok: bool
    inputs: int
    branches: int
    said: str = ""


def begin(target: Target, seconds: int, corpus: Path) -> int:
    """Fork a process for one target; its seeds are written beside what earlier runs learnt. The process's id."""
    from tests.fuzz.one import run

    folder, found = corpus / target.name, corpus / f"{target.name}-found"
    for each in (folder, found):
        each.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (folder / f"seed-{number}").write_bytes(seed)
    limits = [f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEMORY}", "-max_len=65536"]
    child = os.fork()
    if child == 0:
        with (corpus / f"{target.name}.log").open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        run(target, [*limits, f"-artifact_prefix={found}/", "-print_final_stats=0", str(folder)])
    return child


def outcome_of(name: str, status: int, corpus: Path) -> Outcome:
    """What a process that has ended came to, from its exit status and its log."""
    said = (corpus / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    seen = LAST.findall(said) or [("0", "0")]
    ok = status == 0 and int(seen[-1][0]) > 0
    return Outcome(name, ok, int(seen[-1][0]), int(seen[-1][1]), "" if ok else said[-4000:])


def fuzz_all(names: Sequence[str], seconds: int, corpus: Path) -> Iterator[Outcome]:
    """All targets, as many at once as there are cores, each outcome as it comes."""
    from tests.fuzz.one import load

    targets = load()
    left, under_way = list(names), dict[int, str]()
    while left or under_way:
        while left and len(under_way) < (os.cpu_count() or 1):
            name = left.pop(0)
            under_way[begin(targets[name], seconds, corpus)] = name
        process, status = os.wait()
        yield outcome_of(under_way.pop(process), status, corpus)


def main(words: Sequence[str], corpus: Path = ROOT / ".fuzz") -> int:
    """Print one line a target. Exit code 1 when one broke."""
    from tests.fuzz.one import load

    seconds = int(words[0]) if words else 30
    names, began = list(words[1:]) or list(load()), time.monotonic()
    outcomes = []
    for outcome in fuzz_all(names, seconds, corpus):
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
