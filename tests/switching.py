"""Switching a handler off, to see that a promise's test notices (`make test-deep`).

    LIVECORE_SWITCH_OFF="livecore.people.blocks:Blocks.block" pytest -p tests.switching tests/promises/test_30_block.py

`module:Class.method`, `module:Class.property` or `module:function` is replaced by one that does nothing; `=VALUE` after it
says what it answers (a Python literal; None else): `livecore.accounts.birth:is_adult=True`. Several are parted by `;`.
"""

import ast
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "LIVECORE_SWITCH_OFF"
# Put on the path of the processes of a `livecore serve`, so that it is switched off in them.
IN_PROCESSES = Path(__file__).parent / "switched"


@dataclass(frozen=True)
class Handler:
    owner: Any  # the module or class that holds it
    name: str
    original: Any
    answer: Any


def find(target: str) -> Handler:
    """Raises AttributeError, ImportError or TypeError when there is no such handler: a switch that switches nothing proves nothing."""
    path, _, answer = target.partition("=")
    module_name, _, attribute = path.partition(":")
    owner: Any = importlib.import_module(module_name)
    *parents, name = attribute.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original = inspect.getattr_static(owner, name)
    if not isinstance(original, staticmethod | classmethod | property) and not inspect.isfunction(original):
        raise TypeError(f"{target} is no function")
    return Handler(owner, name, original, ast.literal_eval(answer) if answer else None)


def replacement(original: Any, answer: Any) -> Any:
    function = original.__func__ if isinstance(original, staticmethod | classmethod) else original
    nothing: Callable[..., Any]
    if inspect.iscoroutinefunction(function):

        async def nothing(*_args: Any, **_kwargs: Any) -> Any:
            return answer
    else:

        def nothing(*_args: Any, **_kwargs: Any) -> Any:
            return answer

    if isinstance(original, property):
        return property(nothing)
    return staticmethod(nothing) if isinstance(original, staticmethod) else nothing


def switch_off(target: str) -> None:
    handler = find(target)
    new = replacement(handler.original, handler.answer)
    setattr(handler.owner, handler.name, new)
    if inspect.ismodule(handler.owner):
        # Also where it was imported by name.
        for module in [module for name, module in sys.modules.items() if name.startswith("livecore.")]:
            for name, value in list(vars(module).items()):
                if value is handler.original:
                    setattr(module, name, new)


def pytest_configure() -> None:
    for target in filter(None, os.environ.get(VARIABLE, "").split(";")):
        switch_off(target)
