"""Untrusted text at the boundary: everything that a report, a provider or a person wrote is escaped here.

File names, rule ids, principals and error codes come from outside. On a terminal they could move the cursor,
make a clickable link or reverse the reading direction; in a spreadsheet they could be a formula.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, format and bidi, surrogates, line separators
FORMULA = frozenset("=+-@\t\r\n|%＝＋－＠")
LIMIT = 300  # characters of one untrusted value in a table
_PLAIN = re.compile(r"[ -~]*")


def clean(value: object, limit: int = LIMIT) -> str:
    """One line of visible text: what cannot be seen or would act is written as its code point."""
    text = "" if value is None else str(value)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if unicodedata.category(char) not in HIDDEN:
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cell(value: object) -> str:
    """One spreadsheet cell that no program takes for a formula."""
    text = clean(value, 2_000)
    first = text.lstrip(" '\u00a0\u3000")[:1]
    return "'" + text if first in FORMULA and first else text


def code_span(value: object) -> str:
    """Untrusted text in Markdown: a code span that nothing inside can close, link or mention from."""
    text = clean(value).replace("|", "\\|")
    if not text.strip():
        return ""
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def https(url: str) -> str | None:
    """The address when it is a plain https one of a provider's documentation, else None."""
    return url if re.fullmatch(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:[/?#][!-~]*)?", url) else None


def iso(when: datetime | None) -> str | None:
    """A time as it stands in JSON: UTC, seconds, `Z`."""
    return None if when is None else when.isoformat(timespec="seconds")[:19] + "Z"


def moment(when: datetime | None) -> str:
    """A time for people, in UTC."""
    return "-" if when is None else when.strftime("%Y-%m-%d %H:%M:%S")


def counted(number: int, what: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def span(length: timedelta | float | None) -> str:
    """A duration for people: `42 s`, `6 min`, `3.5 h`, `12 d`."""
    if length is None:
        return "-"
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3_600:.1f} h"
    return f"{seconds / 86_400:.0f} d"


def share(value: float | None) -> str:
    """A share as a percentage; `-` when there is nothing to divide."""
    return "-" if value is None else f"{value * 100:.1f} %"


def place(source: str, file: str | None, line: int | None, image: str | None) -> str:
    """Where a scanner saw it, in one line."""
    where = file or image or source
    return f"{where}:{line}" if line is not None else where
