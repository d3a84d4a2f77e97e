"""Finding posts and videos by their words, and tags by their beginnings: SQLite FTS5 or PostgreSQL's full text.

Newest first, by the number that an entry got when it came: a word that a million posts hold costs no more than a rare one. The
query leaves out what is not for the viewer; what it finds is checked again as an item of the feed, from what is stored now.
"""

import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Integer, String, bindparam, text

from livecore.among import members
from livecore.feed.service import Feed, FeedPage
from livecore.ports import Database, Principal, Relations
from livecore.wording import normal_tag

Kind = Literal["all", "post", "video"]

WORDS_LIMIT = 8
# Entries looked at for one page when most of them are not for the viewer; the page is then short, not the search.
ROUNDS_LIMIT = 4
TAG_ENTRIES = 300
# Pages merged in one transaction: some milliseconds.
MERGE_PAGES = 64
# Steps for the index of some ten million entries: more is a fault, not work.
MERGE_STEPS_LIMIT = 20_000
TAGS_LIMIT = 20

_OPEN = """
    entry.is_open
    AND (entry.visibility = 'everyone' OR entry.owner_id = :me OR (entry.visibility <> 'nobody' AND entry.owner_id IN ({near})))
    AND entry.owner_id NOT IN ({hidden}) AND (:kind = 'all' OR entry.kind = :kind) AND entry.n < :below
"""
_SQLITE = """
SELECT entry.n, entry.kind, entry.content_id, entry.owner_id, entry.tags FROM search_fts JOIN search_entry AS entry ON entry.n = search_fts.rowid
WHERE search_fts MATCH :query AND search_fts.rowid < :below AND {open} ORDER BY search_fts.rowid DESC LIMIT :limit
"""
# From one word of the index to the next that begins so: a seek each. char(1) is in no word, so that what is looked for is the next word and
# not the next place of this one.
_SQLITE_TERMS = """
WITH RECURSIVE found(term) AS (
  SELECT (SELECT term FROM search_fts_terms WHERE term >= :beginning LIMIT 1)
  UNION ALL
  SELECT (SELECT term FROM search_fts_terms WHERE term >= found.term || char(1) LIMIT 1) FROM found WHERE found.term < :end
  LIMIT :limit
) SELECT term FROM found WHERE term < :end
"""
# Words asked for in place of a beginning: each costs two seeks, some 50 us. Of more, FTS5 reads all their lists whole.
ENDINGS_LIMIT = 64
# Latin letters that `unicode61` does not know to have marks.
_KEPT_MARKS = "ǡǣǯǽǿ"
# Beginnings of up to so many letters have lists of their own in the index (`prefix` in migrations/full_text.py).
INDEXED_BEGINNING = 4
# PostgreSQL reads its index whole for a word, or goes backward by number and looks at each entry; which of them is cheap depends on the
# word, and how often a beginning occurs it cannot tell. So the newest entries are looked at first, which is enough for a common word,
# and for a rare one the index is asked then: adding 0 keeps the way backward from it.
_POSTGRESQL = """
SELECT entry.n, entry.kind, entry.content_id, entry.owner_id, entry.tags FROM {source} AS entry
WHERE search_fts_vector @@ to_tsquery('simple', :query)
AND {open} ORDER BY {order} DESC LIMIT :limit
"""
_NEWEST = "(SELECT * FROM search_entry WHERE n < :below ORDER BY n DESC LIMIT {newest})"
# Half a millisecond of a rare word's search; a word that fills no page from them is held by one entry in a hundred at most.
NEWEST_ENTRIES = 2000
_JSON_SET = "SELECT value FROM json_each(:{name})"
_ARRAY_SET = "SELECT unnest(CAST(:{name} AS text[]))"
TOP = 1 << 60


@dataclass(frozen=True)
class Found:
    """`page.next` is not used; `below` continues the search, None at the end."""

    page: FeedPage
    below: int | None


def words_of(query: str) -> list[str]:
    """What is looked for: letters and digits of the query in words, the whole query's last one as a beginning.

    Lower case and no more, as the indexes have it ("ß" stays); signs that are written onto a letter (vowels in many scripts) belong to it.
    """
    lowered = unicodedata.normalize("NFKC", query).lower()
    parts = "".join(letter if letter.isalnum() or unicodedata.category(letter)[0] == "M" else " " for letter in lowered).split()
    return [part for part in parts if any(map(str.isalnum, part))][:WORDS_LIMIT]


def folded(word: str) -> str:
    """As `unicode61 remove_diacritics 2` has it: Latin letters without their marks, one sigma; other scripts' letters stay."""
    letters = []
    for letter in word.replace("ς", "σ"):
        latin = not letter.isascii() and letter not in _KEPT_MARKS and unicodedata.name(letter, "").startswith("LATIN")
        letters += [one for one in unicodedata.normalize("NFD", letter) if unicodedata.category(one) != "Mn"] if latin else [letter]
    return "".join(letters)


def fts5_query(words: Sequence[str], endings: Sequence[str] = (), *, tags: bool = False) -> str:
    """Every word, the last one as a beginning: as any of `endings` where they are given. Quoted, so that nothing of a query is read as
    an operator."""
    quoted = [f'"{word}"' for word in words]
    quoted[-1] = "(" + " OR ".join(f'"{word}"' for word in endings) + ")" if endings else quoted[-1] + "*"
    joined = " AND ".join(quoted)
    return f"tags : ({joined})" if tags else joined


def tsquery(words: Sequence[str], *, tags: bool = False) -> str:
    weight = "A" if tags else ""
    parts = [f"'{word}':{weight}" if weight else f"'{word}'" for word in words]
    parts[-1] = f"'{words[-1]}':*{weight}"
    return " & ".join(parts)


class Search:
    def __init__(self, db: Database, relations: Relations, feed: Feed) -> None:
        self._db = db
        self._relations = relations
        self._feed = feed
        is_sqlite = db.dialect == "sqlite"
        a_set = _JSON_SET if is_sqlite else _ARRAY_SET
        condition = _OPEN.format(near=a_set.format(name="near"), hidden=a_set.format(name="hidden"))
        if is_sqlite:
            texts = [_SQLITE.format(open=condition)]
        else:
            newest = _NEWEST.format(newest=NEWEST_ENTRIES)
            texts = [
                _POSTGRESQL.format(source=newest, open=condition, order="entry.n"),
                _POSTGRESQL.format(source="search_entry", open=condition, order="entry.n + 0"),
            ]
        # In the text itself for PostgreSQL: a plan is made for these words, not for any. They are letters, digits and their signs alone.
        words = bindparam("query", type_=String, literal_execute=not is_sqlite)
        plain: list[Any] = [bindparam(name, type_=String) for name in ("me", "kind")]
        plain += [bindparam(name, type_=Integer if is_sqlite else None) for name in ("below", "limit")]
        self._queries = [text(each).bindparams(words, *plain) for each in texts]

    async def _query(self, words: Sequence[str], *, tags: bool) -> str:
        """FTS5 merges the lists of all words that begin so before it answers the first of them, but walks each by itself backward from the
        newest: a beginning is therefore asked for as the words that it stands for, as long as they are few."""
        if self._db.dialect != "sqlite":
            return tsquery(words, tags=tags)
        beginning = folded(words[-1])
        if len(beginning) <= INDEXED_BEGINNING or not beginning.isalnum():
            return fts5_query(words, tags=tags)
        given = {"beginning": beginning, "end": beginning + chr(sys.maxunicode), "limit": ENDINGS_LIMIT + 1}
        async with self._db.read(slow=True) as conn:
            endings = (await conn.execute(text(_SQLITE_TERMS), given)).scalars().all()
        return fts5_query(words, endings if len(endings) <= ENDINGS_LIMIT else (), tags=tags)

    async def _entries(self, me: str, words: str, kind: Kind, below: int, limit: int) -> Sequence[Any]:
        hidden = await self._relations.blocked_either_way(me)
        friends = await self._relations.friends_of(me)
        given = {
            "query": words,
            "me": me,
            "kind": kind,
            "below": below,
            "limit": limit,
            "near": members(self._db.dialect, friends),
            "hidden": members(self._db.dialect, hidden),
        }
        # One step of a full-text query may be long, and cannot be stopped: never on the loop.
        async with self._db.read(slow=True) as conn:
            for query in self._queries:
                rows = (await conn.execute(query, given)).all()
                if len(rows) == limit:
                    break
        return rows

    async def forget(self) -> None:
        """After rows were erased: have their words out of the index's files too. A word that is deleted from an FTS5 index stays in the
        segment that holds it until segments are merged; freed pages are overwritten (`secure_delete`). In small steps, since each
        holds the writers up. PostgreSQL's vacuum does it by itself."""
        if self._db.dialect != "sqlite":
            return
        # Negative: begin with all segments, however few there are of a size (SQLite's FTS5, 6.8).
        pages = -MERGE_PAGES
        for _ in range(MERGE_STEPS_LIMIT):
            async with self._db.write(slow=True) as conn:
                before = (await conn.execute(text("SELECT total_changes()"))).scalar_one()
                await conn.execute(text("INSERT INTO search_fts (search_fts, rank) VALUES ('merge', :pages)"), {"pages": pages})
                after = (await conn.execute(text("SELECT total_changes()"))).scalar_one()
            # One change is the statement itself.
            if after - before < 2:
                return
            pages = MERGE_PAGES

    async def content(self, viewer: Principal, text: str, kind: Kind, limit: int, below: int | None) -> Found:
        """Posts and videos that hold every word of `text`, newest first. `#tag` alone finds what carries that very tag."""
        words = words_of(text)
        tag = normal_tag(text.strip()) if text.strip().startswith("#") else None
        if not words:
            return Found(FeedPage([], {}, None), None)
        query = await self._query(words, tags=tag is not None)
        position = TOP if below is None else below
        found: list[Any] = []
        cards: dict[str, Any] = {}
        for _ in range(ROUNDS_LIMIT):
            rows = await self._entries(viewer.account_id, query, kind, position, limit)
            fitting = [row for row in rows if tag is None or tag in row.tags.split()]
            page = await self._feed.seen_now(viewer, [(row.kind, row.content_id) for row in fitting])
            cards |= page.cards
            room = limit - len(found)
            found += page.entries[:room]
            if len(page.entries) > room or (len(page.entries) == room and len(rows) == limit):
                last = found[-1].id
                return Found(FeedPage(found, cards, None), next(row.n for row in rows if row.content_id == last))
            if len(rows) < limit:
                return Found(FeedPage(found, cards, None), None)
            position = rows[-1].n
        return Found(FeedPage(found, cards, None), position)

    async def tags(self, viewer: Principal, beginning: str, limit: int) -> list[tuple[str, int]]:
        """Tags that begin so, in what the viewer may see lately, with how often; most often first."""
        tag = normal_tag(beginning.strip())
        if tag is None:
            return []
        query = await self._query(words_of(tag), tags=True)
        rows = await self._entries(viewer.account_id, query, "all", TOP, TAG_ENTRIES)
        owners = await self._feed.owners_shown(viewer, {row.owner_id for row in rows})
        counts: dict[str, int] = {}
        for row in rows:
            for each in row.tags.split():
                if row.owner_id in owners and each.startswith(tag):
                    counts[each] = counts.get(each, 0) + 1
        return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:limit]
