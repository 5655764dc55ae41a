"""Foreign text in every format: nothing acts, nothing crashes, nothing breaks out of its place."""

from __future__ import annotations

import csv
import io
import unicodedata
from html.parser import HTMLParser

import pytest
from rich.console import Console

from revoker.report.html import html
from revoker.report.markdown import markdown
from revoker.report.table import table
from revoker.report.terminal import Table, plain, write
from revoker.report.text import HIDDEN, cell, clean, code_span, https
from tests.report import samples as made


def acts(text: str) -> list[str]:
    """The characters that a terminal or a reader would act on, apart from line ends."""
    return [c for c in text if c != "\n" and unicodedata.category(c) in HIDDEN]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_corpus_has_at_least_60_names() -> None:
    assert len(made.HOSTILE) >= 60


@pytest.mark.row("I-1")
def test_clean_text_is_one_line_without_anything_that_acts(hostile: str) -> None:
    assert not acts(clean(hostile))
    assert "\n" not in clean(hostile)
    clean(hostile).encode()


def test_a_plain_table_holds_the_name_on_one_line(hostile: str) -> None:
    out = plain(Table(("name", "status"), [(hostile, "live")]))
    assert out.count("\n") == 2
    assert not acts(out)


@pytest.mark.row("I-1")
def test_a_framed_table_shows_no_markup_no_link_and_no_control(hostile: str) -> None:
    out = _Terminal()
    write(Table(("name", "status"), [(hostile, "live")], state="status", note=hostile), out)
    text = "".join(Console(force_terminal=True).render_str(out.getvalue(), markup=False).plain.split("\x1b"))
    assert "\x1b]" not in out.getvalue()
    assert not [c for c in text if unicodedata.category(c) in ("Cf", "Cs", "Zl", "Zp")]
    if hostile.startswith("[") and len(hostile) < 40:
        assert hostile in out.getvalue()


@pytest.mark.row("I-2")
def test_a_cell_is_no_formula(hostile: str) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([cell(hostile)])
    read = next(csv.reader(io.StringIO(out.getvalue())))[0]
    assert not acts(read)
    assert read.lstrip()[:1] not in tuple("=+-@＝") or not read


def test_csv_is_one_line_for_each_credential(hostile: str) -> None:
    rows = list(csv.reader(io.StringIO(table(made.document(text=hostile)))))
    assert len(rows) == 1 + len(made.STATUSES)
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not acts(table(made.document(text=hostile)))
    assert not [value for row in rows[1:] for value in row if value.lstrip()[:1] in tuple("=+-@＝") and value]


class _Seen(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, its policy."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in ("href", "src", "action")}


@pytest.mark.row("I-3")
def test_html_has_no_script_no_handler_and_only_our_links(hostile: str) -> None:
    page = html(made.document(text=hostile))
    seen = _Seen()
    seen.feed(page)
    plain_page = _Seen()
    plain_page.feed(html(made.document()))
    assert seen.tags == plain_page.tags
    assert seen.attributes == plain_page.attributes
    assert not {name for name in seen.attributes if name.startswith("on") or name == "style"}
    assert all(link.startswith(("#c-fp_", "https://console.example.com/")) for link in seen.links)
    assert not acts(page)
    page.encode()


@pytest.mark.row("I-3")
def test_html_allows_nothing_but_its_own_style_sheet(doc: dict[str, object]) -> None:
    page = html(doc)
    assert "default-src 'none'; style-src 'sha256-" in page
    assert "unsafe" not in page
    assert "<script" not in page


def test_markdown_keeps_names_in_code(hostile: str) -> None:
    page = markdown(made.document(text=hostile))
    assert not acts(page)
    rows = [line for line in page.splitlines() if line.startswith("| `fp_")]
    assert len(rows) == len(made.STATUSES)
    assert len({line.replace("\\|", "").count("|") for line in rows}) == 1
    outside = "".join(part for n, part in enumerate(page.replace("``", "`").split("`")) if n % 2 == 0)
    assert "<script" not in outside
    assert "](" not in outside


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://console.example.com/keys?a=1#x", True),
        ("http://console.example.com", False),
        ("javascript:alert(1)", False),
        ("https://a.example/\nx", False),
        ("https://user@a.example/", False),
        ("https://a.example/ x", False),
    ],
)
def test_only_plain_https_addresses_become_links(url: str, good: bool) -> None:
    assert (https(url) is not None) is good


def test_a_code_span_with_backticks_is_closed_by_its_own_fence() -> None:
    assert code_span("a`b``c") == "```a`b``c```"
    assert code_span("`x") == "`` `x ``"
