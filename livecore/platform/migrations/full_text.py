"""The full-text index and the triggers that keep it: whatever code writes, erases or takes down a post or a video, search follows.

Not described by the metadata: virtual tables, triggers and expression indexes are the databases' own. `NAMES` begin with
`search_fts`, and comparing schemas passes them over.
"""

NAMES = "search_fts"

# What of a row makes its entry: (table, kind, owner, text, whether it may be found).
_SOURCES = (
    ("post", "post", "author_id", "text", "{row}.disabled_reason IS NULL"),
    ("video", "video", "owner_id", "title", "{row}.disabled_reason IS NULL AND {row}.status = 'ready'"),
)

_ENTRY = "INSERT INTO search_entry (content_id, kind, owner_id, visibility, is_open, text, tags) "


def _upserted(kind: str, owner: str, text: str, is_open: str) -> str:
    values = f"NEW.id, '{kind}', NEW.{owner}, NEW.visibility, ({is_open.format(row='NEW')}), NEW.{text}, NEW.tags"
    return (
        f"{_ENTRY} SELECT {values} WHERE true ON CONFLICT (content_id) DO UPDATE SET visibility = excluded.visibility, "
        "is_open = excluded.is_open, text = excluded.text, tags = excluded.tags"
    )


def _columns(table: str, text: str) -> str:
    """What an entry is made of: no other change makes it anew."""
    return f"{text}, tags, visibility, disabled_reason" + (", status" if table == "video" else "")


# The words that the index holds, in order: by it a beginning is made into the words that begin so.
SQLITE_TERMS = "CREATE VIRTUAL TABLE search_fts_terms USING fts5vocab('search_fts', 'instance')"


_SQLITE_INDEX = (
    "CREATE VIRTUAL TABLE search_fts USING fts5("
    "text, tags, content='search_entry', content_rowid='n', tokenize='unicode61 remove_diacritics 2', prefix='{prefixes}')"
)


def sqlite_statements() -> list[str]:
    made = [
        _SQLITE_INDEX.format(prefixes="3"),
        "CREATE TRIGGER search_fts_added AFTER INSERT ON search_entry BEGIN "
        "INSERT INTO search_fts (rowid, text, tags) VALUES (NEW.n, NEW.text, NEW.tags); END",
        "CREATE TRIGGER search_fts_gone AFTER DELETE ON search_entry BEGIN "
        "INSERT INTO search_fts (search_fts, rowid, text, tags) VALUES ('delete', OLD.n, OLD.text, OLD.tags); END",
        "CREATE TRIGGER search_fts_changed AFTER UPDATE OF text, tags ON search_entry "
        "WHEN OLD.text <> NEW.text OR OLD.tags <> NEW.tags BEGIN "
        "INSERT INTO search_fts (search_fts, rowid, text, tags) VALUES ('delete', OLD.n, OLD.text, OLD.tags); "
        "INSERT INTO search_fts (rowid, text, tags) VALUES (NEW.n, NEW.text, NEW.tags); END",
    ]
    for table, kind, owner, text, is_open in _SOURCES:
        made += [
            f"CREATE TRIGGER search_fts_{table}_added AFTER INSERT ON {table} BEGIN {_upserted(kind, owner, text, is_open)}; END",
            f"CREATE TRIGGER search_fts_{table}_changed AFTER UPDATE OF {_columns(table, text)} ON {table} "
            f"BEGIN {_upserted(kind, owner, text, is_open)}; END",
            f"CREATE TRIGGER search_fts_{table}_gone AFTER DELETE ON {table} BEGIN DELETE FROM search_entry WHERE content_id = OLD.id; END",
        ]
    return made


# Tags weigh more and are asked for by themselves.
VECTOR = "setweight(to_tsvector('simple', tags), 'A') || setweight(to_tsvector('simple', text), 'B')"


def postgresql_statements() -> list[str]:
    made = [f"CREATE INDEX search_fts ON search_entry USING gin (({VECTOR}))"]
    for table, kind, owner, text, is_open in _SOURCES:
        made += [
            f"CREATE FUNCTION search_fts_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP = 'DELETE' THEN DELETE FROM search_entry WHERE content_id = OLD.id; RETURN OLD; END IF; "
            f"{_upserted(kind, owner, text, is_open)}; RETURN NEW; END $$",
            _postgresql_trigger(table, text),
        ]
    return made


def _postgresql_trigger(table: str, text: str) -> str:
    return (
        f"CREATE TRIGGER search_fts_{table} AFTER INSERT OR DELETE OR UPDATE OF {_columns(table, text)} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION search_fts_{table}()"
    )


def postgresql_triggers_anew() -> list[str]:
    """For tables on which they fired at each change: a counter of likes has nothing to say to search."""
    made = []
    for table, _, _, text, _ in _SOURCES:
        made += [f"DROP TRIGGER search_fts_{table} ON {table}", _postgresql_trigger(table, text)]
    return made


# New entries wait in a list that each search reads whole, until so many kilobytes of them go into the index at once: a fifth of a
# millisecond. PostgreSQL's own limit (4 MB) made a search for a rare word cost 4 ms more.
_PENDING_KB = 256


def postgresql_stored() -> list[str]:
    """The vector in its row: to make it anew for each entry that a search looks at was most of what the search cost."""
    return [
        "DROP INDEX search_fts",
        f"ALTER TABLE search_entry ADD COLUMN search_fts_vector tsvector GENERATED ALWAYS AS ({VECTOR}) STORED",
        f"CREATE INDEX search_fts ON search_entry USING gin (search_fts_vector) WITH (gin_pending_list_limit = {_PENDING_KB})",
    ]


def postgresql_computed() -> list[str]:
    """As it was before."""
    return [
        "DROP INDEX search_fts",
        "ALTER TABLE search_entry DROP COLUMN search_fts_vector",
        f"CREATE INDEX search_fts ON search_entry USING gin (({VECTOR}))",
    ]


def sqlite_index(prefixes: str) -> list[str]:
    """The index made anew, with lists of their own for beginnings of so many letters."""
    return [
        "DROP TABLE search_fts_terms",
        "DROP TABLE search_fts",
        _SQLITE_INDEX.format(prefixes=prefixes),
        SQLITE_TERMS,
        "INSERT INTO search_fts (search_fts) VALUES ('rebuild')",
    ]


def filling() -> list[str]:
    """What is there already."""
    return [
        f"{_ENTRY} SELECT id, '{kind}', {owner}, visibility, ({is_open.format(row=table)}), {text}, tags FROM {table} ORDER BY id"
        for table, kind, owner, text, is_open in _SOURCES
    ]


def dropping(dialect: str) -> list[str]:
    if dialect == "sqlite":
        names = ["added", "gone", "changed"] + [f"{source[0]}_{what}" for source in _SOURCES for what in ("added", "changed", "gone")]
        return [f"DROP TRIGGER search_fts_{name}" for name in names] + ["DROP TABLE search_fts"]
    functions = [f"DROP FUNCTION search_fts_{source[0]}() CASCADE" for source in _SOURCES]
    return [*functions, "DROP INDEX search_fts"]
