"""What we are built from: pinned with hashes, asked about at an advisory service, and listed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PIN = re.compile(r"[a-z0-9][a-z0-9.-]*==[0-9][\w.!+]*(?: ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
NOTE = re.compile(r"    #[^:]*")  # who wants it; an address would have a colon


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_line_of_a_lock_is_a_pin_a_hash_or_a_note(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    odd = [
        line
        for line in lines
        if not (PIN.fullmatch(line) or HASH.fullmatch(line) or NOTE.fullmatch(line) or not line or line[0] == "#")
    ]
    assert not odd
    assert not [line for line in lines if "://" in line or "index" in line.split("#", maxsplit=1)[0]]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_of_a_lock_has_hashes(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    bare = [line for line, after in zip(lines, [*lines[1:], ""], strict=True) if PIN.match(line) and not HASH.fullmatch(after)]
    assert {lock.stem for lock in LOCKS} == {"runtime", "lab", "dev", "mutation"}
    assert sum(bool(PIN.match(line)) for line in lines) > 50
    assert not bare


def test_what_the_makefile_installs_is_installed_with_hashes_or_is_ours() -> None:
    lines = [line.strip() for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("\t$(PIP) install")]
    rest = [line for line in lines if "--require-hashes" not in line and "--no-deps --no-build-isolation -e ." not in line]
    assert rest == ["$(PIP) install pip-tools"]  # `make lock` alone, which writes the hashes


class _Advisories(BaseHTTPRequestHandler):
    """An OSV service that knows one vulnerability: https://google.github.io/osv.dev/post-v1-query/"""

    asked: list[str]
    bad = ""

    def do_POST(self) -> None:
        read: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = read["package"]["name"]
        self.asked.append(name)
        body = json.dumps({"vulns": [_hole(name)]} if name == self.bad else {}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


def _hole(name: str) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}]
    affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]
    return {"id": "PYSEC-2026-1", "summary": "it is bad", "published": "2026-11-01T00:00:00Z", "affected": affected}


@contextmanager
def advisories(bad: str = "") -> Iterator[tuple[str, list[str]]]:
    """Its address, and the packages that it was asked about."""
    handler = type("Handler", (_Advisories,), {"asked": [], "bad": bad})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query", handler.asked  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


def audited(service: str, lock: Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"ADVISORIES": service}
    command = [sys.executable, str(ROOT / "requirements" / "audit.py"), str(lock)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=120)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "some.lock"
    path.write_text(
        "".join(f"{name}==1.0 \\\n    --hash=sha256:{'0' * 64}\n    # via us\n" for name in ("alpha", "beta", "gamma"))
    )
    return path


@pytest.mark.slow
def test_a_known_vulnerability_fails_the_check(lock: Path) -> None:
    with advisories("beta") as (service, asked):
        done = audited(service, lock)
    assert done.returncode == 1
    assert "beta 1.0: PYSEC-2026-1" in done.stdout
    assert {"alpha", "beta", "gamma"} <= set(asked)


@pytest.mark.slow
def test_without_one_the_check_says_how_many_it_looked_at(lock: Path) -> None:
    with advisories() as (service, _):
        done = audited(service, lock)
    assert (done.returncode, done.stdout) == (0, "3 packages checked, 0 known vulnerabilities\n")


@pytest.mark.slow
def test_without_a_service_it_passes_and_says_that_nothing_was_checked(lock: Path) -> None:
    with advisories() as (service, _):
        pass
    done = audited(service, lock)
    assert done.returncode == 0
    assert "not checked: no advisory service reachable" in done.stderr
    assert "checked," not in done.stdout


@pytest.mark.slow
def test_the_bill_of_materials_is_the_runtime_lock_with_its_hashes_and_the_same_each_time(tmp_path: Path) -> None:
    made = []
    for folder in ("one", "two"):
        command = [sys.executable, str(ROOT / "requirements" / "sbom.py"), str(tmp_path / folder)]
        path = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.strip()
        made.append(Path(path).read_bytes())
    assert made[0] == made[1]
    bill = json.loads(made[0])
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "revoker")
    assert bill["metadata"]["component"]["version"] in path
    assert "timestamp" not in bill["metadata"]
    assert str(tmp_path).encode() not in made[0]
    lines = (ROOT / "requirements" / "runtime.lock").read_text().splitlines()
    locked = {tuple(line.split(" ")[0].split("==")) for line in lines if PIN.match(line)}
    assert {(one["name"], one["version"]) for one in bill["components"]} == locked
    hashes = {hash["content"] for one in bill["components"] for at in one["externalReferences"] for hash in at["hashes"]}
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", "\n".join(lines)))
