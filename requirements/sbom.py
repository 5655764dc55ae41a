"""Write dist/revoker-VERSION.cdx.json: what an installed revoker is made of (CycloneDX), from the runtime lock with its hashes.

Usage: python requirements/sbom.py [FOLDER]. The same lock and version give the same bytes; nothing is asked of anybody.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
ABOUT = '[project]\nname = "revoker"\nversion = {}\ndescription = {}\nlicense = "Apache-2.0"\n'


def main(folder: Path) -> Path:
    """The version is dynamic in pyproject.toml, so the page about the whole is made from the package itself."""
    version = said(ROOT / "revoker" / "__init__.py", "__version__")
    out = folder / f"revoker-{version}.cdx.json"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temp:
        about = Path(temp, "pyproject.toml")
        about.write_text(
            ABOUT.format(json.dumps(version), json.dumps(said(ROOT / "pyproject.toml", "description"))), encoding="utf-8"
        )
        made = ["-m", "cyclonedx_py", "requirements", "--pyproject", str(about), "--output-reproducible", "-o", str(out)]
        subprocess.run([sys.executable, "-W", "ignore", *made, str(HERE / "runtime.lock")], check=True)
    return out


def said(path: Path, name: str) -> str:
    """The text after `name = ` in a file."""
    found = re.search(rf'^{name} = "(.*)"$', path.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{path.name} has no {name}")
    return found[1]


if __name__ == "__main__":
    print(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"))
