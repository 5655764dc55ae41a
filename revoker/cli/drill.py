"""`revoker drill`: rehearse on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revoker.cli import options, output
from revoker.errors import ConfigError, ExitCode


def command(
    *,
    out: Annotated[Path, typer.Option("--out", help="Where the drill leaves its reports.", metavar="FOLDER")] = Path("drill-out"),
    as_json: options.AsJson = False,
) -> ExitCode:
    """Rehearse a leak from the report to the proof: real OpenBao, PostgreSQL and moto, fake providers, one kill -9.

    Nothing leaves this machine, and your own configuration and store are not touched. Exit code 13 when a check fails.
    """
    from revoker.report.json_document import schema

    try:
        from revoker.lab.drill import run_drill
    except ModuleNotFoundError as missing:
        raise ConfigError(f"The drill needs {missing.name}.", next="pip install 'revoker[lab]'") from None
    done = run_drill(out, output.tell)
    if as_json:
        checks = [{"check": one.name, "ok": one.ok, "detail": one.detail} for one in done.checks]
        output.document(
            {"schema": schema("drill"), "ok": done.ok, "d24": done.d24, "seconds": round(done.seconds, 1), "checks": checks}
        )
    else:
        output.line(f"The drill {'succeeded' if done.ok else 'FAILED'}; its report is {done.out / 'report.html'}")
    return ExitCode.DONE if done.ok else ExitCode.FAILED
