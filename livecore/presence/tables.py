"""When an account was last here."""

from sqlalchemy import BigInteger, Column, String, Table

from livecore.data import metadata, personal

last_seen = Table(
    "last_seen",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    info=personal(
        subject="account_id",
        what="when a person was last connected",
        why=("provide",),
        keep_for="the life of the account",
        category="last_seen",
    ),
)
