"""shares and live moderators

Revises: 71f852f6e009
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "a967cfc2bffe"
down_revision = "71f852f6e009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "content_share",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("content_id", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("idempotency", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_share")),
        sa.UniqueConstraint("idempotency", name=op.f("uq_content_share_idempotency")),
    )
    with op.batch_alter_table("content_share", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_content_share_actor_id"), ["actor_id"], unique=False)
        batch_op.create_index("ix_content_share_content", ["kind", "content_id"], unique=False)

    op.create_table(
        "live_moderator",
        sa.Column("live_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("live_id", "account_id", name=op.f("pk_live_moderator")),
    )
    with op.batch_alter_table("live_moderator", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_live_moderator_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_live_moderator_created_ms"), ["created_ms"], unique=False)

    with op.batch_alter_table("live_restriction", schema=None) as batch_op:
        batch_op.add_column(sa.Column("until_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("live_restriction", schema=None) as batch_op:
        batch_op.drop_column("until_ms")

    with op.batch_alter_table("live_moderator", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_live_moderator_created_ms"))
        batch_op.drop_index(batch_op.f("ix_live_moderator_account_id"))

    op.drop_table("live_moderator")
    with op.batch_alter_table("content_share", schema=None) as batch_op:
        batch_op.drop_index("ix_content_share_content")
        batch_op.drop_index(batch_op.f("ix_content_share_actor_id"))

    op.drop_table("content_share")
