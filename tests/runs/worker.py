"""A worker process for the crash tests: it loads everything once, then forks a child for each line it is told.

A line is JSON: {"config": FILE, "environment": {...}, "resume": true}. The child launches the durable engine, goes on with
all runs until none is under way, and ends. The answer is its exit status (negative: killed by that signal).
"""

import importlib.util
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path


def load_fakery() -> None:
    from revoker import catalog

    spec = importlib.util.spec_from_file_location("fakery", Path(__file__).parent / "fakery.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["fakery"] = module
    spec.loader.exec_module(module)
    catalog._extra["fakery"] = module.PROVIDER
    catalog.catalogue.cache_clear()


def work(config: Path) -> None:
    """Go on with all runs until they end, park, or wait for a person."""
    from dataclasses import replace

    from revoker.config import load_settings
    from revoker.runs import engine_flow
    from revoker.runs.engine import launch
    from revoker.store import runs
    from revoker.store.database import open_store

    settings = load_settings(config, dict(os.environ))
    store = open_store(settings)
    engine = launch(store, settings, clock=lambda: datetime.now(UTC))
    engine_flow.work[-1] = replace(engine_flow.work[-1], settle=timedelta())
    end = time.monotonic() + 60
    while time.monotonic() < end:
        rows = engine.wait([run.id for run in runs.list_runs(store)])
        if all(row.state in ("done", "failed", "cancelled", "waiting") for row in rows):
            break
        engine.resume()
        time.sleep(0.05)
        if os.environ.get("ONCE") and all(row.state == "parked" for row in rows):
            break
    engine.shutdown()


def main() -> None:
    import dbos  # noqa: F401 - loaded before the fork, since that alone takes a second
    from dbos._queue import Queue

    from revoker.runs import engine, engine_flow, engine_serializer  # noqa: F401 - the same

    # The engine looks for work once a second; a test that starts hundreds of workers has no time for that.
    defaults = Queue.__init__.__kwdefaults__
    assert defaults
    defaults["polling_interval_sec"] = 0.02
    load_fakery()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ.update(job["environment"])
            try:
                work(Path(job["config"]))
            except BaseException as error:  # noqa: BLE001 - the parent must hear of it
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                sys.stderr.flush()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
