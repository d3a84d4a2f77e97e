"""suspensions have an end

Revises: 15f9fdb89322
Made: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "6d2c41c0a7be"
down_revision = "15f9fdb89322"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("suspended_until_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_column("suspended_until_ms")
