"""Tables of trust. What a claimant or a reporter writes is sealed; the audit chain holds commitments only."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from livecore.data import impersonal, metadata, personal

# Long enough to answer an appeal about a moderation notice, short enough not to become a history.
NOTICE_DAYS = 180
# The limitation of 17 USC 507(b), three years, for both sides of a claim.
CLAIM_DAYS = 1096
# A report may be needed for a second one of the same kind within the year.
REPORT_DAYS = 365

policy_version = Table(
    "policy_version",
    metadata,
    Column("policy", String(16), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("state", String(10), nullable=False),  # draft, published
    Column("summary", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("changes", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("published_ms", BigInteger),  # None while it is a draft; the "Last Modified" date afterwards
    Column("effective_ms", BigInteger),
    info=impersonal("the operator's own texts"),
)

policy_acceptance = Table(
    "policy_acceptance",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False, index=True),
    Column("policy", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("mode", String(16), nullable=False),  # sign_up, accepted, continued_use, declined
    Column("at_ms", BigInteger, nullable=False),
    info=personal(
        subject="account_id",
        what="which version of which policy you accepted or declined, when and how",
        why=["operate", "legal"],
        keep_for="the life of the account",
        category="policies",
    ),
)

sharing_told = Table(
    "sharing_told",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("message_id", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    info=personal(
        subject="account_id",
        what="that you were told, with your first message, that others may save and copy what you share",
        why=["operate", "legal"],
        keep_for="the life of the account",
        category="notices_of_sharing",
    ),
)

notice = Table(
    "notice",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("data", JSON, nullable=False),
    Column("dedup_key", String(120), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("read_ms", BigInteger),  # None until the person has read it
    UniqueConstraint("account_id", "dedup_key"),
    Index("ix_notice_account_id_id", "account_id", "id"),
    info=personal(
        subject="account_id",
        what="what the service told you: policy changes, sign-ins, decisions about your content",
        why=["operate", "safety", "legal"],
        keep_for=f"{NOTICE_DAYS} days",
        category="notices",
        hidden=("dedup_key",),
        retention_days=NOTICE_DAYS,
        retention_column="created_ms",
    ),
)

claim = Table(
    "claim",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(12), nullable=False),  # copyright, trademark
    Column("state", String(16), nullable=False, index=True),
    Column("target_kind", String(20), nullable=False),
    Column("target_id", String(32)),  # None when the target was an account that was erased
    Column("owner_id", String(32), index=True),  # None when the owner's account was erased
    Column("details", LargeBinary, nullable=False),
    Column("counter_notice", LargeBinary),
    Column("receipt_hash", LargeBinary(32), nullable=False),
    Column("code_hash", LargeBinary(32)),
    Column("code_tries", Integer, nullable=False, default=0),
    Column("channel", String(10), nullable=False),  # web, mail, post
    Column("received_ms", BigInteger, nullable=False),
    Column("confirmed_ms", BigInteger),
    Column("decided_ms", BigInteger),
    Column("countered_ms", BigInteger),
    Column("closed_ms", BigInteger),  # set when nothing more is expected; counts towards the end of the record
    Index("ix_claim_target", "target_kind", "target_id"),
    info=personal(
        subject="owner_id",
        what="claims of others about content of yours, and your counter-notices",
        why=["legal"],
        keep_for="three years after the last step, without your account when it is erased",
        category="claims",
        erase="clear",
        # A profile's target is the account itself, so the target goes with the owner.
        clear=("owner_id", "target_id"),
        # The claimant's name and address reach the owner with the counter-notice procedure only, never through an export.
        hidden=("details", "counter_notice", "receipt_hash", "code_hash", "code_tries"),
        source="given by a claimant",
    ),
)

takedown = Table(
    "takedown",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("target_kind", String(20), nullable=False),
    Column("target_id", String(32)),  # None when the target was an account that was erased
    Column("owner_id", String(32), index=True),
    Column("ground", String(16), nullable=False),  # claim, report
    Column("ground_id", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("lifted_ms", BigInteger),  # None while it holds
    Index("ix_takedown_target", "target_kind", "target_id"),
    info=personal(
        subject="owner_id",
        what="content of yours that was taken down, on which ground, and whether it was restored",
        why=["legal", "safety"],
        keep_for="the life of the content; without your account when it is erased",
        category="takedowns",
        erase="clear",
        clear=("owner_id", "target_id"),
        source="made by the service",
    ),
)

report_case = Table(
    "report_case",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("target_kind", String(20), nullable=False),
    Column("target_id", String(32), nullable=False),
    Column("subject_id", String(32), nullable=False, index=True),
    Column("state", String(10), nullable=False),  # open, closed
    Column("decision", String(12)),  # dismiss, warn, remove; None while open
    Column("reports", Integer, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("touched_ms", BigInteger, nullable=False),
    Column("open_key", String(60), unique=True),  # the target while open, None afterwards: one open case a target
    Index("ix_report_case_state_id", "state", "id"),
    info=personal(
        subject="subject_id",
        what="cases that others' reports opened about you or your content",
        why=["safety"],
        keep_for=f"{REPORT_DAYS} days after the last step",
        category=None,
        export_reason="would tell who reported; decisions reach you as notices",
        retention_days=REPORT_DAYS,
        retention_column="touched_ms",
        source="given by other people",
    ),
)

report = Table(
    "report",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("case_id", String(32), nullable=False, index=True),
    Column("reporter_id", String(32), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("text", LargeBinary),
    Column("evidence", LargeBinary),
    Column("blocked", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("case_id", "reporter_id"),
    Index("ix_report_reporter_id", "reporter_id"),
    info=personal(
        subject="reporter_id",
        what="reports that you made, with the copies of messages that you attached",
        why=["safety"],
        keep_for=f"{REPORT_DAYS} days",
        category="reports",
        sealed=("text", "evidence"),
        retention_days=REPORT_DAYS,
        retention_column="created_ms",
    ),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("act", String(60), nullable=False),
    Column("commitment", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    info=impersonal("salted commitments; without the side row nothing can be told from them"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    info=impersonal("the end of the audit chain"),
)

audit_detail = Table(
    "audit_detail",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary(32), nullable=False),
    Column("actor_id", String(32), nullable=False, index=True),  # an account's id, or "system"
    Column("subject_id", String(32), index=True),
    Column("details", Text, nullable=False),  # canonical JSON, as it was committed to
    info=personal(
        subject="subject_id",
        also=("actor_id",),
        what="acts of staff and of the service that concern you: which, when, on which case",
        why=["safety", "legal"],
        keep_for="the life of the account; the chain keeps a salted commitment only",
        category=None,
        export_reason="names staff and cases of others; decisions reach you as notices",
        source="made by the service",
    ),
)

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), index=True),  # None when the account was erased after the hold had ended
    Column("reason", LargeBinary, nullable=False),  # sealed under the hold's own key, which goes with it
    Column("asked_by", String(32)),
    Column("asked_ms", BigInteger, nullable=False),
    Column("approved_by", String(32)),
    Column("approved_ms", BigInteger),  # None until a second one of the staff agreed: it keeps nothing yet
    Column("ends_ms", BigInteger, nullable=False),
    Column("ended_by", String(32)),  # an account's id, or "system"
    Column("ended_ms", BigInteger),
    info=personal(
        subject="account_id",
        also=("asked_by", "approved_by", "ended_by"),
        what="that your account was preserved for a legal matter, when, and who of the staff decided it",
        why=["legal"],
        keep_for="without your account when it is erased",
        category=None,
        export_reason="who is told of a hold may be forbidden by law; decisions that concern you reach you as notices",
        erase="clear",
        clear=("account_id", "asked_by", "approved_by", "ended_by"),
        hidden=("reason",),
        source="made by the service",
    ),
)

held_message = Table(
    "held_message",
    metadata,
    Column("hold_id", String(32), primary_key=True),
    Column("message_id", String(32), primary_key=True),
    Column("conversation_id", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("sender_id", String(32), nullable=False),
    Column("sent_ms", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),  # sealed under the hold's own key
    info=personal(
        subject="sender_id",
        what="copies of messages in conversations with somebody whose account is preserved for a legal matter",
        why=["legal"],
        keep_for="until the hold ends",
        category=None,
        export_reason="who is told of a hold may be forbidden by law",
        erase="keep",
        keep_reason="preserved for a legal matter; deleted, with its key, when the hold ends",
        source="made by the service",
    ),
)
