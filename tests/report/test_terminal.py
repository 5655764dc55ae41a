"""Tables: plain in a pipe, framed on a terminal, and readable on a narrow one."""

from __future__ import annotations

import io
import re

import pytest

from revoker.report.terminal import Table, plain, write

TABLE = Table(
    columns=("credential", "status", "first place", "checked"),
    rows=[("fp_0123456789ab", "live", "services/billing/config/.env:12", "3 min ago"), ("fp_ba9876543210", "dead", "a", "")],
    state="status",
    fold=("first place",),
    drop=("checked", "first place"),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def framed(width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    write(TABLE, out)
    return re.sub(r"\x1b\[[01]m", "", out.getvalue())  # bold


def test_a_pipe_gets_plain_columns() -> None:
    lines = plain(TABLE).splitlines()
    assert lines[0].split() == ["CREDENTIAL", "STATUS", "FIRST", "PLACE", "CHECKED"]
    assert lines[2] == "fp_ba9876543210  dead    a                                -"
    assert "\x1b" not in plain(TABLE)


def test_a_wide_terminal_shows_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    text = framed(120, monkeypatch)
    assert "services/billing/config/.env:12" in text
    assert "3 min ago" in text
    assert "no room" not in text
    assert "● live" in text
    assert "✓ dead" in text


@pytest.mark.parametrize(("width", "gone"), [(60, ["checked"]), (40, ["checked", "first place"])])
def test_a_narrow_terminal_does_without_some_columns(width: int, gone: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = framed(width, monkeypatch)
    assert "fp_0123456789ab" in text
    assert "● live" in text
    assert not [name for name in gone if name in text.splitlines()[1]]
    assert f"no room for: {', '.join(sorted(gone, key=TABLE.columns.index))};" in " ".join(re.sub(r"\x1b\[2m", "", text).split())
    assert all(len(line) <= width for line in text.split("no room")[0].splitlines())


def test_colour_is_never_the_only_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[3" not in framed(120, monkeypatch)
    assert "live" in framed(120, monkeypatch)
