"""calls

Revises: 3cbe18244467
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "7edee7607df8"
down_revision = "3cbe18244467"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "voice_call",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("caller_id", sa.String(length=32), nullable=False),
        sa.Column("callee_id", sa.String(length=32), nullable=False),
        sa.Column("video", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("live_id", sa.String(length=32), nullable=True),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=12), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voice_call")),
    )
    with op.batch_alter_table("voice_call", schema=None) as batch_op:
        batch_op.create_index("ix_voice_call_callee", ["callee_id", "id"], unique=False)
        batch_op.create_index("ix_voice_call_caller", ["caller_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_voice_call_live_id"), ["live_id"], unique=False)
        batch_op.create_index("ix_voice_call_state", ["state", "began_ms"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("voice_call", schema=None) as batch_op:
        batch_op.drop_index("ix_voice_call_state")
        batch_op.drop_index(batch_op.f("ix_voice_call_live_id"))
        batch_op.drop_index("ix_voice_call_caller")
        batch_op.drop_index("ix_voice_call_callee")

    op.drop_table("voice_call")
