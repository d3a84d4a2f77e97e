"""uses of idempotency keys

Revises: 6d2c41c0a7be
Made: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "a41f7e03b9d5"
down_revision = "6d2c41c0a7be"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_use",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("request", sa.LargeBinary(length=16), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_use")),
    )
    with op.batch_alter_table("idempotency_use", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_use_at_ms"), ["at_ms"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("idempotency_use", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_use_at_ms"))

    op.drop_table("idempotency_use")
