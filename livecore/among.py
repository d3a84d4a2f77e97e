"""`column IN (a set of values)` as one statement whatever the set's size, so that it is built and prepared once.

SQLite reads the set from JSON, PostgreSQL from an array.
"""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import ARRAY, ColumnElement, String, any_, bindparam, func, select


def among(dialect: str, column: Any, name: str) -> ColumnElement[bool]:
    """The condition; the value of the parameter `name` is made by `members`."""
    if dialect == "sqlite":
        values = func.json_each(bindparam(name, type_=String)).table_valued("value", name=f"{name}_set")
        return column.in_(select(values.c.value))  # type: ignore[no-any-return]
    return column == any_(bindparam(name, type_=ARRAY(String)))  # type: ignore[no-any-return]


def members(dialect: str, values: Iterable[str]) -> Any:
    return orjson.dumps(list(values)).decode() if dialect == "sqlite" else list(values)
