"""`.env` files: `export`, quotes, comments, values over several lines.

A .env file holds much that is no secret, so a variable counts when its value has a known shape, is half of a
pair, or when its name says that it is secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from revoker import catalog
from revoker.ingest import addresses, claims, connection_strings, halves
from revoker.ingest.source import Source, text_lines
from revoker.model import Finding, Location

ASSIGNMENT = re.compile(r"\s*(?:export\s+|set\s+)?([A-Za-z_][\w.-]*)\s*[=:]\s?(.*)", re.DOTALL)
SAYS_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|PWD|CREDENTIAL|AUTH|PRIVATE|DSN|WEBHOOK", re.IGNORECASE)
LOGIN_IN_URL = re.compile(r"[a-z][a-z0-9+.-]{1,30}://[^/\s:@]{0,200}:[^/\s@]{1,200}@", re.IGNORECASE)
MOST_LINES = 500  # of one quoted value
MOST_TEXT = claims.LONGEST_VALUE * 2


def read(source: Source) -> Iterator[Finding]:
    """Findings of a .env file."""
    for number, name, value in assignments(source):
        if counts(name, value):
            place, parts = Location("env", source.name, number), {"variable": name[:200]}
            found = claims.finding(name[:200], value, place, source.problems, parts=parts)
            if found is not None:
                yield found


def counts(name: str, value: str) -> bool:
    """True for a variable that may hold a secret, or half of one."""
    if not value or len(value) < 6:
        return halves.SAYS_DOCKER_USER.search(name) is not None and bool(value)
    says = SAYS_SECRET.search(name) or halves.SAYS_ROLE_ID.search(name) or halves.SAYS_DOCKER_USER.search(name)
    login = LOGIN_IN_URL.match(value) or addresses.normal(value) or connection_strings.normal(value)
    shaped = halves.AWS_ID.fullmatch(value) or login
    return bool(says or shaped or catalog.name_kinds(value, variable=name))


def assignments(source: Source) -> Iterator[tuple[int, str, str]]:
    """(line, name, value) of each assignment, unquoted."""
    lines = _Lines(text_lines(source))
    while (item := lines.following()) is not None:
        number, line = item
        match = ASSIGNMENT.match(line.rstrip("\r\n"))
        if match is None or line.lstrip().startswith("#"):
            continue
        name, rest = match[1], match[2].lstrip()
        if rest[:1] not in {'"', "'", "`"}:
            yield number, name, re.sub(r"(?:^|\s)#.*$", "", rest).strip()
            continue
        body = _quoted(rest, lines)
        if body is None:
            source.problems.add("unclosed_quote", source.at(number))
            body = rest[1:]
        yield number, name, body


class _Lines:
    """Lines that can be given back."""

    def __init__(self, waiting: Iterator[tuple[int, str]]) -> None:
        self.waiting = waiting
        self.given_back: list[tuple[int, str]] = []

    def following(self) -> tuple[int, str] | None:
        return self.given_back.pop() if self.given_back else next(self.waiting, None)


def _quoted(rest: str, lines: _Lines) -> str | None:
    """The text between quotes, over as many lines as it takes; None, and the lines given back, when it is not closed."""
    quote, body, taken = rest[0], rest[1:], list[tuple[int, str]]()
    while (end := _closing(body, quote)) < 0:
        more = lines.following() if len(taken) < MOST_LINES and len(body) < MOST_TEXT else None
        if more is None:
            lines.given_back.extend(reversed(taken))
            return None
        taken.append(more)
        body += "\n" + more[1].rstrip("\r\n")
    return _unescaped(body[:end]) if quote == '"' else body[:end]


def _closing(body: str, quote: str) -> int:
    """Where the quote is closed, or -1. Only double quotes know a backslash."""
    start = 0
    while (end := body.find(quote, start)) >= 0:
        before = body[:end]
        if quote != '"' or (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            return end
        start = end + 1
    return -1


def _unescaped(body: str) -> str:
    r"""The escapes of a double-quoted value: \n, \r, \t, \", \\, \$."""
    known = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(r"\\([nrt\"\\$])", lambda m: known.get(m[1], m[1]), body)
