"""How the benchmarks measure: one child process at a time, its own accounting, and the server's counters."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1


@dataclass(frozen=True)
class Cost:
    """What one process took: seconds by the clock, seconds of processor, peak memory in MiB."""

    wall: float
    cpu: float
    rss: float
    code: int
    out: str


@dataclass(frozen=True)
class Counters:
    """What the server saw."""

    requests: int
    unique: int
    most_in_flight: int
    busiest_second: int
    seconds: float
    live: int
    dead: int
    limited: int


def cut_off() -> bool:
    """Leave this process, and all that it starts, with a network that has loopback only. False when that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    return True


def run(argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None, good: Sequence[int] = (0,)) -> Cost:
    """Run one process to its end and read its accounting. Exits when it fails."""
    out = cwd / "bench.out"
    with out.open("wb") as stdout, (cwd / "bench.err").open("wb") as stderr:
        start = time.monotonic()
        child = subprocess.Popen(
            [str(part) for part in argv], cwd=cwd, env=environment(env), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
    code = child.returncode = os.waitstatus_to_exitcode(status)
    if code not in good:
        sys.exit(f"{argv} ended with {code}:\n{(cwd / 'bench.err').read_text()[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, code, out.read_text(errors="replace"))


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """No proxy, nobody's credentials."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "NO_PROXY": "*", **(more or {})}


def compile_server(folder: Path) -> Path:
    """Build server.c."""
    made = folder / "server"
    if shutil.which("cc") is None:
        sys.exit("the benchmark's server needs a C compiler (cc)")
    subprocess.run(["cc", "-O2", "-o", str(made), str(HERE / "server.c")], check=True)
    return made


@contextmanager
def serving(server: Path, delay_ms: float, per_second: int = 0) -> Iterator[int]:
    """Run the server; gives its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([str(server), str(port), str(delay_ms), str(per_second)])
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()


def counters(port: int) -> Counters:
    """Read the server's counters and set them to zero."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats", timeout=5) as answer:
        read = Counters(**json.load(answer))
    urllib.request.urlopen(f"http://127.0.0.1:{port}/reset", timeout=5).close()
    return read
