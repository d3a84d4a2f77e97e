"""Videos and what people do with them. Counters on a video are kept in the transaction that changes their rows."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text, UniqueConstraint, text

from livecore.data import declare_objects, impersonal, metadata, personal

# Objects of one account's videos: the original and what is made of it.
VIDEO_PREFIX = declare_objects(
    "videos/{account}/",
    what="the videos that a person recorded or uploaded, and their posters",
    why=("provide",),
    keep_for="the life of the account, or until the person deletes the video",
    category="videos",
)

video = Table(
    "video",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner_id", String(32), nullable=False),
    Column("live_id", String(32), index=True),  # NULL unless it is the recording of a live
    # "recording.part" of the recorder, so that a file which is told twice is kept once; NULL for uploads
    Column("source", String(80), unique=True),
    Column("title", String(200), nullable=False),
    Column("visibility", String(16), nullable=False),
    Column("allow_download", Boolean, nullable=False, default=True),
    Column("status", String(12), nullable=False),  # processing, ready, failed
    Column("progress", Float, nullable=False, default=0.0),
    Column("failure", String(40)),  # a short word; NULL unless it failed
    Column("media_type", String(40), nullable=False),
    Column("object_key", String(200), nullable=False),
    Column("poster_key", String(200)),  # NULL while there is none (sound alone has none)
    Column("poster_sha256", String(64)),
    Column("size_bytes", BigInteger, nullable=False, default=0),
    Column("sha256", String(64), index=True),  # NULL until the file is in the store
    Column("made", Text),  # JSON, see library/made.py: what was made of the file so far, so that a job goes on where it was; NULL before
    Column("fingerprint", Text),  # hashes of its pictures, see library/fingerprints.py; NULL until it was looked at
    Column("duration_ms", BigInteger, nullable=False, default=0),
    Column("width", Integer, nullable=False, default=0),
    Column("height", Integer, nullable=False, default=0),
    Column("video_codec", String(12)),  # NULL for sound alone
    Column("audio_codec", String(12)),  # NULL without sound
    Column("recorded_ms", BigInteger),  # when the recording began; NULL for uploads
    Column("recording_end", String(20)),  # why this part of a recording ends, in the recorder's word; NULL for uploads
    Column("expires_ms", BigInteger, index=True),  # when it will be deleted; NULL until its owner was told
    Column("created_ms", BigInteger, nullable=False),
    Column("stored_ms", BigInteger),  # NULL until the file is in the store
    Column("published_ms", BigInteger),  # NULL until it was ready for the first time; its place in the feed
    Column("disabled_reason", String(200)),  # NULL unless taken down
    Column("tags", Text, nullable=False, server_default=text("''")),  # of the title, parted by spaces (livecore.wording)
    Column("who_can_comment", String(16)),  # NULL: as its owner's setting says
    Column("views", Integer, nullable=False, default=0),
    Column("watched_ms", BigInteger, nullable=False, server_default="0"),  # by all viewers together
    Column("likes", Integer, nullable=False, default=0),
    Column("comments", Integer, nullable=False, default=0),
    Column("shares", Integer, nullable=False, default=0),
    Column("version", Integer, nullable=False, default=1),
    Index("ix_video_owner_created", "owner_id", "created_ms", "id"),
    Index("ix_video_owner_published", "owner_id", "published_ms", "id"),
    Index("ix_video_published", "published_ms", "id"),
    info=personal(
        subject="owner_id",
        what="videos: title, who may see them, length, size, codecs, and how often they were seen, liked and shared",
        why=("provide",),
        keep_for="the life of the account, or until the person deletes the video",
        category="videos",
        hidden=("source",),
    ),
)

# Pictures of one account, in their sizes.
IMAGE_PREFIX = declare_objects(
    "images/{account}/",
    what="pictures that a person uploaded for posts and messages",
    why=("provide",),
    keep_for="the life of the account, or until the person deletes the picture",
    category="images",
)

image = Table(
    "image",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner_id", String(32), nullable=False),
    Column("title", String(200), nullable=False),
    Column("alt", String(500), nullable=False, server_default=text("''")),  # what it shows, for who does not see it
    Column("visibility", String(16), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),  # as it came
    Column("sha256", String(64), nullable=False, index=True),  # of the file as it came; its bytes are not kept
    Column("fingerprint", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("disabled_reason", String(200)),  # NULL unless taken down
    Column("version", Integer, nullable=False, default=1),
    Index("ix_image_owner_created", "owner_id", "created_ms", "id"),
    info=personal(
        subject="owner_id",
        what="pictures: title, what they show in words, who may see them, size",
        why=("provide",),
        keep_for="the life of the account, or until the person deletes the picture",
        category="images",
    ),
)

blocked_copy = Table(
    "blocked_copy",
    metadata,
    Column("kind", String(8), primary_key=True),  # video, image
    Column("target_id", String(32), primary_key=True),  # what was taken down
    Column("sha256", String(64), nullable=False, index=True),
    Column("fingerprint", Text, nullable=False),  # empty while nobody has looked at it
    Column("at_ms", BigInteger, nullable=False),
    info=impersonal(
        "Digests of content that was taken down, so that it is not uploaded again: neither the content nor whose it was can be read "
        "from them. A row goes when the takedown is lifted."
    ),
)

held_content = Table(
    "held_content",
    metadata,
    Column("kind", String(8), primary_key=True),  # video, image
    Column("id", String(32), primary_key=True),
    Column("owner_id", String(32), nullable=False, index=True),
    Column("facts", Text, nullable=False),  # JSON, the row as it was; its objects lie where they lay
    Column("deleted_ms", BigInteger, nullable=False),
    info=personal(
        subject="owner_id",
        what="videos and pictures that a person deleted while the account is preserved for a legal matter",
        why=["legal"],
        keep_for="until the hold ends",
        category=None,
        export_reason="who is told of a hold may be forbidden by law",
        source="made by the service",
    ),
)

video_share = Table(
    "video_share",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("video_id", String(32), nullable=False, index=True),
    Column("actor_id", String(32), nullable=False, index=True),
    Column("channel", String(16), nullable=False),  # friend, group, broadcast, link
    Column("created_ms", BigInteger, nullable=False),
    Column("idempotency", String(64), nullable=False),
    UniqueConstraint("idempotency"),
    info=personal(
        subject="actor_id",
        what="which videos a person shared, when, and by which kind of channel",
        why=("provide", "understand"),
        keep_for="the life of the account",
        category="shares",
        hidden=("idempotency",),
    ),
)
