"""Every target by its name."""

from __future__ import annotations

from tests.fuzz import answers, reports, settings, values
from tests.fuzz.shapes import Target

TARGETS: dict[str, Target] = {target.name: target for part in (reports, settings, values, answers) for target in part.TARGETS}
