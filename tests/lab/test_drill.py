"""The drill runs from end to end and believes itself only on the servers' word."""

from pathlib import Path

import pytest

from revoker.lab.drill import run_drill

pytestmark = pytest.mark.slow


def test_the_drill_takes_the_whole_leak_to_proof_of_death(tmp_path: Path) -> None:
    said: list[str] = []
    result = run_drill(tmp_path / "out", said.append)
    failed = [
        check for check in result.checks if not check.ok and not check.name.startswith("it took")
    ]  # a busy machine is no fault
    assert not failed, "\n".join(f"{check.name}: {check.detail}" for check in failed)
    assert result.d24 is not None
    assert result.d24 >= 0.8  # all that were live; the canary, the partner and a scanner's own noise stay in the denominator
    assert (result.out / "report.html").stat().st_size > 1000
    assert any("SIGKILL" in line for line in said)
    assert len(result.checks) == 18  # each gate was tried
