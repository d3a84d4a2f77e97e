"""Owners and links of groups, timers, marks of a member's own, attachments

Revises: 226fdeace6d8
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "86e587887b43"
down_revision = "226fdeace6d8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("client_key", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attachment_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_attachment_conversation_id"), ["conversation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_attachment_expires_ms"), ["expires_ms"], unique=False)
        batch_op.create_index("ix_attachment_message", ["account_id", "client_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_attachment_object_id"), ["object_id"], unique=False)

    op.create_table(
        "attachment_kept",
        sa.Column("attachment_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("attachment_id", "account_id", "device_id", name=op.f("pk_attachment_kept")),
    )
    with op.batch_alter_table("attachment_kept", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attachment_kept_account_id"), ["account_id"], unique=False)

    op.create_table(
        "attachment_object",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=120), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment_object")),
    )
    op.create_table(
        "conversation_invite",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("uses_limit", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_invite")),
    )
    with op.batch_alter_table("conversation_invite", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversation_invite_conversation_id"), ["conversation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_conversation_invite_created_by"), ["created_by"], unique=False)
        batch_op.create_index(batch_op.f("ix_conversation_invite_expires_ms"), ["expires_ms"], unique=False)

    op.create_table(
        "conversation_picture",
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.Column("set_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_conversation_picture")),
    )
    with op.batch_alter_table("conversation_picture", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversation_picture_account_id"), ["account_id"], unique=False)

    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("timer_s", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_conversation_timer_s"), ["timer_s"], unique=False)

    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.add_column(sa.Column("silenced_ms", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("muted_until_ms", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("archived_ms", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("pinned_ms", sa.BigInteger(), nullable=True))

    with op.batch_alter_table("sent", schema=None) as batch_op:
        batch_op.create_index("ix_sent_conversation", ["conversation_id", "seq"], unique=False)

    # Who began a group is its owner; where they are gone, the admin who is there longest.
    op.execute(
        "UPDATE member SET role = 'owner' WHERE role = 'admin' AND account_id = (SELECT m.account_id FROM member m"
        " JOIN conversation c ON c.id = m.conversation_id WHERE m.conversation_id = member.conversation_id AND m.role = 'admin'"
        " ORDER BY CASE WHEN m.account_id = c.created_by THEN 0 ELSE 1 END, m.joined_ms, m.account_id LIMIT 1)"
    )


def downgrade() -> None:
    op.execute("UPDATE member SET role = 'admin' WHERE role = 'owner'")
    with op.batch_alter_table("sent", schema=None) as batch_op:
        batch_op.drop_index("ix_sent_conversation")

    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.drop_column("pinned_ms")
        batch_op.drop_column("archived_ms")
        batch_op.drop_column("muted_until_ms")
        batch_op.drop_column("silenced_ms")

    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversation_timer_s"))
        batch_op.drop_column("timer_s")

    with op.batch_alter_table("conversation_picture", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversation_picture_account_id"))

    op.drop_table("conversation_picture")
    with op.batch_alter_table("conversation_invite", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversation_invite_expires_ms"))
        batch_op.drop_index(batch_op.f("ix_conversation_invite_created_by"))
        batch_op.drop_index(batch_op.f("ix_conversation_invite_conversation_id"))

    op.drop_table("conversation_invite")
    op.drop_table("attachment_object")
    with op.batch_alter_table("attachment_kept", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attachment_kept_account_id"))

    op.drop_table("attachment_kept")
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attachment_object_id"))
        batch_op.drop_index("ix_attachment_message")
        batch_op.drop_index(batch_op.f("ix_attachment_expires_ms"))
        batch_op.drop_index(batch_op.f("ix_attachment_conversation_id"))
        batch_op.drop_index(batch_op.f("ix_attachment_account_id"))

    op.drop_table("attachment")
