"""Public keys only; the private halves never leave a device."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from livecore.data import metadata, personal

device_keys = Table(
    "device_keys",
    metadata,
    Column("device_id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False, index=True),
    Column("identity_key", LargeBinary(32), nullable=False),  # Ed25519
    Column("agreement_key", LargeBinary(32), nullable=False),  # X25519
    Column("agreement_signature", LargeBinary(64), nullable=False),
    Column("prekey_id", Integer, nullable=False),
    Column("prekey", LargeBinary(32), nullable=False),  # X25519
    Column("prekey_signature", LargeBinary(64), nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    info=personal(
        subject="account_id",
        what="Public keys of a device for end-to-end encryption",
        why=("provide", "safety"),
        keep_for="until the device signs out",
        category="encryption_keys",
    ),
)

one_time_key = Table(
    "one_time_key",
    metadata,
    Column("device_id", String(32), primary_key=True),
    Column("key_id", Integer, primary_key=True),
    Column("account_id", String(32), nullable=False),
    Column("public", LargeBinary(32), nullable=False),  # X25519
    Index("ix_one_time_key_account", "account_id"),
    info=personal(
        subject="account_id",
        what="Public one-time keys of a device for end-to-end encryption",
        why=("provide", "safety"),
        keep_for="until one is used, or the device signs out",
        category="one_time_keys",
    ),
)
