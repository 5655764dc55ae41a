"""What protects secrets in this process's memory: no core dump, no other process may look in, no values in a crash."""

from __future__ import annotations

import faulthandler
import os
import resource
import sys
import threading
from types import TracebackType

PR_SET_DUMPABLE = 4  # linux/prctl.h


def harden() -> None:
    """Turn off core dumps and tracing by other processes of this user, and report crashes without any value.

    A file of TLS session keys, which libraries write where SSLKEYLOGFILE says, is not written either.
    """
    os.environ.pop("SSLKEYLOGFILE", None)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    faulthandler.disable()
    sys.excepthook = _quiet
    threading.excepthook = _quiet_thread
    sys.unraisablehook = _quiet_unraisable


def frames(error: BaseException) -> list[str]:
    """Where an error came from: type, file, line and function of each frame; no message and no value."""
    lines = []
    seen: BaseException | None = error
    while seen is not None:
        lines.append(type(seen).__qualname__)
        trace = seen.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            lines.append(f"  {code.co_filename}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return lines


def _quiet(kind: type[BaseException], _error: BaseException, _trace: TracebackType | None) -> None:
    sys.stderr.write(f"revoker: internal error: {kind.__qualname__}\n")


def _quiet_thread(args: threading.ExceptHookArgs) -> None:
    sys.stderr.write(f"revoker: internal error in a thread: {args.exc_type.__qualname__}\n")


def _quiet_unraisable(args: sys.UnraisableHookArgs) -> None:
    sys.stderr.write(f"revoker: internal error while cleaning up: {args.exc_type.__qualname__}\n")
