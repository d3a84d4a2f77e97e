"""Uploads that are on their way: the record, who writes to it now, and the pieces that a remote store keeps of it."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from livecore.data import declare_objects, metadata, personal

UPLOAD_PREFIX = declare_objects(
    "uploads/{account}/",
    what="files that a person is sending and that have not come whole yet",
    why=("provide",),
    keep_for="until the file has come, or a day after its last byte",
    category="uploads",
)

upload = Table(
    "upload",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False),
    Column("purpose", String(16), nullable=False),  # video, image, avatar, attachment; empty for a part of another upload
    Column("filename", String(255), nullable=False),
    Column("filetype", String(100), nullable=False),  # as the client says; what it is, the bytes say
    Column("title", String(200), nullable=False),
    Column("visibility", String(16), nullable=False),
    Column("conversation_id", String(32)),  # of an attachment; NULL for the rest
    Column("metadata", Text, nullable=False),  # Upload-Metadata as it came
    Column("length_bytes", BigInteger),  # NULL while it is deferred
    Column("received_bytes", BigInteger, nullable=False),  # acknowledged: they are durable
    Column("concat", String(8), nullable=False),  # empty, partial, final
    Column("part_of", String(32), index=True),  # the final upload that this partial one became a part of; NULL before
    Column("part_number", Integer),
    # Who writes now: a word of the request that does. A new request writes its own here, and the old one's next commit finds nothing.
    Column("holder", String(32)),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False, index=True),
    Column("completed_ms", BigInteger),  # NULL until it became something
    Column("resource", String(200)),  # the path of what it became; NULL before
    Column("resource_id", String(32), index=True),
    Index("ix_upload_account", "account_id"),
    info=personal(
        subject="account_id",
        what="files being sent: their name, size, title, and how far they have come",
        why=("provide",),
        keep_for="a day after the last byte",
        category="uploads",
        hidden=("holder",),
    ),
)

upload_piece = Table(
    "upload_piece",
    metadata,
    Column("upload_id", String(32), primary_key=True),
    Column("start_bytes", BigInteger, primary_key=True),
    Column("account_id", String(32), nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("name", String(80), nullable=False),
    info=personal(
        subject="account_id",
        what="where the pieces of a file that is being sent lie",
        why=("provide",),
        keep_for="until the file has come, or a day after its last byte",
        category=None,
        export_reason="internal places of bytes that the export holds as files",
    ),
)
