"""One target under atheris, as long as its options say: `python -m tests.fuzz.one TARGET [libFuzzer's options] [FOLDER]`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import atheris

if TYPE_CHECKING:
    from tests.fuzz.shapes import Target

GUIDES = (  # whose branches guide the fuzzer: the parsers, not the declarations
    *(
        "revoker.ingest",
        "revoker.playbook",
        "revoker.config",
        "revoker.config_read",
        "revoker.config_fields",
        "revoker.config_vault",
    ),
    *("revoker.runs.approve", "revoker.sshsig", "revoker.audit", "revoker.locate.audit_log"),
    *("revoker.sdk.offline", "revoker.sdk.private_keys", "revoker.catalog"),
    *("revoker.egress.replies", "revoker.egress.limits", "revoker.egress.databases", "revoker.egress.authorized_keys"),
)


def others() -> list[str]:
    """All of our modules that do not guide: atheris takes whole packages in, and single modules out."""
    import revoker

    root = Path(revoker.__file__).parent
    names = (".".join(("revoker", *path.relative_to(root).with_suffix("").parts)) for path in root.rglob("*.py"))
    packages = (name.removesuffix(".__init__") for name in names)
    return [name for name in packages if not name.startswith(GUIDES)]


def load() -> Mapping[str, Target]:
    """Import everything with coverage, once for each process, and give the targets."""
    with atheris.instrument_imports(include=["revoker"], exclude=others()):
        from tests.fuzz.targets import TARGETS
    return TARGETS


def run(target: Target, options: Sequence[str]) -> NoReturn:
    """Hand over to libFuzzer; it ends the process."""
    atheris.Setup(["fuzz", *options], target.run)
    atheris.Fuzz()
    raise AssertionError("libFuzzer came back")


if __name__ == "__main__":
    run(load()[sys.argv[1]], sys.argv[2:])
