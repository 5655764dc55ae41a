"""The reasons for mutants that live stand for code that is still there, and the page of `make mutate` tells as many."""

from __future__ import annotations

import re
import textwrap
from collections import Counter

from tests.mutation.results import PAGE, ROOT, reasons
from tests.mutation.targets import TARGETS

ROW = re.compile(r"^\| (revoker/\S+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


def test_each_reason_is_for_code_that_is_there() -> None:
    for (file, function, old, new), why in reasons().items():
        text = " ".join(textwrap.dedent((ROOT / file).read_text(encoding="utf-8")).split())
        assert " ".join(old.split()) in text, f"{file} {function}: this line has gone; its reason goes too"
        assert old != new
        assert len(why) > 20


def test_the_page_tells_of_every_target_and_of_no_survivor_without_a_reason() -> None:
    rows = {file: tuple(map(int, counts)) for file, *counts in ROW.findall(PAGE.read_text(encoding="utf-8"))}
    assert set(rows) == set(TARGETS), "make mutate"
    written = Counter(file for file, _, _, _ in reasons())
    for file, (mutants, killed, lived, words) in rows.items():
        assert mutants == killed + lived + words
        assert lived >= written[file]
        assert (lived > 0) is (written[file] > 0), f"{file}: make mutate"


def test_every_test_file_of_a_target_is_there() -> None:
    missing = {name for names in TARGETS.values() for name in names if not (ROOT / name).is_file()}
    assert not missing
