"""Numbers to coordinates for the report's two drawings; the template draws them as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from revoker.report.text import span

ORDER = ("live", "unknown", "new", "contained", "dying", "skipped", "accepted", "dead")
WIDTH = 640.0
HEIGHT = 200.0
DAY = 24.0
STEPS = (
    5 / 3_600,
    15 / 3_600,
    30 / 3_600,
    1 / 60,
    2 / 60,
    5 / 60,
    10 / 60,
    0.5,
    1,
    2,
    4,
    6,
    12,
    24,
    48,
    96,
    168,
    336,
    720,
    2_160,
    8_760,
)  # hours


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of the status bar."""

    status: str
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Curve:
    """The D24 curve in drawing units: a step line, its area, the ticks below, and the place of the 24 h mark."""

    line: str
    area: str
    ticks: tuple[tuple[float, str], ...]
    mark: float | None  # None when 24 h lies outside the drawing
    reached: float  # the share at the end, 0..1
    end: float  # its height


def segments(counts: Mapping[str, int]) -> list[Segment]:
    """The status bar; what is smallest is still to be seen."""
    present = [(status, counts[status]) for status in ORDER if counts.get(status)]
    total = sum(count for _, count in present)
    weights = [max(count / total, 0.012) for _, count in present] if total else []
    scale = WIDTH / sum(weights) if weights else 0.0
    made, x = [], 0.0
    for (status, count), weight in zip(present, weights, strict=True):
        made.append(Segment(status, count, round(x, 2), round(weight * scale, 2)))
        x += weight * scale
    return made


def points(credentials: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Hours since ingest, and the share of the credentials to kill that was proven dead by then."""
    to_kill = [c for c in credentials if not _was_dead_before(c)]
    killed = [c["times"] for c in to_kill if c["status"] == "dead" and c["times"]["live_at"] and c["times"]["dead_at"]]
    hours = sorted(_hours(times["ingested_at"], times["dead_at"]) for times in killed)
    return [(hour, (rank + 1) / len(to_kill)) for rank, hour in enumerate(hours)]


def curve(steps: Sequence[tuple[float, float]], age_hours: float) -> Curve | None:
    """The share proven dead over the hours since ingest; None when nothing died after it was seen alive."""
    if not steps:
        return None
    last = max(steps[-1][0], min(age_hours, steps[-1][0] * 1.6), 1 / 60)
    longest = max(last * 1.08, DAY * 1.1) if last > DAY / 3 else last * 1.08
    path, x, y = [f"M0,{HEIGHT:.0f}"], 0.0, HEIGHT
    for hours, share in steps:
        x, y = round(hours / longest * WIDTH, 1), round(HEIGHT - share * HEIGHT, 1)
        path.append(f"H{x}V{y}")
    today = min(max(x, round(age_hours / longest * WIDTH, 1)), WIDTH)
    line = "".join(path) + f"H{today}"
    tick = next((s for s in STEPS if longest / s <= 8), STEPS[-1])
    ticks = tuple((round(n * tick / longest * WIDTH, 1), span(n * tick * 3_600)) for n in range(int(longest / tick) + 1))
    mark = round(DAY / longest * WIDTH, 1) if longest >= DAY else None
    return Curve(line, f"{line}V{HEIGHT:.0f}Z", ticks, mark, steps[-1][1], y)


def _was_dead_before(credential: Mapping[str, Any]) -> bool:
    times = credential["times"]
    return credential["status"] == "dead" and not times["live_at"] and not times["acked_at"]


def _hours(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 3_600
