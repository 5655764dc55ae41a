"""Ask an advisory service about every package of the lock files, with pip-audit: the last part of `make lint`.

Usage: python requirements/audit.py [LOCK ...]. ADVISORIES=URL asks an OSV service of your own instead of the public one.
Exit code 1 for a known vulnerability. A machine that reaches no service passes, and says so: nothing was checked there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOCKS = ("runtime.lock", "lab.lock", "dev.lock")
ACCEPTED: dict[str, str] = {}  # id of an advisory -> why it does not concern us


def main(locks: list[Path]) -> int:
    """Ask about one package first: a registry without advisories says "not found" to each, and pip-audit passes then."""
    pins = pinned(locks)
    with tempfile.TemporaryDirectory() as folder:
        first, every = Path(folder, "first.txt"), Path(folder, "every.txt")
        first.write_text(f"{pins[0]}\n", encoding="utf-8")
        every.write_text("\n".join(pins) + "\n", encoding="utf-8")
        answer = audited(first)
        if answer is None or skipped(answer):
            print(f"WARNING: vulnerabilities not checked: no advisory service reachable (asked about {pins[0]})", file=sys.stderr)
            return 0
        answer = audited(every)
    if answer is None:
        print("WARNING: vulnerabilities not checked: the advisory service broke off", file=sys.stderr)
        return 0
    return told(answer)


def pinned(locks: list[Path]) -> list[str]:
    """Every `name==version` of the lock files, each once."""
    lines = [
        line.split(" ", 1)[0] for lock in locks for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line[:80]
    ]
    return list(dict.fromkeys(line for line in lines if not line.startswith("#")))


def audited(pins: Path) -> list[dict[str, Any]] | None:
    """What pip-audit says about each package; None when it could not ask. It resolves and installs nothing."""
    service = os.environ.get("ADVISORIES", "")
    own = ["--vulnerability-service", "osv", "--osv-url", service] if service else []
    asked = [sys.executable, "-m", "pip_audit", "-r", str(pins), "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    done = subprocess.run([*asked, "-f", "json", *own], capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    return found


def skipped(answer: list[dict[str, Any]]) -> list[str]:
    """The packages that the service did not know, and so said nothing about."""
    return [one["name"] for one in answer if "skip_reason" in one]


def told(answer: list[dict[str, Any]]) -> int:
    """Print what was found, and give the exit code."""
    bad = [(one, hole) for one in answer for hole in one.get("vulns", ()) if hole["id"] not in ACCEPTED]
    for one, hole in bad:
        print(f"{one['name']} {one['version']}: {hole['id']}; fixed in {', '.join(hole['fix_versions']) or 'no release'}")
    unknown = skipped(answer)
    if unknown:
        print(f"WARNING: vulnerabilities not checked for {', '.join(unknown)}: the service does not know them", file=sys.stderr)
    print(f"{len(answer) - len(unknown)} packages checked, {len(bad)} known vulnerabilities")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]] or [HERE / name for name in LOCKS]))
