"""Writes docs/differential.md: `python -m tests.differential`."""

from pathlib import Path

from tests.differential.run import DOCS, made

if __name__ == "__main__":
    Path(DOCS).write_text(made(), encoding="utf-8")
