"""How people stand to one another."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, UniqueConstraint

from livecore.data import metadata, personal

friendship = Table(
    "friendship",
    metadata,
    # Two rows a friendship, one each way: a person's friends are one range of the key.
    Column("account_id", String(32), primary_key=True),
    Column("friend_id", String(32), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Index("ix_friendship_friend", "friend_id"),
    info=personal(
        subject="account_id",
        also=("friend_id",),
        what="Friendships",
        why=("provide",),
        keep_for="until ended",
        category="friends",
    ),
)

friend_request = Table(
    "friend_request",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("sender_id", String(32), nullable=False),
    Column("receiver_id", String(32), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    # Declined requests stay, so that the sender is not told and does not ask again at once.
    Column("declined_ms", BigInteger),
    UniqueConstraint("sender_id", "receiver_id"),
    Index("ix_friend_request_receiver", "receiver_id", "id"),
    info=personal(
        subject="sender_id",
        also=("receiver_id",),
        what="Friend requests sent and received",
        why=("provide", "safety"),
        keep_for="until answered; 30 days after a refusal",
        category="friend_requests",
        hidden=("declined_ms",),
        retention_days=30,
        retention_column="declined_ms",
    ),
)

block = Table(
    "block",
    metadata,
    Column("blocker_id", String(32), primary_key=True),
    Column("blocked_id", String(32), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_block_blocked", "blocked_id"),
    info=personal(
        subject="blocker_id",
        also=("blocked_id",),
        what="People blocked",
        why=("provide", "safety"),
        keep_for="until unblocked",
        category="blocks",
    ),
)

follow = Table(
    "follow",
    metadata,
    Column("follower_id", String(32), primary_key=True),
    Column("followed_id", String(32), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_follow_followed", "followed_id"),
    info=personal(
        subject="follower_id",
        also=("followed_id",),
        what="People followed",
        why=("provide",),
        keep_for="until ended",
        category="follows",
    ),
)

contact = Table(
    "contact",
    metadata,
    Column("owner_id", String(32), primary_key=True),
    Column("phone_hash", LargeBinary(32), primary_key=True),
    Column("account_id", String(32)),  # who confirmed this number; None while nobody has
    Column("name", LargeBinary),  # as the owner calls them
    Column("added_ms", BigInteger, nullable=False),
    Index("ix_contact_phone_hash", "phone_hash"),
    Index("ix_contact_account", "account_id", "owner_id"),
    info=personal(
        subject="owner_id",
        also=("account_id",),
        what="Address book: keyed hashes of phone numbers, and names given to those who are here",
        why=("provide",),
        keep_for="until removed",
        category="contacts",
        hidden=("phone_hash",),
        sealed=("name",),
        source="from the person's address book, with their word that they may; about others: from somebody's address book",
    ),
)

contact_consent = Table(
    "contact_consent",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("text_version", String(20), nullable=False),
    Column("network", String(50), nullable=False),  # /24 or /48
    info=personal(
        subject="account_id",
        what="When one confirmed to be authorised to give numbers of others, in which words, from which network",
        why=("legal",),
        keep_for="the life of the account",
        category="contact_consents",
    ),
)
