"""keys of devices

Revises: 735dd9de8a5e
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "226fdeace6d8"
down_revision = "735dd9de8a5e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device_keys",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("identity_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("agreement_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("agreement_signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("prekey_id", sa.Integer(), nullable=False),
        sa.Column("prekey", sa.LargeBinary(length=32), nullable=False),
        sa.Column("prekey_signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_keys")),
    )
    with op.batch_alter_table("device_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_keys_account_id"), ["account_id"], unique=False)

    op.create_table(
        "one_time_key",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("public", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "key_id", name=op.f("pk_one_time_key")),
    )
    with op.batch_alter_table("one_time_key", schema=None) as batch_op:
        batch_op.create_index("ix_one_time_key_account", ["account_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("one_time_key", schema=None) as batch_op:
        batch_op.drop_index("ix_one_time_key_account")

    op.drop_table("one_time_key")
    with op.batch_alter_table("device_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_device_keys_account_id"))

    op.drop_table("device_keys")
