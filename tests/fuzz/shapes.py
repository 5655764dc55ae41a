"""A fuzz target: one parser of ours, what it may raise, and where its inputs start from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"


@dataclass(frozen=True, slots=True)
class Target:
    """`run` takes any bytes and lets nothing out but what the parser promises to raise; a result that lies is an AssertionError.

    `made` gives seeds that hold a token-like value, and so are made anew each time; the others are files in seeds/<name>/.
    """

    name: str
    run: Callable[[bytes], None]
    made: Callable[[], Iterable[bytes]] = tuple

    def seeds(self) -> list[bytes]:
        """All seeds, kept and made."""
        return [*(path.read_bytes() for path in sorted((SEEDS / self.name).glob("*"))), *self.made()]
