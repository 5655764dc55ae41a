"""What went wrong while reading a report, counted. Never holds a value of the report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MEANING = {
    "bad_line": "a line is not JSON",
    "bad_record": "an entry lacks what every entry has, or has it in a wrong type",
    "cut_off": "the report ends in the middle",
    "damaged": "a value holds characters that no secret has (it was not UTF-8, or was cut)",
    "duplicate_keys": "an entry names a field twice, so nobody can say which one counts",
    "empty": "the report is empty",
    "line_too_long": "a line is longer than 8 MiB",
    "malformed": "the report is not well-formed; what came before the fault was read",
    "not_utf8": "the report is not UTF-8; the wrong bytes were replaced",
    "odd_json": "an entry is JSON only for lenient readers (NaN, lone surrogates)",
    "our_bug": "a report was read up to a place that our reading broke on; please report it",
    "read_error": "the report could not be read to its end",
    "too_deep": "an entry is nested deeper than any real one",
    "too_large": "an entry is larger than 8 MiB",
    "unclosed_quote": "a quote is never closed",
    "unreadable": "a report could not be read at all",
    "value_too_long": "a value is longer than 64 KiB",
}
HARMLESS = frozenset({"not_utf8", "odd_json"})  # everything was read all the same


@dataclass(slots=True)
class Problems:
    """Counts by slug; `incomplete` when something in the report was lost."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)  # slug -> where it was seen first
    incomplete: bool = False

    def add(self, slug: str, where: str = "") -> None:
        """Count one problem. `where` is a report's name and line, never its text."""
        self.counts[slug] += 1
        self.first.setdefault(slug, where)
        self.incomplete = self.incomplete or slug not in HARMLESS

    def lines(self) -> tuple[str, ...]:
        """One sentence for each kind of problem."""
        return tuple(
            f"{MEANING[slug]} ({count} x" + (f", first at {self.first[slug]})" if self.first[slug] else ")")
            for slug, count in sorted(self.counts.items())
        )
