"""What is kept of conversations. A body is kept sealed, and only until every device of its readers has it."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table

from livecore.data import impersonal, metadata, personal

conversation = Table(
    "conversation",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(10), nullable=False),  # direct, group, broadcast
    Column("pair", LargeBinary(32), unique=True),  # blind index of the two accounts of a direct one; NULL for the others
    Column("title", String(120)),  # NULL for a direct one
    Column("timer_s", Integer, index=True),  # messages disappear this long after they were sent; NULL: they do not
    Column("epoch", String(12), nullable=False),
    Column("seq", BigInteger, nullable=False),  # the last number given
    Column("version", BigInteger, nullable=False),  # raised by each change of members, roles or title
    Column("scope", String(120)),  # the key that bodies are sealed under now; NULL when the next one needs a fresh key
    Column("created_by", String(32), index=True),  # NULL once that account is erased
    Column("created_ms", BigInteger, nullable=False),
    info=personal(
        subject="created_by",
        what="conversations a person began: kind, title, when",
        why=("provide",),
        keep_for="the life of the conversation",
        category="conversations",
        erase="clear",
        clear=("created_by",),
        hidden=("pair", "scope"),
    ),
)

member = Table(
    "member",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("account_id", String(32), primary_key=True, index=True),
    Column("role", String(10), nullable=False),  # owner, admin, member; recipient in a broadcast list
    Column("open", Boolean, nullable=False),  # lets the other one write although the setting would not (began it, or accepted)
    Column("request", Boolean, nullable=False),  # a stranger's message waits for this member's yes
    Column("since_seq", BigInteger, nullable=False),  # joined after this number
    Column("received_seq", BigInteger, nullable=False),  # the most that any device of this member has
    Column("read_seq", BigInteger, nullable=False),
    Column("joined_ms", BigInteger, nullable=False),
    Column("silenced_ms", BigInteger),  # an admin lets the member only read, since then; NULL: may speak
    Column("muted_until_ms", BigInteger),  # the member's own wish to be left in peace; NULL: none
    Column("archived_ms", BigInteger),  # NULL: in the list
    Column("pinned_ms", BigInteger),  # NULL: not kept on top
    sqlite_with_rowid=False,
    info=personal(
        subject="account_id",
        what="in which conversations a person is, in what role, how far they received and read, what they muted, archived or pinned",
        why=("provide",),
        keep_for="as long as the person is in the conversation",
        category="conversation_members",
    ),
)

mailbox = Table(
    "mailbox",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("device_id", String(128), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    info=personal(
        subject="account_id",
        what="devices that messages are held for, and since when",
        why=("provide",),
        keep_for="until the device signs out or is away for a week",
        category="mailboxes",
    ),
)

# A member without any device has one row with the device "": what is held waits for the first one.
device_cursor = Table(
    "device_cursor",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("account_id", String(32), primary_key=True),
    Column("device_id", String(128), primary_key=True),
    Column("seq", BigInteger, nullable=False),  # the device has everything up to here
    Column("since_seq", BigInteger, nullable=False),  # what is older was never held for it
    Column("lost_seq", BigInteger, nullable=False),  # up to here something expired before the device came
    Index("ix_device_cursor_conversation_seq", "conversation_id", "seq"),
    Index("ix_device_cursor_device", "account_id", "device_id"),
    sqlite_with_rowid=False,
    info=personal(
        subject="account_id",
        what="how far each device of a person has received each conversation",
        why=("provide",),
        keep_for="as long as the device is signed in",
        category="device_cursors",
    ),
)

message = Table(
    "message",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("id", String(32), nullable=False),
    Column("kind", String(10), nullable=False),  # message, reaction, edited, deleted
    Column("sender_id", String(32), nullable=False, index=True),
    Column("sender_device", String(128), nullable=False),
    Column("target_id", String(32)),  # the message that a reaction, edit or deletion is about; else NULL
    Column("sent_ms", BigInteger, nullable=False),
    Column("scope", String(120), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("ix_message_sent", "sent_ms"),
    sqlite_with_rowid=False,
    info=personal(
        subject="sender_id",
        what="messages that not every device of their readers has yet; sealed",
        why=("provide",),
        keep_for="until every device has it, at most 30 days",
        category="undelivered_messages",
        hidden=("sealed", "scope"),
    ),
)

sent = Table(
    "sent",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("client_key", String(64), primary_key=True),  # a hash of the client's id: whatever that says, it is not kept
    Column("conversation_id", String(32), nullable=False),
    Column("message_id", String(32), nullable=False, index=True),
    Column("seq", BigInteger, nullable=False),
    Column("sent_ms", BigInteger, nullable=False, index=True),
    Column("taken_back", Boolean, nullable=False, server_default="0"),  # deleted for all: nobody has it to read any more
    Index("ix_sent_conversation", "conversation_id", "seq"),
    sqlite_with_rowid=False,
    info=personal(
        subject="account_id",
        what="numbers of the messages a person sent, so that none is sent twice; no text",
        why=("provide",),
        keep_for="30 days",
        category="sent_messages",
        retention_days=30,
        retention_column="sent_ms",
    ),
)

withheld = Table(
    "withheld",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("account_id", String(32), primary_key=True, index=True),
    sqlite_with_rowid=False,
    info=personal(
        subject="account_id",
        what="numbers of messages that a person was not given because of a block",
        why=("safety",),
        keep_for="as long as the message is held",
        category=None,
        export_reason="the withheld message is another person's",
    ),
)

body_key = Table(
    "body_key",
    metadata,
    Column("scope", String(120), primary_key=True),
    Column("conversation_id", String(32), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    info=impersonal("names of keys that sealed bodies; a conversation's id, an hour and a random part"),
)

invite = Table(
    "conversation_invite",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation_id", String(32), nullable=False, index=True),
    Column("created_by", String(32), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False, index=True),
    Column("uses", Integer, nullable=False),
    Column("uses_limit", Integer),  # NULL: as many as like until it expires
    info=personal(
        subject="created_by",
        what="links that a person made for others to join a group: when, until when, how often used; not by whom",
        why=("provide",),
        keep_for="until it is revoked or expires, at most 30 days",
        category="group_invites",
    ),
)

# Links that were there when somebody was removed do not let them in again.
removed = Table(
    "conversation_removed",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("account_id", String(32), primary_key=True, index=True),
    Column("at_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
    info=personal(
        subject="account_id",
        what="from which groups an admin removed a person, and when; not by whom",
        why=("safety",),
        keep_for="until the person is added again, at most 30 days: no link lives longer",
        category="group_removals",
        retention_days=30,
        retention_column="at_ms",
    ),
)

picture = Table(
    "conversation_picture",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("id", String(32), nullable=False),
    Column("account_id", String(32), nullable=False, index=True),
    Column("image", LargeBinary, nullable=False),  # WebP of some 20 KB, re-encoded
    Column("set_ms", BigInteger, nullable=False),
    info=personal(
        subject="account_id",
        what="pictures that a person gave to groups",
        why=("provide",),
        keep_for="until it is replaced, the group ends, or the account does",
        category="group_pictures",
        hidden=("image",),
    ),
)

# The bytes of an attachment, sealed under a key of their own; several attachments (a broadcast's, a forwarded one) may share them.
attachment_object = Table(
    "attachment_object",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("scope", String(120), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),  # before sealing
    Column("made_ms", BigInteger, nullable=False),
    Column("ready", Boolean, nullable=False),  # False while its bytes are being stored
    info=impersonal("names of sealed objects and of the keys that seal them; who they belong to stands in attachment"),
)

attachment = Table(
    "attachment",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("object_id", String(32), nullable=False, index=True),
    Column("conversation_id", String(32), nullable=False, index=True),
    Column("account_id", String(32), nullable=False, index=True),
    Column("client_key", String(64)),  # of the message that carries it (see sent); NULL until it is sent
    Column("kind", String(8), nullable=False),  # image, video, voice
    Column("media_type", String(40), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("sent_ms", BigInteger),  # NULL until it is sent
    Column("expires_ms", BigInteger, nullable=False, index=True),
    Index("ix_attachment_message", "account_id", "client_key"),
    info=personal(
        subject="account_id",
        what="images, voice and videos that a person sent in messages and that not every device has fetched; sealed",
        why=("provide",),
        keep_for="until every device of their readers has fetched them, at most 30 days; a day where they were never sent",
        category="undelivered_attachments",
        hidden=("object_id", "client_key"),
    ),
)

attachment_kept = Table(
    "attachment_kept",
    metadata,
    Column("attachment_id", String(32), primary_key=True),
    Column("account_id", String(32), primary_key=True, index=True),
    Column("device_id", String(128), primary_key=True),
    info=personal(
        subject="account_id",
        what="which devices of a person have fetched an attachment that is still held",
        why=("provide",),
        keep_for="as long as the attachment is held",
        category="fetched_attachments",
    ),
)
