"""Put a mutant's code into the function that the imported program uses."""

from __future__ import annotations
import __future__

import inspect
import types
from typing import Any

from tests.mutation.mutants import Mutant


def swap(mutant: Mutant, module: types.ModuleType) -> None:
    """From here on, in this process, each use of the function runs the mutant, whatever name it was imported by."""
    names = dict(vars(module))
    flags = __future__.annotations.compiler_flag
    exec(compile(mutant.source, f"<mutant of {mutant.function}>", "exec", flags=flags), names)  # noqa: S102  our own code, changed
    made, live = names[mutant.function.rpartition(".")[2]], _live(mutant.function, module)
    live.__code__, live.__defaults__, live.__kwdefaults__ = made.__code__, made.__defaults__, made.__kwdefaults__
    for thing in list(vars(module).values()):
        if callable(getattr(thing, "cache_clear", None)):
            thing.cache_clear()


def _live(function: str, module: types.ModuleType) -> Any:
    found: Any = module
    for name in function.split("."):
        found = inspect.getattr_static(found, name)
    found = getattr(found, "fget", None) or getattr(found, "__func__", found)
    found = inspect.unwrap(found)
    return getattr(found, "ask", found)  # a check stands for the function that it was declared above
