"""The data map as a thing to walk: which tables declare what, which rows are an account's, and what is wrong with a declaration."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, LargeBinary, MetaData, String, Table, or_

from livecore.data import Personal

# Columns of these names hold an account's id wherever they stand.
_ACCOUNT_COLUMN = re.compile(
    r"(?:^|_)(?:account|user|owner|host|author|sender|recipient|reporter|subject|actor|member|viewer|guest|friend|requester|blocker|"
    r"blocked|follower|followed|uploader|creator|inviter|peer)(?:_id)?$"
)
_ACCOUNT_WORDS = re.compile(r"_by$")


@dataclass(frozen=True)
class Declared:
    table: Table
    personal: Personal

    def column(self, name: str) -> Any:
        return self.table.c[name]

    def of_subject(self, account_id: str) -> ColumnElement[bool]:
        """The rows that are this account's own."""
        return self.column(self.personal.subject) == account_id  # type: ignore[no-any-return]  # a column compares to an expression

    def exported(self, account_id: str) -> ColumnElement[bool]:
        """The rows that the account's own export shows."""
        return self.naming(account_id) if self.personal.also_exported else self.of_subject(account_id)

    def naming(self, account_id: str) -> ColumnElement[bool]:
        """The rows that are this account's own or name it in another place."""
        return or_(*(self.column(name) == account_id for name in (self.personal.subject, *self.personal.also)))


def declared_tables(metadata: MetaData) -> Iterator[Declared]:
    """Personal tables, those that others refer to first."""
    for table in metadata.sorted_tables:
        found = table.info.get("personal")
        if isinstance(found, Personal):
            yield Declared(table, found)


def faults(metadata: MetaData) -> list[str]:
    """What is missing or wrong in the data map, a sentence each; empty when every table is declared soundly."""
    found: list[str] = []
    for table in metadata.sorted_tables:
        declared = table.info.get("personal")
        if isinstance(declared, Personal):
            found += _personal_faults(Declared(table, declared))
        elif not table.info.get("impersonal"):
            found.append(f"{table.name}: declares neither personal(…) nor impersonal(…)")
        else:
            found += [
                f"{table.name}.{column.name}: looks like an account's id, yet the table is declared impersonal"
                for column in table.columns
                if looks_like_account(column.name, column.type)
            ]
    return found


def looks_like_account(name: str, kind: object) -> bool:
    return isinstance(kind, String) and bool(_ACCOUNT_COLUMN.search(name) or _ACCOUNT_WORDS.search(name))


def _personal_faults(declared: Declared) -> Iterator[str]:
    table, personal = declared.table, declared.personal
    columns = table.columns.keys()
    for role in ("also", "hidden", "hidden_from_others", "sealed", "clear"):
        for name in getattr(personal, role):
            if name not in columns:
                yield f"{table.name}: {role} names {name}, which is no column"
    if personal.subject not in columns:
        yield f"{table.name}: subject names {personal.subject}, which is no column"
        return
    named = {personal.subject, *personal.also}
    for column in table.columns:
        if looks_like_account(column.name, column.type) and column.name not in named:
            yield f"{table.name}.{column.name}: looks like an account's id and is not in subject or also"
    for name in personal.sealed:
        if name in columns and not isinstance(table.c[name].type, LargeBinary):
            yield f"{table.name}.{name}: is declared sealed and is no LargeBinary"
    if personal.erase == "clear":
        if personal.subject not in personal.clear:
            yield f"{table.name}: erase='clear' leaves the subject {personal.subject} in place"
        for name in personal.clear:
            if name in columns and not table.c[name].nullable:
                yield f"{table.name}.{name}: is to be cleared and cannot be NULL"
    if (personal.retention_days is None) != (personal.retention_column is None):
        yield f"{table.name}: retention needs both its days and its column"
    elif personal.retention_column is not None:
        if personal.retention_column not in columns:
            yield f"{table.name}: retention names {personal.retention_column}, which is no column"
        elif not isinstance(table.c[personal.retention_column].type, BigInteger) or not personal.retention_column.endswith("_ms"):
            yield f"{table.name}.{personal.retention_column}: retention counts from a BigInteger of Unix milliseconds"
    if not personal.why:
        yield f"{table.name}: names no purpose"
