"""attachments by upload

Revises: 25ab32117ec6
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "c603c6745c58"
down_revision = "25ab32117ec6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.add_column(sa.Column("conversation_id", sa.String(length=32), nullable=True))
        batch_op.alter_column("purpose", existing_type=sa.VARCHAR(length=8), type_=sa.String(length=16), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.alter_column("purpose", existing_type=sa.String(length=16), type_=sa.VARCHAR(length=8), existing_nullable=False)
        batch_op.drop_column("conversation_id")
