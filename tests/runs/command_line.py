"""The real command line in a process of its own, with the fake provider in its catalogue: python command_line.py worker ..."""

import importlib.util
import sys
from pathlib import Path


def load_fakery() -> None:
    from revoker import catalog

    spec = importlib.util.spec_from_file_location("fakery", Path(__file__).parent / "fakery.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["fakery"] = module
    spec.loader.exec_module(module)
    catalog._extra["fakery"] = module.PROVIDER
    catalog.catalogue.cache_clear()


if __name__ == "__main__":
    from revoker.cli.app import run

    load_fakery()
    sys.exit(run(sys.argv[1:]))
