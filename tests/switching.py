"""Switching a handler off, to see that a promise's test notices (`make test-deep`).

    LIVECORE_SWITCH_OFF="livecore.people.blocks:Blocks.block" pytest -p tests.switching tests/promises/test_30_block.py

`module:Class.method` or `module:function` is replaced by one that does nothing; `=VALUE` after it says what it answers
(a Python literal; None else): `livecore.accounts.birth:is_adult=True`.
"""

import ast
import importlib
import inspect
import os
from typing import Any

VARIABLE = "LIVECORE_SWITCH_OFF"


def switch_off(target: str) -> None:
    """Raises AttributeError or ImportError when there is no such handler: a switch that switches nothing proves nothing."""
    path, _, answer = target.partition("=")
    module_name, _, attribute = path.partition(":")
    owner: Any = importlib.import_module(module_name)
    *parents, name = attribute.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original = inspect.getattr_static(owner, name)
    value = ast.literal_eval(answer) if answer else None
    function = original.__func__ if isinstance(original, staticmethod | classmethod) else original

    if inspect.iscoroutinefunction(function):

        async def nothing(*_args: Any, **_kwargs: Any) -> Any:
            return value
    elif inspect.isfunction(function):

        def nothing(*_args: Any, **_kwargs: Any) -> Any:
            return value
    else:
        raise TypeError(f"{target} is no function")
    replacement: Any = staticmethod(nothing) if isinstance(original, staticmethod) else nothing
    setattr(owner, name, replacement)


def pytest_configure() -> None:
    for target in filter(None, os.environ.get(VARIABLE, "").split(";")):
        switch_off(target)
