"""The leak of the drill is found by the real scanners, and what they miss is known."""

import json
from pathlib import Path

import pytest

from revoker.lab.fakes import fakes
from revoker.lab.leak import missed, pairs, run_gitleaks, run_kingfisher, write_rest, write_tree

pytestmark = pytest.mark.slow


def test_the_scanners_find_what_they_can(tmp_path: Path) -> None:
    from revoker.lab.cast import in_saas

    with fakes() as running:
        planted = in_saas(running)
    tree = write_tree(tmp_path, planted)
    reports = [run_gitleaks(tree, tmp_path / "gitleaks.json"), run_kingfisher(tree, tmp_path / "kingfisher.jsonl")]
    assert json.loads(reports[0].read_text())
    rest = missed(planted, reports)
    assert [one.provider for one in rest] == ["docker_hub"]  # no scanner joins its user name to it
    written = write_rest(tmp_path / "rest.env", rest).read_text()
    assert all(value in written for one in rest for _, value in pairs(one))
