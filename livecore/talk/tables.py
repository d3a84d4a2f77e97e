"""Comments and likes. Content is of any kind whose owner keeps `ports.Discussed`; ids are unique across kinds."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from livecore.data import metadata, personal

content_comment = Table(
    "content_comment",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(8), nullable=False),  # video, post
    Column("content_id", String(32), nullable=False),
    Column("author_id", String(32), nullable=False),
    Column("parent_id", String(32)),  # the comment that this one answers, itself under the content; NULL for those
    Column("text", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("likes", Integer, nullable=False, server_default="0"),
    Column("replies", Integer, nullable=False, server_default="0"),
    Column("disabled_reason", String(200)),  # NULL unless taken down
    Column("idempotency", String(64), unique=True),  # NULL when the client gave no key
    Index("ix_content_comment_newest", "content_id", "id"),
    Index("ix_content_comment_thread", "content_id", "parent_id", "id"),
    Index("ix_content_comment_author", "author_id", "content_id"),
    info=personal(
        subject="author_id",
        what="comments that a person wrote under videos and posts",
        why=("provide",),
        keep_for="until the comment or what it is about is deleted, or the life of the account",
        category="comments",
        hidden=("idempotency",),
    ),
)

comment_like = Table(
    "comment_like",
    metadata,
    Column("comment_id", String(32), primary_key=True),
    Column("account_id", String(32), primary_key=True, index=True),
    Column("content_id", String(32), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    info=personal(
        subject="account_id",
        what="which comments a person likes",
        why=("provide",),
        keep_for="until the person takes the like back, or the life of the account",
        category="likes_of_comments",
    ),
)

content_like = Table(
    "content_like",
    metadata,
    Column("content_id", String(32), primary_key=True),
    Column("account_id", String(32), primary_key=True, index=True),
    Column("kind", String(8), nullable=False),  # video, post
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_content_like_newest", "content_id", "created_ms", "account_id"),
    info=personal(
        subject="account_id",
        what="which videos and posts a person likes",
        why=("provide",),
        keep_for="until the person takes the like back, or the life of the account",
        category="likes",
    ),
)
