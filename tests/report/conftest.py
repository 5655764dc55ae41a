"""A report document with every status, and hostile names one by one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report.samples import HOSTILE, document


@pytest.fixture
def doc() -> dict[str, Any]:
    return document()


@pytest.fixture(params=HOSTILE, ids=range(len(HOSTILE)))
def hostile(request: pytest.FixtureRequest) -> str:
    return str(request.param)
