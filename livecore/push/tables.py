"""Where a device may be woken."""

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table

from livecore.data import metadata, personal

push_subscription = Table(
    "push_subscription",
    metadata,
    Column("device_id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False, index=True),
    # Whoever knows it may wake the device, and it names the browser's maker: nobody here needs to read it.
    Column("endpoint", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("pushed_ms", BigInteger, nullable=False),  # woken for everything up to this time; its beginning counts as such
    info=personal(
        subject="account_id",
        what="Addresses at which a device may be woken by its browser's push service",
        why=("provide",),
        keep_for="until switched off, refused by the push service, or the device signs out",
        category="push_subscriptions",
        sealed=("endpoint",),
    ),
)
