"""feed choices, search, threads of comments, watch time

Revises: 86e587887b43
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

from livecore.platform.migrations import full_text

revision = "25ab32117ec6"
down_revision = "0c5b9eba53ce"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "comment_like",
        sa.Column("comment_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("video_id", sa.String(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("comment_id", "account_id", name=op.f("pk_comment_like")),
    )
    with op.batch_alter_table("comment_like", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_comment_like_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_comment_like_video_id"), ["video_id"], unique=False)

    op.create_table(
        "feed_choice",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("choice", sa.String(length=16), nullable=False),
        sa.Column("target_id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "choice", "target_id", name=op.f("pk_feed_choice")),
    )
    with op.batch_alter_table("feed_choice", schema=None) as batch_op:
        batch_op.create_index("ix_feed_choice_owner", ["owner_id"], unique=False)

    op.create_table(
        "search_entry",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("content_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_search_entry")),
        sa.UniqueConstraint("content_id", name=op.f("uq_search_entry_content_id")),
    )
    with op.batch_alter_table("search_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_search_entry_owner_id"), ["owner_id"], unique=False)

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
    with op.batch_alter_table("post", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tags", sa.Text(), server_default=sa.text("''"), nullable=False))
        batch_op.add_column(sa.Column("images", sa.Text(), server_default=sa.text("''"), nullable=False))
        batch_op.add_column(sa.Column("video_id", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("edited_ms", sa.BigInteger(), nullable=True))

    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tags", sa.Text(), server_default=sa.text("''"), nullable=False))
        batch_op.add_column(sa.Column("who_can_comment", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("watched_ms", sa.BigInteger(), server_default="0", nullable=False))

    with op.batch_alter_table("video_comment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent_id", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("likes", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("replies", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_index("ix_video_comment_thread", ["video_id", "parent_id", "id"], unique=False)

    with op.batch_alter_table("video_view", schema=None) as batch_op:
        batch_op.add_column(sa.Column("counted_ms", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.create_index("ix_video_view_account_last", ["account_id", "last_ms"], unique=False)

    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in full_text.sqlite_statements() if is_sqlite else full_text.postgresql_statements():
        op.execute(sa.text(statement.replace(":", r"\:")))
    for statement in full_text.filling():
        op.execute(statement)


def downgrade() -> None:
    for statement in full_text.dropping(op.get_bind().dialect.name):
        op.execute(statement)

    with op.batch_alter_table("video_view", schema=None) as batch_op:
        batch_op.drop_index("ix_video_view_account_last")
        batch_op.drop_column("counted_ms")

    with op.batch_alter_table("video_comment", schema=None) as batch_op:
        batch_op.drop_index("ix_video_comment_thread")
        batch_op.drop_column("replies")
        batch_op.drop_column("likes")
        batch_op.drop_column("parent_id")

    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.drop_column("watched_ms")
        batch_op.drop_column("who_can_comment")
        batch_op.drop_column("tags")

    with op.batch_alter_table("post", schema=None) as batch_op:
        batch_op.drop_column("edited_ms")
        batch_op.drop_column("video_id")
        batch_op.drop_column("images")
        batch_op.drop_column("tags")

    op.drop_table("video_source")
    op.drop_table("video_part")
    with op.batch_alter_table("search_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_search_entry_owner_id"))

    op.drop_table("search_entry")
    with op.batch_alter_table("feed_choice", schema=None) as batch_op:
        batch_op.drop_index("ix_feed_choice_owner")

    op.drop_table("feed_choice")
    with op.batch_alter_table("comment_like", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_comment_like_video_id"))
        batch_op.drop_index(batch_op.f("ix_comment_like_account_id"))

    op.drop_table("comment_like")
