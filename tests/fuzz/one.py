"""One target under atheris, as long as its options say: `python -m tests.fuzz.one TARGET [libFuzzer's options] [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

GUIDES = (  # whose branches guide the fuzzer: the parsers, not the declarations
    *(
        "revoker.ingest",
        "revoker.playbook",
        "revoker.config",
        "revoker.config_read",
        "revoker.config_fields",
        "revoker.config_vault",
    ),
    *("revoker.runs.approve", "revoker.runs.sshsig", "revoker.audit", "revoker.locate.audit_log"),
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


def main(words: list[str]) -> None:
    """Import with coverage, then hand over to libFuzzer; it ends the process."""
    with atheris.instrument_imports(include=["revoker"], exclude=others()):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[words[1]]
    atheris.Setup([words[0], *words[2:]], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
