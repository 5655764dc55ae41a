"""The workflows that the durable engine knows. Only this module and the serializer import it at the top.

A workflow takes a run id and nothing else; a step gives back a state and a number of seconds. Names of secrets, values
and targets stay in our own store.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from dbos import DBOS

from revoker.errors import RevokerError
from revoker.log import get_logger
from revoker.runs import steps

VERSION = "playbooks-1"  # pinned; a changed order of engine calls goes behind DBOS.patch, never into a new version
RUN = "revoker.run"
TICK = "revoker.tick"

log = get_logger(__name__)
work: list[steps.Work] = []  # the one thing that a step of this process works with
ticks: dict[str, Callable[[datetime], object]] = {}


@DBOS.step(name="revoker.advance")
def advance(run_id: str) -> dict[str, Any]:
    """Do the next step of a run. Lets nothing out but our own scrubbed errors."""
    try:
        done = steps.advance(work[-1], run_id)
    except RevokerError:
        raise
    except Exception as error:  # noqa: BLE001 - only our own errors may leave a step
        log.error("step_crashed", run=run_id, error=type(error).__name__)  # noqa: TRY400 - a traceback could hold a secret
        raise RevokerError(f"A step of run {run_id} ended with {type(error).__name__}.") from None
    return {"state": done.state, "sleep": done.sleep}


@DBOS.workflow(name=RUN, max_recovery_attempts=1000)
def run(run_id: str) -> str:
    """Step after step until the run ends, parks or waits for longer than it may sleep here."""
    while True:
        done = advance(run_id)
        if done["sleep"] is None:
            return str(done["state"])
        if done["sleep"] > 0:
            DBOS.sleep(done["sleep"])


@DBOS.step(name="revoker.ticked")
def ticked(name: str, slot: datetime) -> None:
    """One scheduled call, once for each slot of the clock."""
    started = time.monotonic()
    try:
        ticks[name](slot)
    except Exception as error:  # noqa: BLE001 - only our own errors may leave a step
        log.error("tick_failed", name=name, error=type(error).__name__)  # noqa: TRY400 - as above
        raise RevokerError(f"The scheduled {name} ended with {type(error).__name__}.") from None
    log.info("tick", name=name, seconds=round(time.monotonic() - started, 3))


@DBOS.workflow(name=TICK)
def tick(slot: datetime, name: Any) -> None:
    """A slot of a schedule."""
    if name in ticks:
        ticked(str(name), slot)
