"""The command line itself: options that belong to every command, and the refusal of secrets on it.

A command line stands in the process table and in the shell's history: no option or argument takes a secret,
and what looks like one is refused without being repeated.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log2
from pathlib import Path

from revoker.errors import UsageError

WITH_VALUE = ("--config",)
FLAGS = ("--debug", "--json-logs")

KNOWN = re.compile(
    r"(?:sk|rk|pk|ak)[-_][\w-]{16,}|(?:gh[pousr]_|github_pat_|gl[a-z]{2,5}-|hf_|gsk_|npm_|pypi-|xai-|r8_|hv[sbr]\.|dckr_|dop_v1_|shp[a-z]{2}_"
    r"|xox[a-z]-|SG\.|AIza|ya29\.|eyJ|ATATT|ATCTT|lin_api_|ntn_|secret_|pat[A-Z]|rdme_|sntry[su]_|glsa_|tfp_|nvapi-|pplx-)[\w.+/=-]{12,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|-----BEGIN.*|[a-z][a-z0-9+.-]*://[^/\s]*:[^/\s@]+@.*",
    re.DOTALL,
)
DENSE = re.compile(r"[A-Za-z0-9+/_=~!$%^&*.-]{20,}")
ENTROPY = 3.7  # bits a character; English and file names stay below


def hoisted(args: Sequence[str]) -> list[str]:
    """The same arguments with the options of every command moved to the front, so that they may stand anywhere."""
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(args)
    for arg in waiting:
        if arg == "--":
            rest += [arg, *waiting]
        elif arg in WITH_VALUE:
            front += [arg, *([value] if (value := next(waiting, None)) is not None else [])]
        elif arg in FLAGS or arg.startswith(tuple(f"{name}=" for name in WITH_VALUE)):
            front.append(arg)
        else:
            rest.append(arg)
    return front + rest


def refuse_secrets(args: Sequence[str]) -> None:
    """Raise UsageError when an argument, or the value of an option, looks like a secret."""
    for arg in args:
        value = arg.partition("=")[2] if arg.startswith("--") and "=" in arg else arg
        if not value.startswith("--") and is_secret_like(value):
            raise UsageError(
                "An argument looks like a secret. Command lines can be read by every process of this machine and stay in the history.",
                safe="nothing was done with it, and it is not repeated here",
                next="put it into a file that only you can read and use `revoker ingest FILE`, or pipe it: `revoker ingest -`",
            )


def is_secret_like(value: str) -> bool:
    """True for a known shape of token, or a long dense value that is no existing file."""
    if KNOWN.fullmatch(value):
        return not _exists(value)
    if not DENSE.fullmatch(value) or _exists(value):
        return False
    mixed = all(any(test(c) for c in value) for test in (str.isupper, str.islower, str.isdigit))
    return mixed and not _is_path(value) and _entropy(value) > ENTROPY


def masked(message: str, args: Sequence[str]) -> str:
    """A message of the option parser without the long arguments that it repeats."""
    for arg in sorted(args, key=len, reverse=True):
        for value in (arg, arg.partition("=")[2]):
            if len(value) >= 16 and not value.startswith("--"):
                message = message.replace(value, "(not repeated)")
    return message


def _exists(value: str) -> bool:
    try:
        return Path(value).exists()
    except (OSError, ValueError):
        return False


def _is_path(value: str) -> bool:
    """A name with an ending, or below a folder that is there."""
    if re.search(r"\.[a-z]{1,5}\d?$", value):
        return True
    return "/" in value and _exists(value.rpartition("/")[0] or "/")


def _entropy(value: str) -> float:
    counts = Counter(value)
    return -sum(n / len(value) * log2(n / len(value)) for n in counts.values())
