"""The schema's root and the data map: what is kept about people, why, how long, and how it leaves.

Every table hangs on `metadata` and says in its `info` whether it holds personal data. `personal(...)` is the
one source for `GET /api/v1/policies/data-map`, for export, erasure and retention; a test walks the schema and
fails on a table that says nothing. Objects in the store and keys on the bus are declared with `declare_objects`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Purpose = Literal["operate", "provide", "improve", "understand", "customize", "support", "market", "safety", "legal"]

# What erasure does with a table's rows of one account:
#   delete  rows whose `subject` (or one of `also`) is the account are deleted
#   clear   the row stays for others (a counter, a conversation's order); `clear` columns are set to NULL
#   keep    nothing: `keep_reason` says on which ground (legal hold, audit commitments, tombstones)
Erase = Literal["delete", "clear", "keep"]


@dataclass(frozen=True)
class Personal:
    """One declaration. `subject` names the column that holds the account's id.

    Attributes:
        what: the data in words a person understands.
        why: purposes, as the policy names them.
        keep_for: in words ("the life of the account", "30 days"); `retention_days` and `retention_column`
            (a `..._ms` column) make it happen, None = ends with the account.
        category: the export's category (file name in the archive); None = not exported, `export_reason` says why.
        hidden: columns that an export leaves out (hashes, indexes, other people's data).
        sealed: columns sealed under the account's key, with the context given as "table.column".
        also_exported: whether rows in which `also` names the account are in its export: not a block that somebody else made.
        hidden_from_others: columns left out of such rows (whose address book it was).
        source_of_others: where such rows come from, said in each of them.
        also: further columns that may name the account (the other side of a friendship).
    """

    subject: str
    what: str
    why: tuple[Purpose, ...]
    keep_for: str
    category: str | None
    erase: Erase = "delete"
    also: tuple[str, ...] = ()
    also_exported: bool = True
    hidden_from_others: tuple[str, ...] = ()
    source_of_others: str | None = None
    hidden: tuple[str, ...] = ()
    sealed: tuple[str, ...] = ()
    clear: tuple[str, ...] = ()
    retention_days: int | None = None
    retention_column: str | None = None
    keep_reason: str | None = None
    export_reason: str | None = None
    source: str = "given by the person"


def personal(
    *,
    subject: str,
    what: str,
    why: Sequence[Purpose],
    keep_for: str,
    category: str | None,
    **more: Any,
) -> dict[str, Any]:
    """The `info` of a table that holds personal data. See `Personal` for the arguments."""
    declared = Personal(subject=subject, what=what, why=tuple(why), keep_for=keep_for, category=category, **more)
    if declared.erase == "keep" and not declared.keep_reason:
        raise ValueError("erase='keep' needs keep_reason")
    if declared.category is None and not declared.export_reason:
        raise ValueError("category=None needs export_reason")
    return {"personal": declared}


def impersonal(reason: str) -> dict[str, Any]:
    """The `info` of a table that holds nothing about a person, with the reason why that is so."""
    return {"impersonal": reason}


@dataclass(frozen=True)
class PersonalObjects:
    """Objects in the store under `prefix` (a format with `{account}`): erased with the account, exported as media."""

    prefix: str
    what: str
    why: tuple[Purpose, ...]
    keep_for: str
    category: str


@dataclass
class DataMap:
    objects: list[PersonalObjects] = field(default_factory=list)


data_map = DataMap()


def declare_objects(prefix: str, *, what: str, why: Sequence[Purpose], keep_for: str, category: str) -> str:
    """Declare a prefix of the object store and answer it, so that the code that writes there uses the declared one."""
    if "{account}" not in prefix:
        raise ValueError("a prefix of personal objects names its account")
    data_map.objects.append(PersonalObjects(prefix, what, tuple(why), keep_for, category))
    return prefix
