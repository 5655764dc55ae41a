"""A process for the rotation tests: forks a child for each line {"config": FILE, "environment": {...}}, which rotates the key."""

import json
import os
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path


def rotate(config: Path) -> None:
    """One whole rotation, one value in each transaction."""
    from revoker.cli.session import Session
    from revoker.egress.vault_transit import wrapping
    from revoker.runs import key_rotation

    session = Session(config=config)
    made = wrapping(session.settings)
    key_rotation.rotate(session.reopened, made, who="test", clock=lambda: datetime.now(UTC), batch=1)


def main() -> None:
    import_module("revoker.runs.key_rotation")  # once, and not in each child
    _say("ready")
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ.update(told["environment"])
            code = 1
            try:
                rotate(Path(told["config"]))
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        _say(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
