"""ends of recordings

Revises: e3d8ad417419
Made: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "7c20b4e6a9d1"
down_revision = "e3d8ad417419"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("live", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recording_failure", sa.String(length=20), nullable=True))
    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recording_end", sa.String(length=20), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.drop_column("recording_end")
    with op.batch_alter_table("live", schema=None) as batch_op:
        batch_op.drop_column("recording_failure")
