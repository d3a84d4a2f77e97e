"""views of posts and lives

Revises: c58a1e0f7d23
Made: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "7c2e5b9d4a18"
down_revision = "c58a1e0f7d23"
branch_labels = None
depends_on = None

_COUNTED = ("views", "watched_ms", "first_ms", "last_ms", "counted_ms")


def upgrade() -> None:
    """Views of videos go on as views of any content."""
    op.create_table(
        "content_view",
        sa.Column("content_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.Column("watched_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("counted_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("content_id", "account_id", name=op.f("pk_content_view")),
    )
    op.create_table(
        "content_part",
        sa.Column("content_id", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("watched_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", "part", name=op.f("pk_content_part")),
    )
    op.create_table(
        "content_source",
        sa.Column("content_id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", "source", name=op.f("pk_content_source")),
    )
    counted = ", ".join(_COUNTED)
    op.execute(
        f"INSERT INTO content_view (content_id, account_id, kind, {counted}) SELECT video_id, account_id, 'video', {counted} FROM video_view"
    )
    op.execute("INSERT INTO content_part (content_id, part, watched_ms) SELECT video_id, part, watched_ms FROM video_part")
    op.execute("INSERT INTO content_source (content_id, source, views) SELECT video_id, source, views FROM video_source")
    op.create_index("ix_content_view_account_last", "content_view", ["account_id", "last_ms"], unique=False)
    for table in ("video_view", "video_part", "video_source"):
        op.drop_table(table)
    for table in ("post", "live"):
        op.add_column(table, sa.Column("views", sa.Integer(), server_default="0", nullable=False))
        op.add_column(table, sa.Column("watched_ms", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    for table in ("live", "post"):
        op.drop_column(table, "watched_ms")
        op.drop_column(table, "views")
    op.create_table(
        "video_view",
        sa.Column("video_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.Column("watched_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("counted_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("video_id", "account_id", name=op.f("pk_video_view")),
    )
    op.create_index("ix_video_view_account_id", "video_view", ["account_id"], unique=False)
    op.create_index("ix_video_view_account_last", "video_view", ["account_id", "last_ms"], unique=False)
    op.create_table(
        "video_part",
        sa.Column("video_id", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("watched_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("video_id", "part", name=op.f("pk_video_part")),
    )
    op.create_table(
        "video_source",
        sa.Column("video_id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("video_id", "source", name=op.f("pk_video_source")),
    )
    counted = ", ".join(_COUNTED)
    of_videos = "WHERE content_id IN (SELECT id FROM video)"
    op.execute(
        f"INSERT INTO video_view (video_id, account_id, {counted}) SELECT content_id, account_id, {counted} FROM content_view WHERE kind = 'video'"
    )
    op.execute(f"INSERT INTO video_part (video_id, part, watched_ms) SELECT content_id, part, watched_ms FROM content_part {of_videos}")
    op.execute(f"INSERT INTO video_source (video_id, source, views) SELECT content_id, source, views FROM content_source {of_videos}")
    for table in ("content_view", "content_part", "content_source"):
        op.drop_table(table)
