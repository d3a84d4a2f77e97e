"""end of a replay

Revises: 5c5e019a1b34
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "0c5b9eba53ce"
down_revision = "5c5e019a1b34"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.add_column(sa.Column("expires_ms", sa.BigInteger(), nullable=True))
        batch_op.create_index(batch_op.f("ix_video_expires_ms"), ["expires_ms"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_video_expires_ms"))
        batch_op.drop_column("expires_ms")
