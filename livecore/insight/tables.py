"""Reports of clients, the sums and groups that are kept of them, device facts, and assignments to experiments."""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, String, Table

from livecore.data import impersonal, metadata, personal

telemetry_event = Table(
    "telemetry_event",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("event_id", String(64), primary_key=True),  # the client's: the same again is counted once
    Column("kind", String(12), nullable=False),
    Column("name", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),  # the client's clock, brought between a month ago and now
    Column("received_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("signature", String(32)),  # the group that a report belongs to; NULL for use
    Column("data", JSON, nullable=False),  # scrubbed
    Index("ix_telemetry_event_expires", "expires_ms"),
    info=personal(
        subject="account_id",
        what="Which parts of the service you used and how, and what your client reported of faults, crashes and speed",
        why=("operate", "improve", "understand", "support"),
        keep_for="by kind: use 90 days, logs 14 days, reports of faults, crashes, websites and speed 30 days (settings of the server)",
        category="telemetry",
        hidden=("signature",),
        # The longest that a setting allows; `expires_ms` ends most rows long before.
        retention_days=400,
        retention_column="received_ms",
        source="reported by the person's client",
    ),
)

telemetry_daily = Table(
    "telemetry_daily",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("kind", String(12), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("events", BigInteger, nullable=False),
    info=impersonal("sums by day: how often something was used or reported, by nobody in particular"),
)

report_group = Table(
    "report_group",
    metadata,
    Column("signature", String(32), primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("name", String(64), nullable=False),
    Column("sample", JSON),  # the newest report of the group, scrubbed; NULL once the time of its kind is over
    Column("events", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Index("ix_report_group_last", "kind", "last_ms", "signature"),
    info=impersonal("faults that clients reported, grouped by where they happen; scrubbed of secrets, numbers and addresses, without ids"),
)

device_facts = Table(
    "device_facts",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("device_id", String(32), primary_key=True),
    Column("facts", LargeBinary),  # a JSON object of what was given; NULL when nothing is left
    Column("advertising_id", LargeBinary),  # beside the others, so that it can go alone
    Column("version", Integer, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Index("ix_device_facts_changed", "changed_ms"),
    info=personal(
        subject="account_id",
        what="Facts of your devices that your client gave: model, system, memory, identifiers, apps, browser, language, battery, time zone",
        why=("operate", "improve", "support", "safety"),
        keep_for="until withdrawn, the device signs out or 180 days without a change",
        category="device_facts",
        sealed=("facts", "advertising_id"),
        retention_days=180,
        retention_column="changed_ms",
        source="reported by the person's client",
    ),
)

experiment_assignment = Table(
    "experiment_assignment",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("experiment", String(40), primary_key=True),
    Column("variant", String(40), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Index("ix_experiment_assignment_since", "since_ms"),
    info=personal(
        subject="account_id",
        what="Experiments you were part of, and which variant you saw",
        why=("improve", "understand"),
        keep_for="400 days",
        category="experiments",
        retention_days=400,
        retention_column="since_ms",
        source="made by the service",
    ),
)
