"""The real kingfisher and revoker, given the same answers: docs/differential.md lists every disagreement and who is right."""

from __future__ import annotations

import re

import pytest

from tests.differential.page import judged
from tests.differential.run import DOCS, made, missing
from tests.differential.subjects import RULES
from tests.providers.catalogue import OWNERS


def test_every_compared_kind_is_in_the_catalogue_and_on_the_page() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for kind, rule in RULES.items():
        assert kind in OWNERS
        assert f"| `{kind}` | `{rule}` |" in text


def test_a_disagreement_that_nobody_looked_at_is_an_error() -> None:
    row = {"kind": "groq_api_key", "answer": "live", "kingfisher": "live", "revoker": "dead", "reason": "refused"}
    with pytest.raises(KeyError, match="groq_api_key, live"):
        judged(row)


def test_revoker_declares_no_death_by_an_answer_that_is_no_refusal() -> None:
    found = re.search(r"no refusal of the key: (\d+) by Kingfisher, (\d+) by revoker", DOCS.read_text(encoding="utf-8"))
    assert found is not None
    assert int(found[2]) == 0


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=missing() or "-")
def test_the_page_is_what_the_two_tools_say_now() -> None:
    assert made() == DOCS.read_text(encoding="utf-8"), "run: python -m tests.differential"
