"""When an account was last here, and the status that it chose."""

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

chosen_status = Table(
    "chosen_status",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("text", String(200)),
    info=personal(
        subject="account_id",
        what="the status that a person chose (away, busy, invisible) and its words",
        why=("provide",),
        keep_for="until it is changed, at most the life of the account",
        category="status",
    ),
)
