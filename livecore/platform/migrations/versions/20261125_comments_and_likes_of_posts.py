"""comments and likes of posts

Revises: c603c6745c58
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "7ac0b6fa51ae"
down_revision = "c603c6745c58"
branch_labels = None
depends_on = None


_COMMENT = "id, author_id, parent_id, text, created_ms, likes, replies, disabled_reason, idempotency"


def upgrade() -> None:
    op.create_table(
        "content_comment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("content_id", sa.String(length=32), nullable=False),
        sa.Column("author_id", sa.String(length=32), nullable=False),
        sa.Column("parent_id", sa.String(length=32), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("likes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("replies", sa.Integer(), server_default="0", nullable=False),
        sa.Column("disabled_reason", sa.String(length=200), nullable=True),
        sa.Column("idempotency", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_comment")),
        sa.UniqueConstraint("idempotency", name=op.f("uq_content_comment_idempotency")),
    )
    op.create_index("ix_content_comment_author", "content_comment", ["author_id", "content_id"])
    op.create_index("ix_content_comment_newest", "content_comment", ["content_id", "id"])
    op.create_index("ix_content_comment_thread", "content_comment", ["content_id", "parent_id", "id"])
    op.execute(f"INSERT INTO content_comment (kind, content_id, {_COMMENT}) SELECT 'video', video_id, {_COMMENT} FROM video_comment")
    op.drop_table("video_comment")

    op.create_table(
        "content_like",
        sa.Column("content_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", "account_id", name=op.f("pk_content_like")),
    )
    op.create_index(op.f("ix_content_like_account_id"), "content_like", ["account_id"])
    op.create_index("ix_content_like_newest", "content_like", ["content_id", "created_ms", "account_id"])
    op.execute(
        "INSERT INTO content_like (kind, content_id, account_id, created_ms) SELECT 'video', video_id, account_id, created_ms FROM video_like"
    )
    op.drop_table("video_like")

    op.drop_index(op.f("ix_comment_like_video_id"), "comment_like")
    op.execute("ALTER TABLE comment_like RENAME COLUMN video_id TO content_id")
    op.create_index(op.f("ix_comment_like_content_id"), "comment_like", ["content_id"])

    op.add_column("image", sa.Column("alt", sa.String(length=500), server_default=sa.text("''"), nullable=False))

    # No batch: a table made anew would lose the triggers of the full-text index.
    op.add_column("post", sa.Column("who_can_comment", sa.String(length=16), nullable=True))
    op.add_column("post", sa.Column("likes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("post", sa.Column("comments", sa.Integer(), server_default="0", nullable=False))
    op.add_column("post", sa.Column("shares", sa.Integer(), server_default="0", nullable=False))
    shared = "SELECT content_id FROM content_share WHERE kind = 'post'"
    counted = "SELECT count(*) FROM content_share WHERE kind = 'post' AND content_id = post.id"
    op.execute(f"UPDATE post SET shares = ({counted}) WHERE id IN ({shared})")


def downgrade() -> None:
    for name in ("shares", "comments", "likes", "who_can_comment"):
        op.drop_column("post", name)
    op.drop_column("image", "alt")

    op.execute("DELETE FROM comment_like WHERE content_id NOT IN (SELECT id FROM video)")
    op.drop_index(op.f("ix_comment_like_content_id"), "comment_like")
    op.execute("ALTER TABLE comment_like RENAME COLUMN content_id TO video_id")
    op.create_index(op.f("ix_comment_like_video_id"), "comment_like", ["video_id"])

    op.create_table(
        "video_comment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("video_id", sa.String(length=32), nullable=False),
        sa.Column("author_id", sa.String(length=32), nullable=False),
        sa.Column("parent_id", sa.String(length=32), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("likes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("replies", sa.Integer(), server_default="0", nullable=False),
        sa.Column("disabled_reason", sa.String(length=200), nullable=True),
        sa.Column("idempotency", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_comment")),
        sa.UniqueConstraint("idempotency", name=op.f("uq_video_comment_idempotency")),
    )
    op.create_index(op.f("ix_video_comment_author_id"), "video_comment", ["author_id"])
    op.create_index("ix_video_comment_video", "video_comment", ["video_id", "id"])
    op.create_index("ix_video_comment_thread", "video_comment", ["video_id", "parent_id", "id"])
    op.execute(f"INSERT INTO video_comment (video_id, {_COMMENT}) SELECT content_id, {_COMMENT} FROM content_comment WHERE kind = 'video'")
    op.drop_table("content_comment")

    op.create_table(
        "video_like",
        sa.Column("video_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("video_id", "account_id", name=op.f("pk_video_like")),
    )
    op.create_index(op.f("ix_video_like_account_id"), "video_like", ["account_id"])
    op.execute(
        "INSERT INTO video_like (video_id, account_id, created_ms) SELECT content_id, account_id, created_ms FROM content_like "
        "WHERE kind = 'video'"
    )
    op.drop_table("content_like")
