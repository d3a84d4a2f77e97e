"""uploads and pictures

Revises: bcab83149bd0
Made: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "71f852f6e009"
down_revision = "bcab83149bd0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blocked_copy",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("target_id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "target_id", name=op.f("pk_blocked_copy")),
    )
    with op.batch_alter_table("blocked_copy", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_blocked_copy_sha256"), ["sha256"], unique=False)

    op.create_table(
        "image",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=200), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image")),
    )
    with op.batch_alter_table("image", schema=None) as batch_op:
        batch_op.create_index("ix_image_owner_created", ["owner_id", "created_ms", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_image_sha256"), ["sha256"], unique=False)

    op.create_table(
        "upload",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("filetype", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("length_bytes", sa.BigInteger(), nullable=True),
        sa.Column("received_bytes", sa.BigInteger(), nullable=False),
        sa.Column("concat", sa.String(length=8), nullable=False),
        sa.Column("part_of", sa.String(length=32), nullable=True),
        sa.Column("part_number", sa.Integer(), nullable=True),
        sa.Column("holder", sa.String(length=32), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("completed_ms", sa.BigInteger(), nullable=True),
        sa.Column("resource", sa.String(length=200), nullable=True),
        sa.Column("resource_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.create_index("ix_upload_account", ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_upload_expires_ms"), ["expires_ms"], unique=False)
        batch_op.create_index(batch_op.f("ix_upload_part_of"), ["part_of"], unique=False)
        batch_op.create_index(batch_op.f("ix_upload_resource_id"), ["resource_id"], unique=False)

    op.create_table(
        "upload_piece",
        sa.Column("upload_id", sa.String(length=32), nullable=False),
        sa.Column("start_bytes", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("upload_id", "start_bytes", name=op.f("pk_upload_piece")),
    )
    with op.batch_alter_table("upload_piece", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_upload_piece_account_id"), ["account_id"], unique=False)

    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.add_column(sa.Column("made", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("fingerprint", sa.Text(), nullable=True))
        batch_op.create_index(batch_op.f("ix_video_sha256"), ["sha256"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("video", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_video_sha256"))
        batch_op.drop_column("fingerprint")
        batch_op.drop_column("made")

    with op.batch_alter_table("upload_piece", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_upload_piece_account_id"))

    op.drop_table("upload_piece")
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_upload_resource_id"))
        batch_op.drop_index(batch_op.f("ix_upload_part_of"))
        batch_op.drop_index(batch_op.f("ix_upload_expires_ms"))
        batch_op.drop_index("ix_upload_account")

    op.drop_table("upload")
    with op.batch_alter_table("image", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_image_sha256"))
        batch_op.drop_index("ix_image_owner_created")

    op.drop_table("image")
    with op.batch_alter_table("blocked_copy", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_blocked_copy_sha256"))

    op.drop_table("blocked_copy")
