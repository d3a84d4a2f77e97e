"""How people stand to one another."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint

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
        # Who is blocked is not told, by their export either.
        also_exported=False,
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
        # That somebody has your number is told, not who.
        hidden_from_others=("owner_id", "added_ms"),
        source="the person's own address book, with their word that they may give it",
        source_of_others="the address book of somebody who uses the service (third party)",
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

friend_link = Table(
    "friend_link",
    metadata,
    Column("id", String(32), primary_key=True),  # the token is made of it and the root key; it is stored in no form
    Column("owner_id", String(32), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False, index=True),
    Column("uses", Integer, nullable=False),
    Column("max_uses", Integer),  # None = as often as one likes until it expires
    info=personal(
        subject="owner_id",
        what="Links and QR codes that you made for others to become your friends",
        why=("provide",),
        keep_for="30 days after it expired, or until you delete it",
        category="friend_links",
        retention_days=30,
        retention_column="expires_ms",
    ),
)

meeting = Table(
    "meeting",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("one_id", String(32), nullable=False),
    Column("other_id", String(32), nullable=False),
    Column("mode", String(8), nullable=False),  # chat | video
    Column("conversation_id", String(32), nullable=False),
    Column("opened", Boolean, nullable=False),  # the conversation was opened for this meeting, and is shut when it ends
    Column("live_id", String(32)),  # None for a chat
    Column("met_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),  # None while they are together
    Index("ix_meeting_one", "one_id", "met_ms"),
    Index("ix_meeting_other", "other_id", "met_ms"),
    Index("ix_meeting_met", "met_ms"),
    info=personal(
        subject="one_id",
        also=("other_id",),
        what="When you met somebody new, by chat or video, and with whom",
        why=("provide", "safety"),
        keep_for="30 days",
        category="meetings",
        hidden=("opened",),
        retention_days=30,
        retention_column="met_ms",
    ),
)
