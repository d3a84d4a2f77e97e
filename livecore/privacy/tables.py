"""Tables of privacy: exports that were asked for, and accounts on their way out."""

from sqlalchemy import BigInteger, Column, Index, String, Table

from livecore.data import declare_objects, impersonal, metadata, personal

# The record outlives the file by some days, so that somebody who comes back is told that it has expired.
EXPORT_DAYS = 7

export = Table(
    "export",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False),
    Column("state", String(10), nullable=False),  # waiting, ready, failed, expired
    Column("requested_ms", BigInteger, nullable=False),
    Column("ready_ms", BigInteger),
    Column("expires_ms", BigInteger),
    Column("size_bytes", BigInteger),
    Index("ix_export_account_id_id", "account_id", "id"),
    info=personal(
        subject="account_id",
        what="when you asked for an export of your data, and its size",
        why=["operate"],
        keep_for=f"{EXPORT_DAYS} days",
        category="exports",
        retention_days=EXPORT_DAYS,
        retention_column="requested_ms",
    ),
)

EXPORTS = declare_objects(
    "exports/{account}/",
    what="The archive of an export that you asked for",
    why=["operate"],
    keep_for="until its link expires",
    category="exports",
)

erasure = Table(
    "erasure",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False, unique=True),
    Column("reason", String(12), nullable=False),  # requested, underage
    Column("requested_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("started_ms", BigInteger),  # None while it can be called back
    info=personal(
        subject="account_id",
        what="that your account is to be erased, and when",
        why=["operate"],
        keep_for="until the erasure is done",
        category="erasure",
        erase="keep",
        keep_reason="the order itself, without which an interrupted erasure could not go on; removed as its last step",
    ),
)

erasure_tombstone = Table(
    "erasure_tombstone",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("reason", String(12), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    info=impersonal("says that an account was erased, when and on which ground, and nothing of whose it was"),
)
