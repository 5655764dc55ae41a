"""What came of the mutants: kept from run to run, compared with the written reasons, and told in docs/mutation.md."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "mutation-results.jsonl"
REASONS = Path(__file__).with_name("survivors.toml")
PAGE = ROOT / "docs" / "mutation.md"
LIVED = ("survived", "not reached")
Key = tuple[str, str, str, str]  # file, function, the lines before, the lines after

HEAD = """# Mutation testing

Written by `make mutate` on {day}; do not edit. Each mutant is one small change of the code (a comparison turned round, an argument
left out, a number one higher) that some test must notice. [mutmut](https://mutmut.readthedocs.io) makes the mutants of every function
of these files: what decides a verdict, whose a credential is, what an approval is good for, what the audit log proves. Each runs
in a process of its own against the tests that reach the changed statement.

A mutant that no test notices has a written reason below, or `make mutate` fails. One rule stands for many of them: the words of
an error are not asserted letter by letter, so that what changes nothing but the arguments of an error's constructor is counted
apart and not run. Constants at the top of a module are not mutated. Not under mutation testing yet:
`evidence/verify_pack.py` and the provider files.

| File | Mutants | Killed | Survived, with a reason | Words of errors |
|---|---:|---:|---:|---:|
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One mutant and what came of it: killed, survived, not reached, words."""

    file: str
    function: str
    line: int
    old: str
    new: str
    outcome: str

    @property
    def key(self) -> Key:
        return self.file, self.function, self.old, self.new


def kept() -> list[Result]:
    """The results of all files that were run."""
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
    return [Result(**json.loads(line)) for line in lines]


def keep(file: str, results: Iterable[Result]) -> None:
    """Put a file's results in the place of its earlier ones."""
    rows = [*(row for row in kept() if row.file != file), *results]
    KEPT.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")


def reasons() -> dict[Key, str]:
    """The written reasons, one for each mutant that survives."""
    found = tomllib.loads(REASONS.read_text(encoding="utf-8"))["reason"]
    return {
        (one["file"], one["function"], mutant["old"], mutant["new"]): one["why"] for one in found for mutant in one["mutants"]
    }


def unexplained(results: Iterable[Result]) -> Iterator[str]:
    """The mutants that survived without a reason, and the reasons whose mutant did not survive in a file that was run."""
    rows = list(results)
    lived = {row.key: row for row in rows if row.outcome in LIVED}
    known = reasons()
    for key, row in lived.items():
        if key not in known:
            yield f"{row.outcome}: {row.file}:{row.line} {row.function}\n  - {row.old}\n  + {row.new}"
    files = {row.file for row in rows}
    yield from (f"no such survivor: {' | '.join(key)}" for key in known if key not in lived and key[0] in files)


def page(results: Iterable[Result], known: Mapping[Key, str], day: date) -> str:
    """The page: counts for each file, and each reason with its mutants."""
    rows = list(results)
    text = HEAD.format(day=day.isoformat())
    counts = {file: Counter(row.outcome for row in rows if row.file == file) for file in dict.fromkeys(row.file for row in rows)}
    counts["all"] = Counter(row.outcome for row in rows)
    for file, count in counts.items():
        lived = sum(count[outcome] for outcome in LIVED)
        text += f"| {file} | {count.total()} | {count['killed']} | {lived} | {count['words']} |\n"
    text += "\n## Why a mutant may live\n"
    last = ("", "")
    for (file, function, old, new), why in known.items():
        if (file, why) != last:
            text += f"\n**{file}, `{function}`**: {why}\n\n"
        last = (file, why)
        text += f"- `{_code(old)}` → `{_code(new)}`\n"
    return text


def _code(line: str) -> str:
    return line.replace("`", "'") or " "
