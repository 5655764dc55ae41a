"""The report as one HTML file: nothing is loaded, nothing runs, everything foreign is escaped.

The content security policy allows the one style sheet by its hash and nothing else; there is no script.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from typing import Any

from revoker.report import story
from revoker.report.charts import curve, points, segments
from revoker.report.terminal import SIGNS
from revoker.report.text import clean

MOST_SHOWN = 2_000  # a browser cannot show more with comfort; the rest is counted and said


def html(doc: Mapping[str, Any]) -> str:
    """The report document (`revoker/report/1`) as a page of its own."""
    from jinja2 import Environment, StrictUndefined

    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters |= {"when": story.when, "safe_text": clean}
    template = env.from_string(files("revoker.report").joinpath("report.html.j2").read_text("utf-8"))
    return template.render(**_view(doc))


def _view(doc: Mapping[str, Any]) -> dict[str, Any]:
    from markupsafe import Markup

    css = files("revoker.report").joinpath("report.css").read_text("utf-8")
    ordered = story.by_urgency(doc["credentials"])
    return {
        "doc": doc,
        "css": Markup(css),  # noqa: S704 - our own style sheet, the one text that goes in as it is
        "css_hash": b64encode(sha256(css.encode()).digest()).decode(),
        "title": story.title(doc),
        "banner": story.banner(doc["counts"]),
        "alerts": story.alerts(doc),
        "tiles": story.tiles(doc["metrics"]),
        "findings": sum(c["findings"] for c in doc["credentials"]),
        "bar": segments(doc["counts"]),
        "curve": curve(points(doc["credentials"]), _age_hours(doc)),
        "shown": [_card(c) for c in ordered[:MOST_SHOWN]],
        "hidden": max(0, len(ordered) - MOST_SHOWN),
    }


def _card(credential: Mapping[str, Any]) -> dict[str, Any]:
    fingerprint = clean(credential["fingerprint"])
    return {
        "fingerprint": fingerprint,
        "anchor": "c-" + "".join(c for c in fingerprint if c.isalnum() or c == "_"),
        "short": fingerprint[:15],
        "title": clean(credential["kind_title"]),
        "status": credential["status"],
        "sign": SIGNS.get(credential["status"], ""),
        "reason": clean(credential["reason"].replace("_", " ")) or "-",
        "account": story.account(credential),
        "findings": credential["findings"],
        "ingested": story.when(credential["times"]["ingested_at"]),
        "took": story.took(credential),
        "timeline": story.timeline(credential),
        "facts": story.facts(credential),
        "places": story.places(credential),
        "receipts": story.receipts(credential),
        "residual": story.residual(credential),
        "manual": story.manual(credential),
    }


def _age_hours(doc: Mapping[str, Any]) -> float:
    """How old the oldest credential is, for the length of the curve."""
    made = datetime.fromisoformat(doc["generated_at"])
    ages = (made - datetime.fromisoformat(c["times"]["ingested_at"]) for c in doc["credentials"])
    return max((age.total_seconds() / 3_600 for age in ages), default=0.0)
