"""how many numbers address books brought is counted in the store

Revises: 7c20b4e6a9d1
Made: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "b7c0d5a1f2e4"
down_revision = "7c20b4e6a9d1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact_quota",
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("who", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hour_ms", sa.BigInteger(), nullable=False),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "who", "hour_ms", name=op.f("pk_contact_quota")),
    )
    with op.batch_alter_table("contact_quota", schema=None) as batch_op:
        batch_op.create_index("ix_contact_quota_hour", ["hour_ms"], unique=False)


def downgrade() -> None:
    op.drop_table("contact_quota")
