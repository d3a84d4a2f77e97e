"""chosen status

Revises: a41f7e03b9d5
Made: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = "e3d8ad417419"
down_revision = "a41f7e03b9d5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chosen_status",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_chosen_status")),
    )


def downgrade() -> None:
    op.drop_table("chosen_status")
