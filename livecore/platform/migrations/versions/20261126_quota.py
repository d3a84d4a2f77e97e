"""what a day or longer limits is counted in one table of the store

Revises: e47a90c3d615
Made: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "c58a1e0f7d23"
down_revision = "e47a90c3d615"
branch_labels = None
depends_on = None


def _change(old: str, new: str) -> None:
    """What was counted so far is left behind: its hashes were made for the old table."""
    op.drop_table(old)
    op.create_table(
        new,
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("who", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hour_ms", sa.BigInteger(), nullable=False),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "who", "hour_ms", name=op.f(f"pk_{new}")),
    )
    with op.batch_alter_table(new, schema=None) as batch_op:
        batch_op.create_index(f"ix_{new}_hour", ["hour_ms"], unique=False)


def upgrade() -> None:
    _change("contact_quota", "quota")


def downgrade() -> None:
    _change("quota", "contact_quota")
