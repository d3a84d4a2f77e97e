"""held content

Revises: b7c0d5a1f2e4
Made: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "c1d95e07b3f2"
down_revision = "b7c0d5a1f2e4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "held_content",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("deleted_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_held_content")),
    )
    with op.batch_alter_table("held_content", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_held_content_owner_id"), ["owner_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("held_content", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_held_content_owner_id"))

    op.drop_table("held_content")
