"""Posts: what a person says to those who may read it; what a person does not want to see; the text by which things are found."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, text

from livecore.data import metadata, personal

post = Table(
    "post",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("author_id", String(32), nullable=False),
    Column("text", Text, nullable=False),
    Column("visibility", String(16), nullable=False),
    Column("tags", Text, nullable=False, server_default=text("''")),  # of the text, parted by spaces (livecore.wording)
    Column("images", Text, nullable=False, server_default=text("''")),  # ids in the order in which they are shown, parted by spaces
    Column("video_id", String(32)),  # a video of the author's that it shows; NULL when none
    Column("who_can_comment", String(16)),  # NULL: as its author's setting says
    Column("views", Integer, nullable=False, server_default="0"),
    Column("watched_ms", BigInteger, nullable=False, server_default="0"),  # by all viewers together
    Column("likes", Integer, nullable=False, server_default="0"),
    Column("comments", Integer, nullable=False, server_default="0"),
    Column("shares", Integer, nullable=False, server_default="0"),
    Column("created_ms", BigInteger, nullable=False),
    Column("edited_ms", BigInteger),  # NULL until its text was changed
    Column("disabled_reason", String(200)),  # NULL unless taken down
    Column("idempotency", String(64), unique=True),  # NULL when the client gave no key
    Column("version", Integer, nullable=False, default=1),
    Index("ix_post_author_created", "author_id", "created_ms", "id"),
    Index("ix_post_created", "created_ms", "id"),
    info=personal(
        subject="author_id",
        what="posts: their text, when they were written, who may read them, and how often they were seen, liked, commented on and shared",
        why=("provide",),
        keep_for="until the person deletes the post, or the life of the account",
        category="posts",
        hidden=("idempotency",),
    ),
)

content_share = Table(
    "content_share",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(8), nullable=False),  # live, post
    Column("content_id", String(32), nullable=False),
    Column("actor_id", String(32), nullable=False, index=True),
    Column("channel", String(16), nullable=False),  # friend, group, broadcast, link
    Column("created_ms", BigInteger, nullable=False),
    Column("idempotency", String(64), nullable=False, unique=True),
    Index("ix_content_share_content", "kind", "content_id"),
    info=personal(
        subject="actor_id",
        what="which lives and posts a person shared, when, and by which kind of channel; not with whom",
        why=("provide", "understand"),
        keep_for="the life of the account",
        category="content_shares",
        hidden=("idempotency",),
    ),
)

feed_choice = Table(
    "feed_choice",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("choice", String(16), primary_key=True),  # hide, not_interested: an item; mute: a person
    Column("target_id", String(32), primary_key=True),  # of the item or the account
    Column("owner_id", String(32), nullable=False),  # whose it is; for a person the same id
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_feed_choice_owner", "owner_id"),
    info=personal(
        subject="account_id",
        also=("owner_id",),
        what="what a person does not want to see in the feed",
        why=("provide", "customize"),
        keep_for="until the person takes it back, or the life of the account",
        category="feed_choices",
    ),
)

search_entry = Table(
    "search_entry",
    metadata,
    # In the order of coming: a search reads from the newest backwards.
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("content_id", String(32), nullable=False, unique=True),
    Column("kind", String(8), nullable=False),
    Column("owner_id", String(32), nullable=False, index=True),
    Column("visibility", String(16), nullable=False),
    Column("is_open", Boolean, nullable=False),  # ready and not taken down
    Column("text", Text, nullable=False),
    Column("tags", Text, nullable=False),
    info=personal(
        subject="owner_id",
        what="the words of posts and of videos' titles, so that they are found",
        why=("provide",),
        keep_for="as long as the post or the video",
        category=None,
        export_reason="the same words are in the categories posts and videos",
    ),
)
