"""A reply made from an answer's own declaration."""

from __future__ import annotations

import json
from typing import Any

from revoker.sdk import Answer, Reply

WORDS = {"True": True, "False": False}


def answered(answer: Answer) -> Reply:
    """The least reply that fits: its status, its code at its place, its text, and the paths that must be there."""
    body: Any = {}
    for path in answer.has:
        body = _put(body, path.split("."), 1)
    code = answer.codes[0] if answer.codes else None
    if code is not None and answer.at:
        body = _put(body, answer.at.split("."), WORDS.get(code, code))
    text = json.dumps(body) + answer.says
    return Reply("anything.example", answer.status, json=body, text=text, code=None if answer.at else code)


def _put(node: Any, path: list[str], value: object) -> Any:
    """The same tree with a value at a path; a number in the path is a place in a list."""
    name, rest = path[0], path[1:]
    if name.isdigit() and not (isinstance(node, dict) and node):
        rows = node if isinstance(node, list) else []
        rows = rows + [{}] * (int(name) + 1 - len(rows))
        rows[int(name)] = _put(rows[int(name)], rest, value) if rest else value
        return rows
    table = node if isinstance(node, dict) else {}
    return table | {name: _put(table.get(name, {}), rest, value) if rest else value}
