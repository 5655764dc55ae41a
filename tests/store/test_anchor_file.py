"""The anchor file: its lines to the byte, its rights, the newest anchor, and what is said of a damaged one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from revoker.audit import Anchor
from revoker.audit import anchors as file
from revoker.errors import AuditError

ONE = Anchor("s", 7, "abc", "2026-11-25T00:00:00+00:00")
LINE = '{"at":"2026-11-25T00:00:00+00:00","count":7,"head":"abc","store":"s"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "anchors"


def test_a_line_is_fixed_to_the_byte(path: Path) -> None:
    file.write_anchor(path, ONE)
    assert path.read_text(encoding="utf-8") == LINE
    assert path.stat().st_mode & 0o777 == 0o600
    stamped = Anchor("s", 8, "def", "later", "c3RhbXA=")
    file.write_anchor(path, stamped)
    assert path.read_text(encoding="utf-8") == LINE + ('{"at":"later","count":8,"head":"def","store":"s","token":"c3RhbXA="}\n')
    assert file.read_anchors(path) == [ONE, stamped]


def test_a_time_stamp_is_made_over_store_count_and_head() -> None:
    assert file.statement(ONE) == b'{"count":7,"head":"abc","store":"s"}'


def test_an_anchor_is_on_disk_and_its_file_closed_before_it_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, str]] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append((handle, path.read_text()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    file.write_anchor(path, ONE)
    ((handle, text),) = synced
    assert text == LINE
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)


def cut_writes(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A disk with room for so many bytes of each write."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, raw: real(handle, raw[:most]))


@pytest.mark.parametrize("most", range(1, len(LINE)))
def test_a_line_that_was_written_in_part_anchors_nothing_and_stops_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    file.write_anchor(path, ONE)
    with monkeypatch.context() as full:
        cut_writes(full, most)
        with pytest.raises(AuditError, match=r"anchors cannot be written: only a part of the line found room\.$") as caught:
            file.write_anchor(path, Anchor("s", 8, "def", "2026-11-25T00:00:00+00:00"))
    assert caught.value.safe == "nothing was sent or changed"
    whole = most == len(LINE) - 1  # all but the end of the line
    assert [one.count for one in file.read_anchors(path)] == ([7, 8] if whole else [7])
    newest = file.newest(path, "s")
    assert newest is not None
    assert newest.count == (8 if whole else 7)
    file.write_anchor(path, Anchor("s", 9, "ghi", "later"))
    assert [one.count for one in file.read_anchors(path)] == ([7, 8, 9] if whole else [7, 9])
    assert path.read_text().endswith('\n{"at":"later","count":9,"head":"ghi","store":"s"}\n')
    assert "\n\n" not in path.read_text()


def test_a_link_in_the_place_of_the_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuditError, match="cannot be written"):
        file.write_anchor(path, ONE)
    assert not (tmp_path / "elsewhere").exists()


def test_what_cannot_be_written_names_the_file_and_says_why(path: Path) -> None:
    path.mkdir()
    with pytest.raises(AuditError) as caught:
        file.write_anchor(path, ONE)
    assert caught.value.message == f"The anchor file {path} cannot be written: Is a directory."
    assert caught.value.safe == "nothing was sent or changed"


def test_the_newest_is_the_one_of_this_store_with_the_most_entries(path: Path) -> None:
    assert file.newest(path, "s") is None
    for anchor in (ONE, Anchor("s", 9, "first"), Anchor("other", 99, "x"), Anchor("s", 9, "second"), Anchor("s", 8, "y")):
        file.write_anchor(path, anchor)
    assert file.newest(path, "s") == Anchor("s", 9, "second")
    assert file.newest(path, "other") == Anchor("other", 99, "x")
    assert file.newest(path, "none") is None


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_of_a_long_file_the_end_is_read_and_half_a_line_is_left_out(path: Path, over: int) -> None:
    """At the limit to the byte: as long as the whole file is looked at, its first line counts."""
    first = LINE.replace("7", "999", 1)
    rest = LINE * ((file.TAIL - len(first)) // len(LINE))
    room = file.TAIL + over - len(first) - len(rest)
    path.write_text(first + rest[: -len(LINE)] + " " * room + LINE, encoding="utf-8")
    assert path.stat().st_size == file.TAIL + over
    found = file.newest(path, "s")
    assert found is not None
    assert found.count == (999 if over <= 0 else 7)


@pytest.mark.parametrize("shift", ["", "x"])
def test_half_a_character_at_the_cut_is_no_damage(path: Path, shift: str) -> None:
    path.write_text("ü" * (file.TAIL // 2) + shift + "\n" + LINE, encoding="utf-8")
    assert file.newest(path, "s") == ONE


def test_empty_lines_and_numbers_as_text_are_read(path: Path) -> None:
    path.write_text("\n" + LINE.replace("7", '"7"') + "  \n", encoding="utf-8")
    assert file.read_anchors(path) == [ONE]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        '{"at"}',
        LINE.replace("at", "a", 1)[:-2],
        "[]",
        "7",
        "{}",
        LINE.replace("7", '"x"'),
        LINE.replace("7", "null"),
        LINE.replace('"head"', '"h"'),
    ],
)
def test_a_damaged_line_is_told(path: Path, text: str) -> None:
    path.write_text(LINE + text, encoding="utf-8")
    for read in (file.read_anchors, lambda one: file.newest(one, "s")):
        with pytest.raises(AuditError, match=r"anchors is damaged") as caught:
            read(path)
        assert caught.value.__cause__ is None


def test_what_is_no_text_or_cannot_be_read_is_told(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(AuditError, match=r"anchors is damaged"):
        file.read_anchors(path)
    path.unlink()
    with pytest.raises(AuditError, match=r"anchors cannot be read"):
        file.read_anchors(path)
    path.mkdir()
    for read in (file.read_anchors, lambda one: file.newest(one, "s")):
        with pytest.raises(AuditError, match=r"anchors cannot be read"):
            read(path)
