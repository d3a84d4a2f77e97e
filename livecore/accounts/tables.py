"""What is kept about an account. What others never see is sealed under the key `account:{id}` (see docs/accounts.md)."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from livecore.data import declare_objects, impersonal, metadata, personal

# Usernames are ASCII; byte order makes a prefix one range in PostgreSQL too.
_Ascii = String(40).with_variant(String(40, collation="C"), "postgresql")

SEALED = ("name", "email", "phone", "birth_date", "profile_name", "gender", "age_info", "status_message")

account = Table(
    "account",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("username", String(40), nullable=False),
    Column("folded", _Ascii, nullable=False, unique=True),
    Column("skeleton", String(40), nullable=False, unique=True),
    Column("name", LargeBinary, nullable=False),
    Column("email", LargeBinary, nullable=False),
    Column("phone", LargeBinary, nullable=False),
    Column("birth_date", LargeBinary, nullable=False),
    Column("email_index", LargeBinary(32), nullable=False, unique=True),
    Column("phone_index", LargeBinary(32), nullable=False, unique=True),
    Column("password_hash", String(200), nullable=False),
    Column("state", String(12), nullable=False),  # active | suspended | erasing | closed
    Column("erase_at_ms", BigInteger),  # set while state is erasing
    Column("suspended_until_ms", BigInteger),  # NULL: not suspended, or without an end
    Column("declined", Boolean, nullable=False, default=False),
    Column("email_verified_ms", BigInteger),
    Column("phone_verified_ms", BigInteger),
    Column("staff", JSON, nullable=False),  # a list of roles
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),  # grows with each change of what is shown
    Column("profile_name", LargeBinary),
    Column("gender", LargeBinary),
    Column("age_info", LargeBinary),
    Column("status_message", LargeBinary),
    Column("avatar_id", String(32), unique=True),
    Column("avatar_disabled", Boolean, nullable=False, default=False),
    Column("profile_name_disabled", Boolean, nullable=False, default=False),
    Index("ix_account_created", "created_ms"),
    info=personal(
        subject="id",
        what="Account: username, name, mail address, phone number, birth date, password hash, profile",
        why=("operate", "provide", "safety"),
        keep_for="the life of the account",
        category="account",
        hidden=("password_hash", "email_index", "phone_index", "skeleton", "folded"),
        sealed=SEALED,
    ),
)

account_name_prefix = Table(
    "account_name_prefix",
    metadata,
    Column("token", LargeBinary(16), primary_key=True),
    Column("folded", _Ascii, primary_key=True),  # of the username, which never changes: one range of the key is one list
    Column("account_id", String(32), nullable=False),
    Index("ix_account_name_prefix_account", "account_id"),
    info=personal(
        subject="account_id",
        what="Keyed hashes of the beginnings of the words of a name, so that it is found without being readable",
        why=("provide",),
        keep_for="the life of the account",
        category=None,
        export_reason="the name itself is in the category account",
    ),
)

account_setting = Table(
    "account_setting",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("key", String(40), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    info=personal(
        subject="account_id",
        what="Settings that differ from their defaults",
        why=("operate", "customize"),
        keep_for="the life of the account",
        category="settings",
    ),
)

account_device = Table(
    "account_device",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False),
    Column("client_id", String(64), nullable=False),  # as the client named it: the same for other accounts on that browser
    Column("name", String(80), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    # Away for too long: nothing is held for it. It then has a new id, so that it starts afresh when it comes back.
    Column("idle", Boolean, nullable=False, default=False),
    UniqueConstraint("account_id", "client_id"),
    Index("ix_account_device_seen", "seen_ms"),
    info=personal(
        subject="account_id",
        what="Devices signed in: a name, an id that the client made, and when each was last here",
        why=("operate", "safety"),
        keep_for="until signed out, or seven days without use",
        category="devices",
    ),
)

account_session = Table(
    "account_session",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False, index=True),
    Column("device_id", String(32), nullable=False, index=True),
    Column("address_class", String(50), nullable=False),  # /24 or /48
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    info=personal(
        subject="account_id",
        what="Open sessions: since when, from which network",
        why=("operate", "safety"),
        keep_for="until signed out or expired",
        category="sessions",
    ),
)

account_token = Table(
    "account_token",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),  # SHA-256; the token itself is nowhere
    Column("session_id", String(32), nullable=False, index=True),
    Column("account_id", String(32), nullable=False, index=True),
    Column("kind", String(8), nullable=False),  # access | refresh
    Column("expires_ms", BigInteger, nullable=False, index=True),
    Column("used_ms", BigInteger),  # of a refresh token: when it was exchanged; a second time ends the session
    info=personal(
        subject="account_id",
        what="Hashes of access and refresh tokens",
        why=("operate", "safety"),
        keep_for="until they expire",
        category=None,
        export_reason="hashes of secrets; the sessions are in the category sessions",
    ),
)

account_code = Table(
    "account_code",
    metadata,
    Column("id", String(32), primary_key=True),  # the code is derived from it and the root key; it is stored in no form
    Column("account_id", String(32), nullable=False),
    Column("purpose", String(8), nullable=False),  # phone | email | reset
    Column("target", LargeBinary),  # the new address or number, sealed; None = the account's present one
    Column("target_index", LargeBinary(32)),
    Column("tries", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False, index=True),
    Column("used_ms", BigInteger),
    UniqueConstraint("account_id", "purpose"),
    info=personal(
        subject="account_id",
        what="One-use codes sent by text message or mail, and a new address until it is confirmed",
        why=("operate", "safety"),
        keep_for="a day",
        category="pending_changes",
        retention_days=1,
        retention_column="created_ms",
        hidden=("target_index",),
        sealed=("target",),
    ),
)

account_activity = Table(
    "account_activity",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", String(32), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("other", String(32)),  # the other person's account
    Column("data", JSON, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_account_activity_account", "account_id", "id"),
    Index("ix_account_activity_at", "at_ms"),
    info=personal(
        subject="account_id",
        also=("other",),
        # What others did is in their logs: a block of theirs would be told by it.
        also_exported=False,
        what="Activity log: sign-ins, blocks, friend changes, settings, reports",
        why=("operate", "safety", "support"),
        keep_for="180 days",
        category="activity",
        retention_days=180,
        retention_column="at_ms",
    ),
)

account_two_factor = Table(
    "account_two_factor",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("confirmed_ms", BigInteger),  # None until the first code was right: not asked for before
    Column("last_step", BigInteger, nullable=False),  # the time step of the last code taken: each works once
    Column("recovery", JSON, nullable=False),  # hex of keyed hashes of the codes that are left
    info=personal(
        subject="account_id",
        what="Secret of the second factor, and hashes of recovery codes",
        why=("safety",),
        keep_for="until it is switched off",
        category=None,
        export_reason="secrets",
        sealed=("secret",),
    ),
)

profile_trait = Table(
    "profile_trait",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("kind", String(8), primary_key=True),  # interest | language | region
    Column("value", String(40), primary_key=True),
    Index("ix_profile_trait_value", "kind", "value", "account_id"),
    info=personal(
        subject="account_id",
        what="Interests, languages and a coarse region that you gave to be found by",
        why=("provide", "customize"),
        keep_for="until taken back",
        category="profile_traits",
    ),
)

newsletter = Table(
    "newsletter",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("text", String(20_000), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    info=impersonal("letters with news about the service, the same for everybody"),
)

newsletter_sent = Table(
    "newsletter_sent",
    metadata,
    Column("account_id", String(32), primary_key=True),
    Column("letter_id", String(32), primary_key=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
    info=personal(
        subject="account_id",
        what="Which letters with news went to you, so that none goes twice",
        why=("market",),
        keep_for="400 days",
        category="news",
        retention_days=400,
        retention_column="at_ms",
        source="made by the service",
    ),
)

username_tombstone = Table(
    "username_tombstone",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    info=impersonal("keyed hashes of usernames that were erased, so that nobody takes one over; it says nothing of whose it was"),
)

AVATARS = declare_objects(
    "avatars/{account}/",
    what="Profile picture, re-encoded, in three sizes",
    why=("provide",),
    keep_for="until changed or the account ends",
    category="profile_picture",
)
