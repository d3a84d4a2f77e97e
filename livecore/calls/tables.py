"""Who called whom, and what came of it."""

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table

from livecore.data import metadata, personal

# "call" is a word of SQL.
voice_call = Table(
    "voice_call",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("caller_id", String(32), nullable=False),
    Column("callee_id", String(32), nullable=False),
    Column("video", Boolean, nullable=False),
    Column("state", String(8), nullable=False),  # ringing, active, ended
    # A blocked caller is not told: the call has the ordinary course of one that nobody answers, and rings nowhere.
    Column("silent", Boolean, nullable=False),
    Column("live_id", String(32), index=True),  # NULL until it is answered
    Column("began_ms", BigInteger, nullable=False),
    Column("answered_ms", BigInteger),  # NULL: never
    Column("ended_ms", BigInteger),  # NULL while it rings or is on
    Column("reason", String(12)),  # NULL until it ended: hung_up, declined, busy, missed, cancelled, lost, left
    Index("ix_voice_call_caller", "caller_id", "id"),
    Index("ix_voice_call_callee", "callee_id", "id"),
    Index("ix_voice_call_state", "state", "began_ms"),
    info=personal(
        subject="caller_id",
        also=("callee_id",),
        what="Calls: with whom, when, how long, and whether they were answered; nothing of what was said",
        why=("provide",),
        keep_for="30 days",
        category="calls",
        hidden=("silent",),
        retention_days=30,
        retention_column="ended_ms",
    ),
)
