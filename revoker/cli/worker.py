"""`revoker worker`: carry out approved runs, beside any number of other workers."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from revoker.cli import closing, output, running
from revoker.cli.session import session_of
from revoker.errors import ExitCode

if TYPE_CHECKING:
    from revoker.runs.worker import Worker

AT_ONCE = 8
AGAIN = 128  # and the signal's number: ended at a second signal, as by kill -9


def command(
    ctx: typer.Context,
    *,
    at_once: Annotated[int, typer.Option(help="The most runs under way in this process.", min=1, max=256)] = AT_ONCE,
    once: Annotated[bool, typer.Option("--once", help="End when nothing can go on now, instead of waiting for more.")] = False,
) -> ExitCode:
    """Carry out the runs of applied plans, the most urgent first, until told to end. Needs PostgreSQL; any number can run.

    SIGTERM or Ctrl-C: steps under way are finished and their runs given back to the other workers. A second one ends at once;
    what it interrupts is taken over as after kill -9.
    """
    from revoker.runs.worker import Worker, needs_postgresql

    session = session_of(ctx)
    needs_postgresql(session.store)
    with running.engine(session, inline=running.SHORT) as engine:
        worker = Worker(engine, at_once, idle=lambda: closing.finish(session))
        _obey_signals(worker)
        output.tell(f"Worker {engine.lease.executor}: carries out up to {at_once} runs at once.")
        worker.run(once=once)
        output.tell(f"Worker {engine.lease.executor}: ended after {worker.picked} pieces of work; nothing is left half done.")
    closing.finish(session)
    return ExitCode.DONE


def _obey_signals(worker: Worker) -> None:
    def told(number: int, _frame: FrameType | None) -> None:
        if worker.ended.is_set():
            os._exit(AGAIN + number)
        worker.ended.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, told)
