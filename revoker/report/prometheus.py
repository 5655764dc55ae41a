"""The metrics as Prometheus text exposition."""

from __future__ import annotations

from dataclasses import asdict

from revoker.model import Status
from revoker.report.metrics import Metrics

HELP = {
    "d24": "Share of the credentials to kill that were proven dead within 24 hours of ingest; unknown ones count as not dead",
    "time_to_dead_p50_s": "Median seconds from ingest to proven dead",
    "time_to_dead_p90_s": "Seconds within which 90 % of the dead ones were proven dead",
    "time_to_contain_p50_s": "Median seconds from ingest to the first acknowledged change",
    "time_to_contain_p90_s": "Seconds within which 90 % of the changed ones were changed",
    "unknown_rate": "Share of credentials whose state could not be decided",
    "unknown_oldest_s": "Age of the oldest undecided credential in seconds",
    "exposure_hours": "Hours that credentials were accepted after ingest, summed",
    "resurrections": "Dead credentials that were accepted again",
    "orphans": "Credentials created but neither stored nor revoked",
}


def prometheus(metrics: Metrics) -> str:
    """One gauge a number; what cannot be measured yet is left out."""
    lines = ["# HELP revoker_credentials Unique credentials by status", "# TYPE revoker_credentials gauge"]
    lines += [f'revoker_credentials{{status="{status}"}} {metrics.counts.get(status.value, 0)}' for status in Status]
    values = asdict(metrics)
    for key, text in HELP.items():
        if values[key] is None:
            continue
        name = "revoker_" + (key.removesuffix("_s") + "_seconds" if key.endswith("_s") else key)
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {values[key]:g}"]
    return "\n".join(lines) + "\n"
