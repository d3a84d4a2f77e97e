"""First tables

Revises: nothing
Made: 2026-11-24
"""

import sqlalchemy as sa
from alembic import op

revision = "735dd9de8a5e"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("username", sa.String(length=40), nullable=False),
        sa.Column("folded", sa.String(length=40).with_variant(sa.String(length=40, collation="C"), "postgresql"), nullable=False),
        sa.Column("skeleton", sa.String(length=40), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("email", sa.LargeBinary(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("birth_date", sa.LargeBinary(), nullable=False),
        sa.Column("email_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("erase_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("declined", sa.Boolean(), nullable=False),
        sa.Column("email_verified_ms", sa.BigInteger(), nullable=True),
        sa.Column("phone_verified_ms", sa.BigInteger(), nullable=True),
        sa.Column("staff", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("profile_name", sa.LargeBinary(), nullable=True),
        sa.Column("gender", sa.LargeBinary(), nullable=True),
        sa.Column("age_info", sa.LargeBinary(), nullable=True),
        sa.Column("status_message", sa.LargeBinary(), nullable=True),
        sa.Column("avatar_id", sa.String(length=32), nullable=True),
        sa.Column("avatar_disabled", sa.Boolean(), nullable=False),
        sa.Column("profile_name_disabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("avatar_id", name=op.f("uq_account_avatar_id")),
        sa.UniqueConstraint("email_index", name=op.f("uq_account_email_index")),
        sa.UniqueConstraint("folded", name=op.f("uq_account_folded")),
        sa.UniqueConstraint("phone_index", name=op.f("uq_account_phone_index")),
        sa.UniqueConstraint("skeleton", name=op.f("uq_account_skeleton")),
    )
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.create_index("ix_account_created", ["created_ms"], unique=False)

    op.create_table(
        "account_activity",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("other", sa.String(length=32), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_activity")),
    )
    with op.batch_alter_table("account_activity", schema=None) as batch_op:
        batch_op.create_index("ix_account_activity_account", ["account_id", "id"], unique=False)
        batch_op.create_index("ix_account_activity_at", ["at_ms"], unique=False)

    op.create_table(
        "account_code",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("target", sa.LargeBinary(), nullable=True),
        sa.Column("target_index", sa.LargeBinary(length=32), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_code")),
        sa.UniqueConstraint("account_id", "purpose", name=op.f("uq_account_code_account_id_purpose")),
    )
    with op.batch_alter_table("account_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_account_code_expires_ms"), ["expires_ms"], unique=False)

    op.create_table(
        "account_device",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("idle", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_device")),
        sa.UniqueConstraint("account_id", "client_id", name=op.f("uq_account_device_account_id_client_id")),
    )
    with op.batch_alter_table("account_device", schema=None) as batch_op:
        batch_op.create_index("ix_account_device_seen", ["seen_ms"], unique=False)

    op.create_table(
        "account_name_prefix",
        sa.Column("token", sa.LargeBinary(length=16), nullable=False),
        sa.Column("folded", sa.String(length=40).with_variant(sa.String(length=40, collation="C"), "postgresql"), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("token", "folded", name=op.f("pk_account_name_prefix")),
    )
    with op.batch_alter_table("account_name_prefix", schema=None) as batch_op:
        batch_op.create_index("ix_account_name_prefix_account", ["account_id"], unique=False)

    op.create_table(
        "account_session",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("address_class", sa.String(length=50), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_session")),
    )
    with op.batch_alter_table("account_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_account_session_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_account_session_device_id"), ["device_id"], unique=False)

    op.create_table(
        "account_setting",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_account_setting")),
    )
    op.create_table(
        "account_token",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_account_token")),
    )
    with op.batch_alter_table("account_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_account_token_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_account_token_expires_ms"), ["expires_ms"], unique=False)
        batch_op.create_index(batch_op.f("ix_account_token_session_id"), ["session_id"], unique=False)

    op.create_table(
        "account_two_factor",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("recovery", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_two_factor")),
    )
    op.create_table(
        "audit_detail",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("actor_id", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=32), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_detail")),
    )
    with op.batch_alter_table("audit_detail", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_detail_actor_id"), ["actor_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_detail_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "audit_entry",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.String(length=60), nullable=False),
        sa.Column("commitment", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entry")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "block",
        sa.Column("blocker_id", sa.String(length=32), nullable=False),
        sa.Column("blocked_id", sa.String(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("blocker_id", "blocked_id", name=op.f("pk_block")),
    )
    with op.batch_alter_table("block", schema=None) as batch_op:
        batch_op.create_index("ix_block_blocked", ["blocked_id"], unique=False)

    op.create_table(
        "body_key",
        sa.Column("scope", sa.String(length=120), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_body_key")),
    )
    op.create_table(
        "claim",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("target_kind", sa.String(length=20), nullable=False),
        sa.Column("target_id", sa.String(length=32), nullable=True),
        sa.Column("owner_id", sa.String(length=32), nullable=True),
        sa.Column("details", sa.LargeBinary(), nullable=False),
        sa.Column("counter_notice", sa.LargeBinary(), nullable=True),
        sa.Column("receipt_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_ms", sa.BigInteger(), nullable=True),
        sa.Column("decided_ms", sa.BigInteger(), nullable=True),
        sa.Column("countered_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
    )
    with op.batch_alter_table("claim", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_claim_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_claim_state"), ["state"], unique=False)
        batch_op.create_index("ix_claim_target", ["target_kind", "target_id"], unique=False)

    op.create_table(
        "contact",
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=True),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "phone_hash", name=op.f("pk_contact")),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index("ix_contact_account", ["account_id", "owner_id"], unique=False)
        batch_op.create_index("ix_contact_phone_hash", ["phone_hash"], unique=False)

    op.create_table(
        "contact_consent",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("text_version", sa.String(length=20), nullable=False),
        sa.Column("network", sa.String(length=50), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_consent")),
    )
    with op.batch_alter_table("contact_consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_consent_account_id"), ["account_id"], unique=False)

    op.create_table(
        "conversation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("pair", sa.LargeBinary(length=32), nullable=True),
        sa.Column("title", sa.String(length=120), nullable=True),
        sa.Column("epoch", sa.String(length=12), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.String(length=120), nullable=True),
        sa.Column("created_by", sa.String(length=32), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
        sa.UniqueConstraint("pair", name=op.f("uq_conversation_pair")),
    )
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversation_created_by"), ["created_by"], unique=False)

    op.create_table(
        "device_cursor",
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=128), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("since_seq", sa.BigInteger(), nullable=False),
        sa.Column("lost_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "account_id", "device_id", name=op.f("pk_device_cursor")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("device_cursor", schema=None) as batch_op:
        batch_op.create_index("ix_device_cursor_conversation_seq", ["conversation_id", "seq"], unique=False)
        batch_op.create_index("ix_device_cursor_device", ["account_id", "device_id"], unique=False)

    op.create_table(
        "erasure",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("requested_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("account_id", name=op.f("uq_erasure_account_id")),
    )
    op.create_table(
        "erasure_tombstone",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure_tombstone")),
    )
    op.create_table(
        "export",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("requested_ms", sa.BigInteger(), nullable=False),
        sa.Column("ready_ms", sa.BigInteger(), nullable=True),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
    )
    with op.batch_alter_table("export", schema=None) as batch_op:
        batch_op.create_index("ix_export_account_id_id", ["account_id", "id"], unique=False)

    op.create_table(
        "follow",
        sa.Column("follower_id", sa.String(length=32), nullable=False),
        sa.Column("followed_id", sa.String(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("follower_id", "followed_id", name=op.f("pk_follow")),
    )
    with op.batch_alter_table("follow", schema=None) as batch_op:
        batch_op.create_index("ix_follow_followed", ["followed_id"], unique=False)

    op.create_table(
        "friend_request",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("sender_id", sa.String(length=32), nullable=False),
        sa.Column("receiver_id", sa.String(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("declined_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_friend_request")),
        sa.UniqueConstraint("sender_id", "receiver_id", name=op.f("uq_friend_request_sender_id_receiver_id")),
    )
    with op.batch_alter_table("friend_request", schema=None) as batch_op:
        batch_op.create_index("ix_friend_request_receiver", ["receiver_id", "id"], unique=False)

    op.create_table(
        "friendship",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("friend_id", sa.String(length=32), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "friend_id", name=op.f("pk_friendship")),
    )
    with op.batch_alter_table("friendship", schema=None) as batch_op:
        batch_op.create_index("ix_friendship_friend", ["friend_id"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=True),
        sa.Column("every_ms", sa.BigInteger(), nullable=True),
        sa.Column("failed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("key", name=op.f("uq_job_key")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index("ix_job_due_ms", ["due_ms"], unique=False)

    op.create_table(
        "last_seen",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_last_seen")),
    )
    op.create_table(
        "live",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("record", sa.Boolean(), nullable=False),
        sa.Column("keep_replay", sa.Boolean(), nullable=False),
        sa.Column("prefer", sa.String(length=8), nullable=False),
        sa.Column("slow_mode_s", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("end_reason", sa.String(length=40), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("peak_viewers", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.String(length=32), nullable=True),
        sa.Column("disabled_reason", sa.String(length=200), nullable=True),
        sa.Column("idempotency", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live")),
        sa.UniqueConstraint("idempotency", name=op.f("uq_live_idempotency")),
    )
    with op.batch_alter_table("live", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_live_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index("ix_live_state_started", ["state", "started_ms"], unique=False)

    op.create_table(
        "live_publication",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("live_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=True),
        sa.Column("up_ms", sa.BigInteger(), nullable=True),
        sa.Column("away_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live_publication")),
        sa.UniqueConstraint("live_id", "account_id", name=op.f("uq_live_publication_live_id_account_id")),
        sa.UniqueConstraint("recording_id", name=op.f("uq_live_publication_recording_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_live_publication_token_hash")),
    )
    with op.batch_alter_table("live_publication", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_live_publication_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_live_publication_live_id"), ["live_id"], unique=False)

    op.create_table(
        "live_restriction",
        sa.Column("live_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("live_id", "account_id", "kind", name=op.f("pk_live_restriction")),
    )
    with op.batch_alter_table("live_restriction", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_live_restriction_account_id"), ["account_id"], unique=False)

    op.create_table(
        "mailbox",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=128), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "device_id", name=op.f("pk_mailbox")),
    )
    op.create_table(
        "member",
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("request", sa.Boolean(), nullable=False),
        sa.Column("since_seq", sa.BigInteger(), nullable=False),
        sa.Column("received_seq", sa.BigInteger(), nullable=False),
        sa.Column("read_seq", sa.BigInteger(), nullable=False),
        sa.Column("joined_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "account_id", name=op.f("pk_member")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_member_account_id"), ["account_id"], unique=False)

    op.create_table(
        "message",
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("sender_id", sa.String(length=32), nullable=False),
        sa.Column("sender_device", sa.String(length=128), nullable=False),
        sa.Column("target_id", sa.String(length=32), nullable=True),
        sa.Column("sent_ms", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name=op.f("pk_message")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_sender_id"), ["sender_id"], unique=False)
        batch_op.create_index("ix_message_sent", ["sent_ms"], unique=False)

    op.create_table(
        "notice",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("dedup_key", sa.String(length=120), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("read_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("account_id", "dedup_key", name=op.f("uq_notice_account_id_dedup_key")),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index("ix_notice_account_id_id", ["account_id", "id"], unique=False)

    op.create_table(
        "policy_acceptance",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("policy", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_acceptance")),
    )
    with op.batch_alter_table("policy_acceptance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_policy_acceptance_account_id"), ["account_id"], unique=False)

    op.create_table(
        "policy_version",
        sa.Column("policy", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("published_ms", sa.BigInteger(), nullable=True),
        sa.Column("effective_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("policy", "version", name=op.f("pk_policy_version")),
    )
    op.create_table(
        "post",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("author_id", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=200), nullable=True),
        sa.Column("idempotency", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
        sa.UniqueConstraint("idempotency", name=op.f("uq_post_idempotency")),
    )
    with op.batch_alter_table("post", schema=None) as batch_op:
        batch_op.create_index("ix_post_author_created", ["author_id", "created_ms", "id"], unique=False)
        batch_op.create_index("ix_post_created", ["created_ms", "id"], unique=False)

    op.create_table(
        "report",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("reporter_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("case_id", "reporter_id", name=op.f("uq_report_case_id_reporter_id")),
    )
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_case_id"), ["case_id"], unique=False)
        batch_op.create_index("ix_report_reporter_id", ["reporter_id"], unique=False)

    op.create_table(
        "report_case",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("target_kind", sa.String(length=20), nullable=False),
        sa.Column("target_id", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("decision", sa.String(length=12), nullable=True),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("touched_ms", sa.BigInteger(), nullable=False),
        sa.Column("open_key", sa.String(length=60), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_case")),
        sa.UniqueConstraint("open_key", name=op.f("uq_report_case_open_key")),
    )
    with op.batch_alter_table("report_case", schema=None) as batch_op:
        batch_op.create_index("ix_report_case_state_id", ["state", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_case_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "sent",
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("client_key", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "client_key", name=op.f("pk_sent")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("sent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sent_message_id"), ["message_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sent_sent_ms"), ["sent_ms"], unique=False)

    op.create_table(
        "takedown",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("target_kind", sa.String(length=20), nullable=False),
        sa.Column("target_id", sa.String(length=32), nullable=True),
        sa.Column("owner_id", sa.String(length=32), nullable=True),
        sa.Column("ground", sa.String(length=16), nullable=False),
        sa.Column("ground_id", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("lifted_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_takedown")),
    )
    with op.batch_alter_table("takedown", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_takedown_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index("ix_takedown_target", ["target_kind", "target_id"], unique=False)

    op.create_table(
        "username_tombstone",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_username_tombstone")),
    )
    op.create_table(
        "video",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("live_id", sa.String(length=32), nullable=True),
        sa.Column("source", sa.String(length=80), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("allow_download", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("failure", sa.String(length=40), nullable=True),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("poster_key", sa.String(length=200), nullable=True),
        sa.Column("poster_sha256", sa.String(length=64), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("video_codec", sa.String(length=12), nullable=True),
        sa.Column("audio_codec", sa.String(length=12), nullable=True),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("stored_ms", sa.BigInteger(), nullable=True),
        sa.Column("published_ms", sa.BigInteger(), nullable=True),
        sa.Column("disabled_reason", sa.String(length=200), nullable=True),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.Column("likes", sa.Integer(), nullable=False),
        sa.Column("comments", sa.Integer(), nullable=False),
        sa.Column("shares", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video")),
        sa.UniqueConstraint("source", name=op.f("uq_video_source")),
    )
    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_video_live_id"), ["live_id"], unique=False)
        batch_op.create_index("ix_video_owner_created", ["owner_id", "created_ms", "id"], unique=False)
        batch_op.create_index("ix_video_owner_published", ["owner_id", "published_ms", "id"], unique=False)
        batch_op.create_index("ix_video_published", ["published_ms", "id"], unique=False)

    op.create_table(
        "video_comment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("video_id", sa.String(length=32), nullable=False),
        sa.Column("author_id", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=200), nullable=True),
        sa.Column("idempotency", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_comment")),
        sa.UniqueConstraint("idempotency", name=op.f("uq_video_comment_idempotency")),
    )
    with op.batch_alter_table("video_comment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_video_comment_author_id"), ["author_id"], unique=False)
        batch_op.create_index("ix_video_comment_video", ["video_id", "id"], unique=False)

    op.create_table(
        "video_like",
        sa.Column("video_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("video_id", "account_id", name=op.f("pk_video_like")),
    )
    with op.batch_alter_table("video_like", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_video_like_account_id"), ["account_id"], unique=False)

    op.create_table(
        "video_share",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("video_id", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("idempotency", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_share")),
        sa.UniqueConstraint("idempotency", name=op.f("uq_video_share_idempotency")),
    )
    with op.batch_alter_table("video_share", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_video_share_actor_id"), ["actor_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_video_share_video_id"), ["video_id"], unique=False)

    op.create_table(
        "video_view",
        sa.Column("video_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.Column("watched_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("video_id", "account_id", name=op.f("pk_video_view")),
    )
    with op.batch_alter_table("video_view", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_video_view_account_id"), ["account_id"], unique=False)

    op.create_table(
        "withheld",
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "seq", "account_id", name=op.f("pk_withheld")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("withheld", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_withheld_account_id"), ["account_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("withheld", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_withheld_account_id"))

    op.drop_table("withheld")
    with op.batch_alter_table("video_view", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_video_view_account_id"))

    op.drop_table("video_view")
    with op.batch_alter_table("video_share", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_video_share_video_id"))
        batch_op.drop_index(batch_op.f("ix_video_share_actor_id"))

    op.drop_table("video_share")
    with op.batch_alter_table("video_like", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_video_like_account_id"))

    op.drop_table("video_like")
    with op.batch_alter_table("video_comment", schema=None) as batch_op:
        batch_op.drop_index("ix_video_comment_video")
        batch_op.drop_index(batch_op.f("ix_video_comment_author_id"))

    op.drop_table("video_comment")
    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.drop_index("ix_video_published")
        batch_op.drop_index("ix_video_owner_published")
        batch_op.drop_index("ix_video_owner_created")
        batch_op.drop_index(batch_op.f("ix_video_live_id"))

    op.drop_table("video")
    op.drop_table("username_tombstone")
    with op.batch_alter_table("takedown", schema=None) as batch_op:
        batch_op.drop_index("ix_takedown_target")
        batch_op.drop_index(batch_op.f("ix_takedown_owner_id"))

    op.drop_table("takedown")
    with op.batch_alter_table("sent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sent_sent_ms"))
        batch_op.drop_index(batch_op.f("ix_sent_message_id"))

    op.drop_table("sent")
    with op.batch_alter_table("report_case", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_case_subject_id"))
        batch_op.drop_index("ix_report_case_state_id")

    op.drop_table("report_case")
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.drop_index("ix_report_reporter_id")
        batch_op.drop_index(batch_op.f("ix_report_case_id"))

    op.drop_table("report")
    with op.batch_alter_table("post", schema=None) as batch_op:
        batch_op.drop_index("ix_post_created")
        batch_op.drop_index("ix_post_author_created")

    op.drop_table("post")
    op.drop_table("policy_version")
    with op.batch_alter_table("policy_acceptance", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_policy_acceptance_account_id"))

    op.drop_table("policy_acceptance")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index("ix_notice_account_id_id")

    op.drop_table("notice")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_sent")
        batch_op.drop_index(batch_op.f("ix_message_sender_id"))

    op.drop_table("message")
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_member_account_id"))

    op.drop_table("member")
    op.drop_table("mailbox")
    with op.batch_alter_table("live_restriction", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_live_restriction_account_id"))

    op.drop_table("live_restriction")
    with op.batch_alter_table("live_publication", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_live_publication_live_id"))
        batch_op.drop_index(batch_op.f("ix_live_publication_account_id"))

    op.drop_table("live_publication")
    with op.batch_alter_table("live", schema=None) as batch_op:
        batch_op.drop_index("ix_live_state_started")
        batch_op.drop_index(batch_op.f("ix_live_owner_id"))

    op.drop_table("live")
    op.drop_table("last_seen")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index("ix_job_due_ms")

    op.drop_table("job")
    with op.batch_alter_table("friendship", schema=None) as batch_op:
        batch_op.drop_index("ix_friendship_friend")

    op.drop_table("friendship")
    with op.batch_alter_table("friend_request", schema=None) as batch_op:
        batch_op.drop_index("ix_friend_request_receiver")

    op.drop_table("friend_request")
    with op.batch_alter_table("follow", schema=None) as batch_op:
        batch_op.drop_index("ix_follow_followed")

    op.drop_table("follow")
    with op.batch_alter_table("export", schema=None) as batch_op:
        batch_op.drop_index("ix_export_account_id_id")

    op.drop_table("export")
    op.drop_table("erasure_tombstone")
    op.drop_table("erasure")
    with op.batch_alter_table("device_cursor", schema=None) as batch_op:
        batch_op.drop_index("ix_device_cursor_device")
        batch_op.drop_index("ix_device_cursor_conversation_seq")

    op.drop_table("device_cursor")
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversation_created_by"))

    op.drop_table("conversation")
    with op.batch_alter_table("contact_consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contact_consent_account_id"))

    op.drop_table("contact_consent")
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_phone_hash")
        batch_op.drop_index("ix_contact_account")

    op.drop_table("contact")
    with op.batch_alter_table("claim", schema=None) as batch_op:
        batch_op.drop_index("ix_claim_target")
        batch_op.drop_index(batch_op.f("ix_claim_state"))
        batch_op.drop_index(batch_op.f("ix_claim_owner_id"))

    op.drop_table("claim")
    op.drop_table("body_key")
    with op.batch_alter_table("block", schema=None) as batch_op:
        batch_op.drop_index("ix_block_blocked")

    op.drop_table("block")
    op.drop_table("audit_head")
    op.drop_table("audit_entry")
    with op.batch_alter_table("audit_detail", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_detail_subject_id"))
        batch_op.drop_index(batch_op.f("ix_audit_detail_actor_id"))

    op.drop_table("audit_detail")
    op.drop_table("account_two_factor")
    with op.batch_alter_table("account_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_account_token_session_id"))
        batch_op.drop_index(batch_op.f("ix_account_token_expires_ms"))
        batch_op.drop_index(batch_op.f("ix_account_token_account_id"))

    op.drop_table("account_token")
    op.drop_table("account_setting")
    with op.batch_alter_table("account_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_account_session_device_id"))
        batch_op.drop_index(batch_op.f("ix_account_session_account_id"))

    op.drop_table("account_session")
    with op.batch_alter_table("account_name_prefix", schema=None) as batch_op:
        batch_op.drop_index("ix_account_name_prefix_account")

    op.drop_table("account_name_prefix")
    with op.batch_alter_table("account_device", schema=None) as batch_op:
        batch_op.drop_index("ix_account_device_seen")

    op.drop_table("account_device")
    with op.batch_alter_table("account_code", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_account_code_expires_ms"))

    op.drop_table("account_code")
    with op.batch_alter_table("account_activity", schema=None) as batch_op:
        batch_op.drop_index("ix_account_activity_at")
        batch_op.drop_index("ix_account_activity_account")

    op.drop_table("account_activity")
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_index("ix_account_created")

    op.drop_table("account")
