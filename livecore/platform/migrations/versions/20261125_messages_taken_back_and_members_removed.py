"""messages taken back and members removed

Revises: 7ac0b6fa51ae
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "962deb76303b"
down_revision = "7ac0b6fa51ae"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversation_removed",
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "account_id", name=op.f("pk_conversation_removed")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("conversation_removed", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversation_removed_account_id"), ["account_id"], unique=False)

    with op.batch_alter_table("sent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("taken_back", sa.Boolean(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("sent", schema=None) as batch_op:
        batch_op.drop_column("taken_back")

    with op.batch_alter_table("conversation_removed", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversation_removed_account_id"))

    op.drop_table("conversation_removed")
