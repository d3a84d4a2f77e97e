"""codec of a live

Revises: e98482190040
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "5c5e019a1b34"
down_revision = "e98482190040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("live", schema=None) as batch_op:
        batch_op.add_column(sa.Column("codec", sa.String(length=8), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("live", schema=None) as batch_op:
        batch_op.drop_column("codec")
