"""The mutants of a file: mutmut's operators on one function at a time, each mutant told by the lines that it changes."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

ERRORS = ("Error", "Refused", "Failed", "OutcomeUnknown")  # how the names of our errors end


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one function. `words` marks a change of nothing but what an error tells a person."""

    file: str
    function: str  # `name`, or `Class.name`
    line: int  # of the changed place in the file
    old: str
    new: str
    source: str  # the function, changed, without its decorators
    words: bool

    @property
    def id(self) -> tuple[str, str, str, str]:
        return self.file, self.function, self.old, self.new


class _Visitor(MutationVisitor):  # type: ignore[misc]
    """As mutmut's, but for decorated functions too: a mutant replaces a function's code, so that a decorator does not matter."""

    METADATA_DEPENDENCIES = MutationVisitor.METADATA_DEPENDENCIES

    def _skip_node_and_children(self, node: Any) -> bool:
        return False if isinstance(node, cst.FunctionDef) else bool(super()._skip_node_and_children(node))


def mutants(path: Path, file: str) -> Iterator[Mutant]:
    """All mutants of the functions and methods in a file."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")))
    visitor = _Visitor(mutation_operators, IgnoredCode(set(), set(), set()))
    module = wrapper.visit(visitor)
    places = wrapper.resolve(PositionProvider)
    names = dict(_functions(module.body))
    words = {function: set(_told(function)) for function in names}
    for mutation in visitor.mutations:
        function, node = mutation.contained_by_top_level_function, mutation.original_node
        if function not in names:
            continue
        old = _text(function)
        new = _text(deep_replace(function, node, mutation.mutated_node))
        gone, came = _changed(old, new)
        yield Mutant(file, names[function], places[node].start.line, gone, came, new, id(node) in words[function])


def _functions(body: Any, prefix: str = "") -> Iterator[tuple[Any, str]]:
    for one in body:
        if isinstance(one, cst.FunctionDef):
            yield one, prefix + one.name.value
        elif isinstance(one, cst.ClassDef):
            yield from _functions(one.body.body, f"{one.name.value}.")


def _told(node: Any, inside: bool = False) -> Iterator[int]:
    """The nodes that only make an error's words: the call of the error, and all in it."""
    error = isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value.endswith(ERRORS)
    if inside or error:
        yield id(node)
    for child in node.children:
        yield from _told(child, inside or error)


def _text(function: Any) -> str:
    return textwrap.dedent(cst.Module([]).code_for_node(function.with_changes(decorators=[], leading_lines=[]))).strip() + "\n"


def _changed(old: str, new: str) -> tuple[str, str]:
    lines = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    return tuple(" ".join(line[2:].strip() for line in lines if line.startswith(sign)) for sign in ("- ", "+ "))  # type: ignore[return-value]
