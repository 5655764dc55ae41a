"""Playbooks: linear TOML turned into checked, frozen steps.

A playbook is a list of steps in order: no loops, no branches, no templates. A step names an effect that the
credential's own kind offers, or one of the built-in words. Values are references (`into = "destination"`,
`of = "new"`), never text to fill in, so a secret cannot be pasted into a string.
"""

from revoker.playbook.folders import load_playbook, load_playbooks
from revoker.playbook.reading import KEYS, check_kinds, duration, parse
from revoker.playbook.shapes import CHANGES, Playbook, Step, When

__all__ = [
    "CHANGES",
    "KEYS",
    "Playbook",
    "Step",
    "When",
    "check_kinds",
    "duration",
    "load_playbook",
    "load_playbooks",
    "parse",
]
