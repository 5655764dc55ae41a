"""The security table is whole: each row has its tests or says why not, and the page in docs is current."""

from __future__ import annotations

from tests.security import page
from tests.security.rows import ROWS

STARTS = tuple(f"| {letter}" for letter in "NSIWF")


def test_each_row_has_a_test_or_says_why_not() -> None:
    tests = page.marked()
    assert [row.id for row in ROWS if not (row.outside or row.open) and row.id not in tests] == []
    assert [row.id for row in ROWS if row.outside and row.id in tests] == []


def test_each_mark_names_a_row() -> None:
    assert set(page.marked()) <= {row.id for row in ROWS}


def test_the_page_is_current() -> None:
    now = page.PAGE.read_text(encoding="utf-8")
    assert page.without_results(now) == page.without_results(page.written({})), "make security writes it anew"


def test_the_page_was_written_by_a_run_in_which_all_passed() -> None:
    lines = [line for line in page.PAGE.read_text(encoding="utf-8").splitlines() if line[:3] in STARTS]
    assert len(lines) == len(ROWS)
    results = {line.rpartition(" | ")[2].strip(" |") for line in lines}
    assert {one for one in results if not one.startswith("open: ")} <= {"passed", "out of scope"}, results


def test_a_result_is_passed_only_when_all_were_run_and_passed() -> None:
    assert page.result_of(["a", "b"], {"a": "passed", "b": "passed"}) == "passed"
    assert page.result_of(["a", "b"], {"a": "passed"}) == "1 not run, 1 passed"
    assert page.result_of(["a", "b"], {"a": "passed", "b": "skipped"}) == "1 passed, 1 skipped"
    assert page.result_of([], {}) == "out of scope"
