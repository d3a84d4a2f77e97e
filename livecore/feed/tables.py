"""Posts: what a person says to those who may read it."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from livecore.data import metadata, personal

post = Table(
    "post",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("author_id", String(32), nullable=False),
    Column("text", Text, nullable=False),
    Column("visibility", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("disabled_reason", String(200)),  # NULL unless taken down
    Column("idempotency", String(64), unique=True),  # NULL when the client gave no key
    Column("version", Integer, nullable=False, default=1),
    Index("ix_post_author_created", "author_id", "created_ms", "id"),
    Index("ix_post_created", "created_ms", "id"),
    info=personal(
        subject="author_id",
        what="posts: their text, when they were written and who may read them",
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
