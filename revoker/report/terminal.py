"""Tables for people: framed and coloured on a terminal, plain columns in a pipe. Colour never says anything alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

from revoker.report.text import LIMIT, clean

LONG = 1_200  # characters of a cell that may wrap: an error's last words are what to do next
FOLDED = 24  # characters that a column which folds wants at the least
STYLES = {
    "live": "bold red",
    "contained": "yellow",
    "dying": "yellow",
    "dead": "green",
    "unknown": "magenta",
    "new": "cyan",
    "skipped": "dim",
    "accepted": "blue",
    "failed": "bold red",
    "parked": "yellow",
    "waiting": "yellow",
    "running": "cyan",
    "ready": "cyan",
    "done": "green",
    "cancelled": "dim",
    "yes": "green",
    "no": "bold red",
    "ok": "green",
}
SIGNS = {
    "live": "●",
    "contained": "◐",
    "dying": "◔",
    "dead": "✓",
    "unknown": "?",
    "new": "·",
    "skipped": "-",
    "accepted": "=",
    "failed": "✗",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of untrusted cells; `state` names the column whose words get a sign and a colour."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    title: str = ""
    state: str = ""
    right: tuple[str, ...] = ()  # columns of numbers
    fold: tuple[str, ...] = field(default=())  # columns that may wrap; all others are kept whole
    drop: tuple[str, ...] = ()  # columns that a narrow terminal does without, the first to go first
    note: str = ""


def write(table: Table, out: TextIO) -> None:
    """Write a table to a stream in the way that fits it."""
    if out.isatty():
        _framed(table, out)
    else:
        out.write(plain(table))


def plain(table: Table) -> str:
    """Aligned columns, two spaces apart, no colour; the last column is not padded."""
    rows = [[_word(value, name, table) for value, name in zip(row, table.columns, strict=True)] for row in table.rows]
    head = [name.upper() for name in table.columns]
    widths = [max([len(name), *(len(row[at]) for row in rows)]) for at, name in enumerate(head)]
    lines = [table.title] if table.title else []
    for row in (head, *rows):
        cells = [
            text.rjust(wide) if name in table.right else text.ljust(wide)
            for text, wide, name in zip(row, widths, table.columns, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    lines += [clean(table.note)] if table.note else []
    return "\n".join(lines) + "\n"


def framed(table: Table, width: int, title: str = "") -> Any:
    """The table as something rich can draw within a width."""
    from rich import box
    from rich.table import Table as Framed

    table = _fitted(table, width)
    title = clean(title or table.title)
    made = Framed(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", header_style="bold", pad_edge=False)
    for name in table.columns:
        justify: Any = "right" if name in table.right else "left"
        whole = name not in table.fold and len(table.columns) > 2
        made.add_column(
            name, justify=justify, overflow="fold", no_wrap=whole, min_width=None if whole else min(FOLDED, len(name) + 4)
        )
    for row in table.rows:
        made.add_row(
            *(_text(_word(value, name, table), state=name == table.state) for value, name in zip(row, table.columns, strict=True))
        )
    return made


def _framed(table: Table, out: TextIO) -> None:
    from rich.console import Console

    console = Console(file=out, markup=False, highlight=False, emoji=False)
    console.print(framed(table, console.width))
    shown = _fitted(table, console.width).columns
    gone = [name for name in table.columns if name not in shown]
    notes = [table.note, f"no room for: {', '.join(gone)}; a wider terminal or a pipe shows them" if gone else ""]
    for note in filter(None, notes):
        console.print(clean(note), style="dim")


def _fitted(table: Table, width: int) -> Table:
    """The table without the columns that do not fit."""
    for name in table.drop:
        if _needs(table) <= width:
            break
        at = table.columns.index(name)
        rows = [[*row[:at], *row[at + 1 :]] for row in table.rows]
        table = replace(table, columns=(*table.columns[:at], *table.columns[at + 1 :]), rows=rows)
    return table


def _needs(table: Table) -> int:
    """The width below which whole columns would be cut: their longest cells, and a little for those that fold."""
    widths = []
    for at, name in enumerate(table.columns):
        longest = max([len(name), *(len(clean(row[at])) + 2 * (name == table.state) for row in table.rows)])
        widths.append(min(longest, FOLDED) if name in table.fold else longest)
    return sum(widths) + 3 * len(widths)


def _word(value: object, column: str, table: Table) -> str:
    """A cell's clean text; a dash where a named column has nothing to say."""
    return clean(value, LONG if column in table.fold else LIMIT) or ("-" if column else "")


def _text(word: str, *, state: bool) -> Any:
    """A cell as rich Text, so that nothing in it is read as markup or as a link."""
    from rich.text import Text

    if not state or word not in STYLES:
        return Text(word)
    return Text(f"{SIGNS.get(word, ' ')} {word}", style=STYLES[word])
