"""Every parser takes its seeds, and what once broke it; then the coverage-guided fuzzer looks for more, a fixed time for each."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.shapes import SEEDS, Target
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
SECONDS = 2


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_a_parser_takes_its_seeds_and_pieces_of_them(target: Target) -> None:
    seeds = target.seeds()
    assert seeds
    for seed in seeds:
        target.run(seed)
    for seed in seeds[:20]:
        for cut in range(0, len(seed), max(1, len(seed) // 7)):
            target.run(seed[:cut])
            target.run(seed[:cut] + b'\xff\0[{"' + seed[cut + 2 :])


def test_every_kept_seed_belongs_to_a_target() -> None:
    assert {path.name for path in SEEDS.iterdir()} <= set(TARGETS)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this platform")
@pytest.mark.row("I-7")
def test_the_fuzzer_breaks_no_parser(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.fuzz.run import main; sys.exit(main(sys.argv[2:], Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" ok ") == len(TARGETS)
