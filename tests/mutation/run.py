"""Mutation testing: every mutant in a child of its own, against the tests that reach its statement.

    python -m tests.mutation.run [--again | --page] [FILE ...]

--again runs only the mutants that lived when they were last run; --page runs none, and writes the page anew.

mutmut makes the mutants. Its own runner starts pytest anew for each; here the tests are collected once, and each mutant
gets a fork of that process, which stops at the first test that fails.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.results import LIVED, PAGE, ROOT, Result, keep, kept, page, reasons, unexplained
from tests.mutation.swap import swap
from tests.mutation.targets import TARGETS

PATIENCE = 10.0  # a mutant's tests may take so many times as long as without it; an endless loop is killed

settings.register_profile("mutation", database=None, derandomize=True, deadline=None, max_examples=30)


class Runner:
    """The plugin that takes the place of pytest's own loop over the collected tests."""

    def __init__(self, files: list[str], *, again: bool = False) -> None:
        self.files = files
        self.known = {one.key: one.outcome for one in kept() if one.outcome not in LIVED} if again else {}
        self.reached: dict[tuple[str, int], set[int]] = {}  # (file, line) -> the tests that come there
        self.took: dict[int, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise pytest.UsageError("the tests cannot be collected")
        for number, item in enumerate(session.items):
            self._learn(number, item)
        self.say(f"{len(self.took)} of {len(session.items)} tests pass here, in {sum(self.took.values()):.0f} s")
        for file in self.files:
            self._file(file, session.items)
        return True

    def say(self, text: str) -> None:
        sys.__stderr__.write(text + "\n") if sys.__stderr__ else None

    def _learn(self, number: int, item: pytest.Item) -> None:
        """Run one test as it is: which lines does it reach, how long does it take? One that fails here is left out."""
        lines: set[tuple[str, int]] = set()
        homes = {str(ROOT / file): file for file in self.files}

        def local(frame: FrameType, event: str, arg: object) -> Any:
            if event == "line":
                lines.add((homes[frame.f_code.co_filename], frame.f_lineno))
            return local

        def trace(frame: FrameType, event: str, arg: object) -> Any:
            if frame.f_code.co_filename not in homes:
                return None
            lines.add((homes[frame.f_code.co_filename], frame.f_lineno))
            return local

        start = time.monotonic()
        sys.settrace(trace)
        try:
            reports = runtestprotocol(item, log=False, nextitem=None)
        finally:
            sys.settrace(None)
        if all(report.passed for report in reports):
            self.took[number] = time.monotonic() - start
            for place in lines:
                self.reached.setdefault(place, set()).add(number)
        else:
            self.say(f"left out, since it does not pass here: {item.nodeid}")

    def _file(self, file: str, items: list[pytest.Item]) -> None:
        path = ROOT / file
        module = importlib.import_module(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        spans = list(_spans(ast.parse(path.read_text(encoding="utf-8"))))
        found: list[Result] = []
        for mutant in mutants(path, file):
            span = min((one for one in spans if mutant.line in one), key=len, default=range(mutant.line, mutant.line + 1))
            numbers = set().union(*(self.reached.get((file, line), set()) for line in span))
            known = "words" if mutant.words else self.known.get(mutant.id)
            outcome = known or self._outcome(mutant, module, items, numbers)
            found.append(Result(file, mutant.function, mutant.line, mutant.old, mutant.new, outcome))
        keep(file, found)
        self.say(f"{file}: {dict(Counter(one.outcome for one in found))}")

    def _outcome(self, mutant: Mutant, module: Any, items: list[pytest.Item], numbers: set[int]) -> str:
        if not numbers:
            return "not reached"
        child = os.fork()
        if child == 0:
            os.setsid()
            with contextlib.suppress(BaseException):
                os._exit(self._attempt(mutant, module, [items[n] for n in sorted(numbers, key=self.took.__getitem__)]))
            os._exit(1)
        patience = 10 + PATIENCE * sum(self.took[n] for n in numbers)
        end = time.monotonic() + patience
        pause = 0.002
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return "killed"

    def _attempt(self, mutant: Mutant, module: Any, items: list[pytest.Item]) -> int:
        """In the child: 1 as soon as a test fails, 0 when all pass."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        swap(mutant, module)
        for item in items:
            if any(report.failed for report in runtestprotocol(item, log=False, nextitem=None)):
                return 1
        return 0


def _spans(tree: ast.Module) -> Iterator[range]:
    """The lines of each statement; of a compound one those of its head."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            end = max(node.lineno, body[0].lineno - 1) if isinstance(body, list) and body else node.end_lineno or node.lineno
            yield range(node.lineno, end + 1)


def main(words: list[str]) -> int:
    """Run the mutants of the files (of all targets when none is given). 1 when one survived without a written reason."""
    files = [word for word in words if not word.startswith("--")] or list(TARGETS)
    if "--page" not in words:
        _run(files, again="--again" in words)
    wrong = list(unexplained(kept()))
    sys.stderr.write("".join(text + "\n" for text in wrong))
    PAGE.write_text(page(kept(), reasons(), datetime.now(UTC).date()), encoding="utf-8")
    return 1 if wrong else 0


def _run(files: list[str], *, again: bool) -> None:
    tests = sorted({test for file in files for test in TARGETS[file]})
    settings.load_profile("mutation")
    words = ["-q", "-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-m", "not slow"]
    code = pytest.main([*words, *tests], plugins=[Runner(files, again=again)])
    if code != pytest.ExitCode.OK:
        raise SystemExit(f"pytest could not run the tests: {code!r}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
