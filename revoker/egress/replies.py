"""Turning an answer into a Reply, or into a named trouble: a page, a redirect, a body that lies about itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from revoker.sdk import Reply

DEPTH = 64  # levels of lists and objects
STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
PAGE = re.compile(
    r"\A\ufeff?\s*(?:<!--.*?-->\s*|<\?xml[^>]*\?>\s*)*<(?:!doctype\s+html|html|head|body|script|title|meta)\b",
    re.IGNORECASE | re.DOTALL,
)
CHALLENGES = {"cf-mitigated", "x-amzn-waf-action", "x-sucuri-block"}  # headers that only a wall in front of the provider sends
LONGEST_WAIT = timedelta(days=1)


class _Refused(ValueError):
    """JSON that two readers could read in two ways, or that is deeper than we go."""


def reply_of(host: str, status: int, headers: Iterable[tuple[str, str]], body: bytes, at: datetime) -> Reply:
    """The Reply for a whole answer."""
    named: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        named[key] = f"{named[key]}, {value}" if key in named else value
    text = body.decode(_charset(named.get("content-type", "")), "replace")
    trouble, parsed = _trouble(status, named, text), None
    if trouble is None:
        try:
            parsed = _json(text, named.get("content-type", ""))
        except (ValueError, RecursionError):
            trouble = "wrong_type"
    return Reply(
        host=host,
        status=status,
        headers=named,
        json=parsed,
        text=text,
        code=code_of(parsed),
        trouble=trouble,
        at=at,
        retry_after=retry_after(named.get("retry-after"), at),
    )


def _charset(content_type: str) -> str:
    found = re.search(r"charset\s*=\s*\"?(iso-8859-1|latin-1|us-ascii|utf-16)\b", content_type, re.IGNORECASE)
    return found.group(1) if found else "utf-8"


def _trouble(status: int, headers: Mapping[str, str], text: str) -> str | None:
    if 300 <= status < 400:
        return "redirect"
    if CHALLENGES & headers.keys() or PAGE.match(text[:2000]):
        return "html"
    return None


def _json(text: str, content_type: str) -> Any:
    """The parsed body; None for what neither says it is JSON nor looks like it."""
    stripped = text.lstrip("\ufeff \t\r\n")
    kind = content_type.partition(";")[0].strip().lower()
    says = kind.endswith(("/json", "+json"))
    if not stripped or not (says or stripped[0] in "{["):
        return None
    try:
        return parse_json(stripped)
    except _Refused:
        raise
    except ValueError:
        if says:
            raise
        return None


def parse_json(text: str) -> Any:
    """Strict JSON: at most 64 levels, no name twice, no NaN. Raises ValueError."""
    if text.count("[") + text.count("{") > DEPTH and _depth(text) > DEPTH:
        raise _Refused("deep")
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _depth(text: str) -> int:
    deepest = level = 0
    for sign in re.findall(r"[\[\]{}]", STRINGS.sub("", text)):
        level += 1 if sign in "[{" else -1
        deepest = max(deepest, level)
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("a name stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise _Refused(name)


def code_of(body: Any) -> str | None:
    """The provider's own error code at the places where most put it."""
    if not isinstance(body, Mapping):
        return None
    error = body.get("error")
    inner = error if isinstance(error, Mapping) else {}
    places = (inner.get("code"), inner.get("type"), body.get("code"), error)
    return next((str(c)[:200] for c in places if isinstance(c, str | int) and not isinstance(c, bool)), None)


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """What a Retry-After header asks for: seconds or an HTTP date; None for anything else."""
    if value is None:
        return None
    text = value.strip()
    try:
        if re.fullmatch(r"\d{1,9}(?:\.\d{1,6})?", text):
            wait = timedelta(seconds=float(text))
        else:
            when = parsedate_to_datetime(text)
            wait = (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def trouble_reply(host: str, trouble: str, at: datetime, status: int | None = None) -> Reply:
    """A Reply without a usable answer."""
    return Reply(host, status=status, trouble=trouble, at=at)
