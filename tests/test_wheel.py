"""What is built: the wheel and the sdist, installed into an empty environment and run there."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both distributions, built from the working tree without fetching anything."""
    out = tmp_path_factory.mktemp("dist")
    argv = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    return out


@pytest.fixture(scope="module")
def empty(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel alone; our dependencies are borrowed from this one, so nothing is downloaded."""
    home = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(next(built.glob("*.whl")))], check=True)
    return home


def run(empty: Path, *argv: str, borrow: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(empty)}
    if borrow:  # dependencies only: our own editable install is a .pth file, which this path does not read
        environment["PYTHONPATH"] = sysconfig.get_path("purelib")
    return subprocess.run(
        [str(empty / "bin" / argv[0]), *argv[1:]], env=environment, cwd=empty, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_one_package(built: Path) -> None:
    names = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"revoker"}
    assert "revoker/providers/aws/__init__.py" in names
    assert "revoker/playbooks/contain.toml" in names
    assert "revoker/py.typed" in names


def test_the_sdist_holds_the_real_folders_once(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = [name.split("/", 1)[-1] for name in archive.getnames()]
    assert "providers/groq.py" in names
    assert "playbooks/contain.toml" in names
    assert not [name for name in names if name.startswith(("revoker/providers", "revoker/playbooks"))]


def test_site_packages_gets_revoker_only(empty: Path) -> None:
    site = next(empty.glob("lib/python*/site-packages"))
    mine = {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")}
    assert mine == {"revoker"}


def test_there_is_no_top_level_providers(empty: Path) -> None:
    assert run(empty, "python", "-c", "import providers", borrow=False).returncode == 1
    assert run(empty, "python", "-c", "import revoker.sdk", borrow=False).returncode == 0


def test_the_command_runs_and_knows_all_providers(empty: Path) -> None:
    listed = run(empty, "revoker", "providers")
    assert listed.returncode == 0, listed.stderr
    shipped = {path.stem for path in (ROOT / "providers").iterdir() if not path.name.startswith("_")}
    assert shipped <= set(listed.stdout.split())
    where = run(empty, "python", "-c", "import revoker; print(revoker.__file__)")
    assert where.stdout.startswith(str(empty))
