"""Lives, their publications, and who was put out of one."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from livecore.data import metadata, personal

live = Table(
    "live",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner_id", String(32), nullable=False, index=True),
    Column("title", String(200), nullable=False),
    Column("visibility", String(16), nullable=False),
    Column("record", Boolean, nullable=False),
    # what becomes of the recording: kept as a video, or deleted when the live ends
    Column("keep_replay", Boolean, nullable=False),
    Column("prefer", String(8), nullable=False),
    Column("codec", String(8)),  # of the host's picture; NULL until it is on the air, and for sound alone
    Column("slow_mode_s", Integer, nullable=False, default=0),
    Column("state", String(8), nullable=False),  # waiting, live, ended
    Column("end_reason", String(40)),  # NULL until it ended
    Column("created_ms", BigInteger, nullable=False),
    Column("started_ms", BigInteger),  # NULL until the first publication is up
    Column("ended_ms", BigInteger),  # NULL until it ended
    Column("peak_viewers", Integer, nullable=False, default=0),
    Column("views", Integer, nullable=False, server_default="0"),
    Column("watched_ms", BigInteger, nullable=False, server_default="0"),  # by all viewers together
    Column("video_id", String(32)),  # NULL until the recording is in the library
    Column("recording_failure", String(20)),  # why the host is recorded no more; NULL while nothing failed
    Column("disabled_reason", String(200)),  # NULL unless taken down
    Column("idempotency", String(64), unique=True),  # NULL when the client gave no key
    Column("version", Integer, nullable=False, default=1),
    Index("ix_live_state_started", "state", "started_ms"),
    info=personal(
        subject="owner_id",
        what="lives a person hosted: title, times, who may watch, how often and how long it was watched, the most viewers at once",
        why=("provide",),
        keep_for="the life of the account",
        category="lives",
        hidden=("idempotency",),
    ),
)

live_publication = Table(
    "live_publication",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("live_id", String(32), nullable=False, index=True),
    Column("account_id", String(32), nullable=False, index=True),
    Column("kind", String(8), nullable=False),  # host or guest
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
    # under which it is copied to the recorder, for a file or for HLS; NULL when it never was
    Column("recording_id", String(32), unique=True),
    Column("up_ms", BigInteger),  # NULL while nothing is published
    Column("away_ms", BigInteger),  # since when its connection is lost; NULL while it stands or after it is over
    UniqueConstraint("live_id", "account_id"),
    info=personal(
        subject="account_id",
        what="in which lives a person published camera or screen",
        why=("provide",),
        keep_for="the life of the account",
        category="live_publications",
        hidden=("token_hash",),
    ),
)

live_restriction = Table(
    "live_restriction",
    metadata,
    Column("live_id", String(32), primary_key=True),
    Column("account_id", String(32), primary_key=True, index=True),
    Column("kind", String(8), primary_key=True),  # muted or banned
    Column("created_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),  # NULL: to the end of the live
    info=personal(
        subject="account_id",
        what="lives in which a person was muted or put out by the host or a moderator, and until when",
        why=("safety",),
        keep_for="90 days",
        category="live_restrictions",
        retention_days=90,
        retention_column="created_ms",
    ),
)

live_moderator = Table(
    "live_moderator",
    metadata,
    Column("live_id", String(32), primary_key=True),
    Column("account_id", String(32), primary_key=True, index=True),
    Column("created_ms", BigInteger, nullable=False, index=True),
    info=personal(
        subject="account_id",
        what="lives in which a person was made a moderator by the host",
        why=("provide", "safety"),
        keep_for="90 days",
        category="live_moderators",
        retention_days=90,
        retention_column="created_ms",
    ),
)
