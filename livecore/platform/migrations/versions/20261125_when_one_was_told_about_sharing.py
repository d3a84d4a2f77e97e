"""when one was told about sharing

Revises: 7edee7607df8
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "e98482190040"
down_revision = "7edee7607df8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sharing_told",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_sharing_told")),
    )


def downgrade() -> None:
    op.drop_table("sharing_told")
