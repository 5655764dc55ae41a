"""The log: stderr only, known field names only, and a second line that hides what looks like a secret.

structlog is imported with the first line that is logged, so that short commands do not pay for it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from pathlib import PurePath
from typing import Any

FIELDS = frozenset(
    """event level timestamp logger fingerprint kind provider host status code reason validity effect action step playbook run plan incident
    orphan count total new skipped findings credentials seconds attempt limit retry_after error error_id path line format owner fence state
    version port pid method command worker queue schedule due before after dropped accessor""".split()  # noqa: SIM905 - a list of words reads best as text
)
SILENT = (
    "httpx", "httpcore", "aiohttp", "dbos", "boto3", "botocore", "s3transfer", "hvac", "urllib3", "github", "requests", "sqlalchemy", "alembic",
    "psycopg", "asyncio", "keyring", "moto", "werkzeug", "pymysql", "pg8000", "pika", "asyncssh", "pymongo", "redis", "pytds",
)  # fmt: skip
IDS = re.compile(r"\b(?:fp_[0-9a-f]{32}|INC-\d{8}-\d+|run_[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
OPAQUE = re.compile(r"(?=[A-Za-z_\-+/=.~%]*\d)[A-Za-z0-9_\-+/=.~%]{20,}")
USERINFO = re.compile(r"(://)[^/@\s]+@")
LONGEST = 500  # characters of one field
HIDDEN = "[hidden]"

Event = MutableMapping[str, Any]


@dataclass(slots=True)
class _Output:
    """How lines are written; set once at start."""

    debug: bool = False
    json: bool = False


_output = _Output()


class Logger:
    """A named logger. The event is a slug; facts go into fields, and unknown field names are dropped."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **fields: object) -> None:
        if _output.debug:
            self._write("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        if _output.debug:
            self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        getattr(_writer(_output.json), level)(event, logger=self._name, **fields)


def get_logger(name: str) -> Logger:
    """The logger of a module."""
    return Logger(name)


def configure(debug: bool = False, json: bool = False) -> None:
    """Set the log up: warnings, or everything with `debug`; for people, or one JSON object a line."""
    _output.debug, _output.json = debug, json
    for name in SILENT:
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)  # their lines carry URLs, headers and SQL values
        logger.propagate = False
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.CRITICAL + 1)


@cache
def _writer(json: bool) -> Any:
    import structlog

    render: Callable[..., Any] = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    return structlog.wrap_logger(
        _Stderr(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            allow_listed,
            hide,
            render,
        ],
        wrapper_class=structlog.BoundLogger,
        context_class=dict,
    )


class _Stderr:
    """Writes a finished line to whatever stderr is now."""

    def _line(self, message: str) -> None:
        sys.stderr.write(message + "\n")

    debug = info = warning = error = _line


def allow_listed(_logger: object, _method: str, event: Event) -> Event:
    """Keep the known fields; of the others only the names."""
    dropped = sorted(name for name in event if name not in FIELDS)
    kept: Event = {name: value for name, value in event.items() if name in FIELDS}
    return {**kept, "dropped": dropped} if dropped else kept


def hide(_logger: object, _method: str, event: Event) -> Event:
    """The second line: values become plain and short, and what looks like a secret is hidden."""
    return {name: value if name == "timestamp" else _plain(value) for name, value in event.items()}


def scrub(text: str) -> str:
    """The text with long random-looking runs and user names in addresses hidden; our own ids stay."""
    kept = IDS.split(text)
    ids = [*IDS.findall(text), ""]
    return "".join(OPAQUE.sub(HIDDEN, USERINFO.sub(r"\1", part)) + own for part, own in zip(kept, ids, strict=True))


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime | timedelta):
        return str(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, PurePath):
        return scrub(str(value))[:LONGEST]
    if isinstance(value, str):
        return scrub(value)[:LONGEST]
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in list(value)[:50]]
    return f"<{type(value).__name__}>"
