"""Views and watch time. Content is of any kind whose owner keeps `ports.Viewed`; ids are unique across kinds."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from livecore.data import impersonal, metadata, personal

content_view = Table(
    "content_view",
    metadata,
    Column("content_id", String(32), primary_key=True),
    Column("account_id", String(32), primary_key=True),
    Column("kind", String(8), nullable=False),  # video, post, live
    Column("views", Integer, nullable=False),
    Column("watched_ms", BigInteger, nullable=False),  # never more than the length of what was watched
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),  # of the last report: what comes next was watched since
    Column("counted_ms", BigInteger, nullable=False, server_default="0"),  # when the last view was counted
    Index("ix_content_view_account_last", "account_id", "last_ms"),
    info=personal(
        subject="account_id",
        what="which videos, posts and lives a person watched, how often and for how long",
        why=("provide", "understand", "customize"),
        keep_for="180 days after the last time",
        category="views",
        retention_days=180,
        retention_column="last_ms",
        source="observed by the service",
    ),
)

content_part = Table(
    "content_part",
    metadata,
    Column("content_id", String(32), primary_key=True),
    Column("part", Integer, primary_key=True),  # of PARTS equal ones; of a live its minute
    Column("watched_ms", BigInteger, nullable=False),
    info=impersonal("how long each part of a video and each minute of a live was watched by all viewers together"),
)

content_source = Table(
    "content_source",
    metadata,
    Column("content_id", String(32), primary_key=True),
    Column("source", String(12), primary_key=True),  # feed, profile, search, chat, link, other
    Column("views", Integer, nullable=False),
    info=impersonal("from which page a video, a post or a live was opened how often, by all viewers together"),
)
