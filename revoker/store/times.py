"""Times in the database: whole microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@lru_cache(maxsize=8192)  # the rows of one batch or sweep share their times
def micros(moment: datetime) -> int:
    """A time as microseconds. A naive time is an error of the caller: TypeError."""
    return (moment - EPOCH) // MICROSECOND


@lru_cache(maxsize=8192)
def moment(value: int) -> datetime:
    """Microseconds as an aware time."""
    return EPOCH + timedelta(microseconds=value)


def maybe_micros(value: datetime | None) -> int | None:
    """A time that may be missing, as microseconds."""
    return None if value is None else micros(value)


def maybe_moment(value: int | None) -> datetime | None:
    """Microseconds that may be missing, as a time."""
    return None if value is None else moment(value)
