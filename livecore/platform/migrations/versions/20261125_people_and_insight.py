"""people and insight

Revises: a967cfc2bffe
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "3cbe18244467"
down_revision = "a967cfc2bffe"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device_facts",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=True),
        sa.Column("advertising_id", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "device_id", name=op.f("pk_device_facts")),
    )
    with op.batch_alter_table("device_facts", schema=None) as batch_op:
        batch_op.create_index("ix_device_facts_changed", ["changed_ms"], unique=False)

    op.create_table(
        "experiment_assignment",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("experiment", sa.String(length=40), nullable=False),
        sa.Column("variant", sa.String(length=40), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "experiment", name=op.f("pk_experiment_assignment")),
    )
    with op.batch_alter_table("experiment_assignment", schema=None) as batch_op:
        batch_op.create_index("ix_experiment_assignment_since", ["since_ms"], unique=False)

    op.create_table(
        "friend_link",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_friend_link")),
    )
    with op.batch_alter_table("friend_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_friend_link_expires_ms"), ["expires_ms"], unique=False)
        batch_op.create_index(batch_op.f("ix_friend_link_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "meeting",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("one_id", sa.String(length=32), nullable=False),
        sa.Column("other_id", sa.String(length=32), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("opened", sa.Boolean(), nullable=False),
        sa.Column("live_id", sa.String(length=32), nullable=True),
        sa.Column("met_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting")),
    )
    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.create_index("ix_meeting_met", ["met_ms"], unique=False)
        batch_op.create_index("ix_meeting_one", ["one_id", "met_ms"], unique=False)
        batch_op.create_index("ix_meeting_other", ["other_id", "met_ms"], unique=False)

    op.create_table(
        "newsletter",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.String(length=20000), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletter")),
    )
    op.create_table(
        "newsletter_sent",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("letter_id", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "letter_id", name=op.f("pk_newsletter_sent")),
    )
    with op.batch_alter_table("newsletter_sent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_newsletter_sent_at_ms"), ["at_ms"], unique=False)

    op.create_table(
        "profile_trait",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("value", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "kind", "value", name=op.f("pk_profile_trait")),
    )
    with op.batch_alter_table("profile_trait", schema=None) as batch_op:
        batch_op.create_index("ix_profile_trait_value", ["kind", "value", "account_id"], unique=False)

    op.create_table(
        "report_group",
        sa.Column("signature", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sample", sa.JSON(), nullable=True),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_report_group")),
    )
    with op.batch_alter_table("report_group", schema=None) as batch_op:
        batch_op.create_index("ix_report_group_last", ["kind", "last_ms", "signature"], unique=False)

    op.create_table(
        "telemetry_daily",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", "name", name=op.f("pk_telemetry_daily")),
    )
    op.create_table(
        "telemetry_event",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("signature", sa.String(length=32), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "event_id", name=op.f("pk_telemetry_event")),
    )
    with op.batch_alter_table("telemetry_event", schema=None) as batch_op:
        batch_op.create_index("ix_telemetry_event_expires", ["expires_ms"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("telemetry_event", schema=None) as batch_op:
        batch_op.drop_index("ix_telemetry_event_expires")

    op.drop_table("telemetry_event")
    op.drop_table("telemetry_daily")
    with op.batch_alter_table("report_group", schema=None) as batch_op:
        batch_op.drop_index("ix_report_group_last")

    op.drop_table("report_group")
    with op.batch_alter_table("profile_trait", schema=None) as batch_op:
        batch_op.drop_index("ix_profile_trait_value")

    op.drop_table("profile_trait")
    with op.batch_alter_table("newsletter_sent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_newsletter_sent_at_ms"))

    op.drop_table("newsletter_sent")
    op.drop_table("newsletter")
    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.drop_index("ix_meeting_other")
        batch_op.drop_index("ix_meeting_one")
        batch_op.drop_index("ix_meeting_met")

    op.drop_table("meeting")
    with op.batch_alter_table("friend_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_friend_link_owner_id"))
        batch_op.drop_index(batch_op.f("ix_friend_link_expires_ms"))

    op.drop_table("friend_link")
    with op.batch_alter_table("experiment_assignment", schema=None) as batch_op:
        batch_op.drop_index("ix_experiment_assignment_since")

    op.drop_table("experiment_assignment")
    with op.batch_alter_table("device_facts", schema=None) as batch_op:
        batch_op.drop_index("ix_device_facts_changed")

    op.drop_table("device_facts")
