"""Search over people, videos, posts and tags through its public interface, on SQLite's FTS5 and on PostgreSQL's full text."""

import sqlite3
import unicodedata
from typing import Any

import pytest
from sqlalchemy import select, text

from livecore.feed import search as feed_search
from livecore.feed.tables import search_entry
from livecore.ports import TakedownTarget
from tests.conftest import StartServer
from tests.feed.seeding import seed_posts, seed_videos
from tests.people import Person
from tests.serving import Server
from tests.waiting import until

PATH = "/api/v1/search"
# In several scripts, among them one without spaces and one written from the right; as they are written and as they are looked for.
FOREIGN = {
    "Straße nach Köln": ["straße", "KÖLN"],
    "Прогулка по Москве": ["прогулка", "москв"],
    "مرحبا بالعالم": ["مرحبا"],
    "東京 タワー": ["東京", "タワー"],
    "नमस्ते दुनिया": ["नमस्ते"],
    "Ελληνικά νέα": ["ελληνικά"],
}
HOSTILE = [
    'walrus"',
    '"walrus" OR "seal"',
    "walrus OR seal",
    "walrus NEAR/2 seal",
    "NEAR(walrus seal)",
    "NOT walrus",
    "text:walrus",
    "{text tags}:walrus",
    "^walrus",
    "walrus*",
    "wal%",
    "w_lrus",
    "walrus & !seal",
    "walrus <-> seal",
    "walrus:*A | seal",
    "walrus' | 'seal",
    "walrus\\",
    "walrus); DROP TABLE post; --",
    "%s %(x)s :me $1 ?",
    "a" * 100,
    " ".join("abcdefghijkl"),
    "\u0000",
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    return {} if request.param == "sqlite" else {"database_url": request.getfixturevalue("postgres_url")}


@pytest.fixture
async def finding(database: dict[str, str], start_server: StartServer) -> Server:
    """The database is asked for first, so that it outlives the server."""
    return await start_server(**database)


async def ask(who: Person, query: str, kind: str = "all", **more: Any) -> dict[str, Any]:
    answer = await who.get(PATH, params={"q": query, "kind": kind, **{key: str(value) for key, value in more.items()}})
    assert answer.status == 200, (query, answer)
    return dict(answer.json)


async def ids(who: Person, query: str, kind: str = "all") -> set[str]:
    return {item["id"] for item in (await ask(who, query, kind, limit=50))["items"]}


async def test_each_kind_is_found_by_its_words_and_nothing_else_is(finding: Server) -> None:
    anna, ben = await finding.person("anna"), await finding.person("walrusfan")
    (video,) = await seed_videos(finding, anna, 1, title="A Walrus swims")
    post = (await anna.post("/api/v1/posts", {"text": "two walruses #walrus #Sea"})).json["id"]
    await anna.post("/api/v1/posts", {"text": "a seal"})
    found = await ask(anna, "walrus")
    assert {item["id"] for item in found["items"]} == {video, post}
    assert [person["username"] for person in found["people"]] == ["walrusfan"]
    assert found["tags"] == [{"tag": "walrus", "uses": 1}]
    assert await ids(anna, "walrus", "videos") == {video}
    assert await ids(anna, "walrus", "posts") == {post}
    assert await ids(anna, "#walrus") == await ids(anna, "#SEA") == await ids(anna, "two walrus") == {post}
    assert await ids(anna, "#wal") == await ids(anna, "walrus seal") == await ids(anna, "alrus") == set()
    for kind in ("people", "tags"):
        assert (await ask(ben, "walrus", kind))["items"] == []
    assert [tag["tag"] for tag in (await ask(ben, "s", "tags"))["tags"]] == ["sea"]


async def test_a_beginning_finds_its_words_whether_they_are_few_or_many(finding: Server) -> None:
    anna = await finding.person("anna")
    few = {(await anna.post("/api/v1/posts", {"text": written})).json["id"] for written in ("a walrus", "walruses #walrusfan", "walrusés")}
    await anna.post("/api/v1/posts", {"text": "walru wals wxyz"})
    for query in ("walrus", "WALRUS", "walr", "wal", "wa", "w"):
        assert few <= await ids(anna, query, "posts"), query
    assert await ids(anna, "walrus", "posts") == few
    assert len(await ids(anna, "walrusf", "posts")) == 1
    many = feed_search.ENDINGS_LIMIT + 1
    crowd = (await anna.post("/api/v1/posts", {"text": " ".join(f"walrus{number}" for number in range(many))})).json["id"]
    assert await ids(anna, "walrus", "posts") == few | {crowd}
    assert await ids(anna, "walrus64 walrus1", "posts") == {crowd}


def test_words_are_folded_as_the_index_folds_them() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE index_ USING fts5(text, tokenize='unicode61 remove_diacritics 2')")
    connection.execute("CREATE VIRTUAL TABLE term USING fts5vocab('index_', 'instance')")
    letters = "".join(chr(code) for code in (*range(0x61, 0x590), *range(0x5D0, 0x5EB), *range(0x620, 0x64B), *range(0x1E00, 0x2000)))
    words = [word for letter in letters if letter.isalpha() for word in feed_search.words_of(f"a{letter}b") if word.isalnum()]
    connection.executemany("INSERT INTO index_ VALUES (?)", [(word,) for word in words])
    terms = [str(term) for (term,) in connection.execute("SELECT term FROM term ORDER BY doc")]
    connection.close()
    assert [(word, term) for word, term in zip(words, terms, strict=True) if feed_search.folded(word) != term] == []


async def test_pages_bring_every_hit_once_newest_first_however_rare_or_common(finding: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, ben = await finding.person("anna"), await finding.person("ben")
    common = [*await seed_posts(finding, anna, 23, text="walrus common"), *await seed_videos(finding, anna, 4, title="walrus common")]
    rare = [common[2], common[5], common[24]]
    async with finding.app.db.write() as conn:
        for rare_id in rare:
            table, column = ("video", "title") if rare_id == common[24] else ("post", "text")
            await conn.execute(text(f"UPDATE {table} SET {column} = {column} || ' narwhal' WHERE id = :id"), {"id": rare_id})
    for word, wanted, limit in (("walrus", common, 5), ("narwhal", rare, 2), ("walr", common, 50)):
        seen: list[str] = []
        cursor: dict[str, Any] = {}
        while cursor is not None:
            page = await ask(ben, word, limit=limit, **cursor)
            seen += [item["id"] for item in page["items"]]
            assert not (cursor and (page["people"] or page["tags"]))
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
            # What is written meanwhile stands above.
            await seed_posts(finding, anna, 1, text=f"{word} meanwhile", visibility="nobody")
        assert len(seen) == len(set(seen))
        assert set(seen) == set(wanted)
        assert [one for one in seen if one in rare] == list(reversed(rare))
    cursor = (await ask(ben, "walrus", limit=5))["next_cursor"]
    for who, query in ((anna, "walrus"), (ben, "narwhal")):
        assert (await who.get(PATH, params={"q": query, "cursor": cursor, "limit": "5"})).status == 422


async def test_a_word_that_only_old_entries_hold_is_found_beyond_the_newest(
    start_server: StartServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL looks at the newest entries first."""
    monkeypatch.setattr(feed_search, "NEWEST_ENTRIES", 3)
    server = await start_server(database_url=postgres_url)
    anna = await server.person("anna")
    old = await seed_posts(server, anna, 4, text="narwhal")
    new = await seed_posts(server, anna, 6, text="seal")
    assert await ids(anna, "narwhal") == set(old)
    assert await ids(anna, "seal") == set(new)
    assert [item["id"] for item in (await ask(anna, "narw", limit=3))["items"]] == list(reversed(old))[:3]


async def test_who_and_what_is_hidden_from_one_is_never_found(finding: Server) -> None:
    anna, ben, carl = [await finding.person(name) for name in ("walrus_anna", "ben", "carl")]
    await finding.befriend(anna, ben)
    (video,) = await seed_videos(finding, anna, 1, title="walrus")
    (hidden_video,) = await seed_videos(finding, anna, 1, title="walrus", visibility="friends")
    made = {audience: (await anna.post("/api/v1/posts", {"text": "#walrus", "visibility": audience})).json["id"] for audience in AUDIENCES}

    async def finds(who: Person) -> tuple[set[str], bool, int]:
        found = await ask(who, "walrus", limit=50)
        uses = sum(tag["uses"] for tag in (await ask(who, "walrus", "tags"))["tags"])
        return {item["id"] for item in found["items"]}, bool(found["people"]), uses

    assert await finds(carl) == ({video, made["everyone"]}, True, 1)
    assert await finds(ben) == ({video, hidden_video, made["everyone"], made["friends"]}, True, 2)
    nothing = (set[str](), False, 0)
    for blocker, other in ((anna, carl), (carl, anna)):
        assert (await blocker.put(f"/api/v1/blocks/{other.username}")).status == 204
        assert await finds(carl) == nothing
        assert (await blocker.delete(f"/api/v1/blocks/{other.username}")).status == 204
    await anna.patch("/api/v1/me/settings", {"discoverable_by_name": "nobody"})
    assert await finds(carl) == ({video, made["everyone"]}, False, 1)
    await anna.patch("/api/v1/me/settings", {"discoverable_by_name": "everyone"})
    app = finding.app
    for keeper, kind, id in ((app.posts, "post", made["everyone"]), (app.videos, "video", video)):
        async with app.db.write() as conn:
            await keeper.disable(conn, TakedownTarget(kind, id), "report")
    assert await finds(carl) == (set(), True, 0)
    async with app.db.write() as conn:
        await app.posts.enable(conn, TakedownTarget("post", made["everyone"]))
    async with app.db.write() as conn:
        await app.accounts.suspend(conn, anna.id)
    await app.account_parts.principals.changed(anna.id)
    assert await finds(carl) == nothing


AUDIENCES = ("everyone", "friends", "nobody")


async def test_after_erasure_nothing_is_found_and_nothing_is_left_in_the_index(finding: Server) -> None:
    anna, ben = await finding.person("anna"), await finding.person("ben")
    await anna.post("/api/v1/posts", {"text": "zanzibarium #quetzalcoatlus"})
    await seed_videos(finding, anna, 1, title="zanzibarium")
    kept = (await ben.post("/api/v1/posts", {"text": "zanzibarium stays"})).json["id"]
    assert len(await ids(ben, "zanzibarium")) == 3
    assert (await anna.delete("/api/v1/me", json={"immediately": True, "password": anna.password})).status == 202

    async def entries() -> int:
        async with finding.app.db.read() as conn:
            return len((await conn.execute(select(search_entry.c.n).where(search_entry.c.owner_id == anna.id))).all())

    async def gone() -> bool:
        return not await entries()

    await until(gone, "the entries to go", 40)
    assert await ids(ben, "zanzibarium") == {kept}
    assert (await ask(ben, "quetzalcoatlus", "tags"))["tags"] == []
    assert (await ask(ben, "anna", "people"))["people"] == []
    if finding.app.db.dialect == "sqlite":
        async with finding.app.db.write() as conn:
            await conn.execute(text("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab('main', 'search_fts', 'row')"))
            terms = {row.term: row.doc for row in await conn.execute(text("SELECT term, doc FROM temp.vocabulary"))}
            await conn.execute(text("DROP TABLE temp.vocabulary"))
        assert (terms.get("zanzibarium"), terms.get("quetzalcoatlus")) == (1, None)


async def test_words_of_every_script_are_found(finding: Server) -> None:
    anna = await finding.person("anna")
    made = {written: (await anna.post("/api/v1/posts", {"text": written})).json["id"] for written in FOREIGN}
    missing = [
        (written, query, form)
        for written, queries in FOREIGN.items()
        for query in queries
        for form in ("NFC", "NFD")
        if made[written] not in await ids(anna, unicodedata.normalize(form, query), "posts")
    ]
    assert missing == []
    if finding.app.db.dialect == "sqlite":  # PostgreSQL has no such folding without an extension
        assert await ids(anna, "koln", "posts") == {made["Straße nach Köln"]}


async def test_a_hostile_query_finds_what_its_words_say_and_breaks_nothing(finding: Server) -> None:
    anna = await finding.person("anna")
    walrus = (await anna.post("/api/v1/posts", {"text": "a walrus"})).json["id"]
    await anna.post("/api/v1/posts", {"text": "a seal"})
    both = (await anna.post("/api/v1/posts", {"text": "walrus and seal, not or near text"})).json["id"]
    found = {query: await ids(anna, query, "posts") for query in HOSTILE}
    # Operators are words like others, marks are none.
    for query in ('walrus"', "walrus*", "^walrus", "walrus\\"):
        assert found[query] == {walrus, both}, query
    for query in ("walrus OR seal", '"walrus" OR "seal"', "NEAR(walrus seal)", "walrus & !seal", "walrus <-> seal", "walrus' | 'seal"):
        assert found[query] == {both}, query
    for query in ("wal%", "NOT walrus", "text:walrus"):
        assert found[query] <= {walrus, both}, query
    assert found["w_lrus"] == found["walrus); DROP TABLE post; --"] == found["a" * 100] == set()
    assert await ids(anna, "walrus", "posts") == {walrus, both}


async def test_searching_too_often_is_refused_with_the_time_to_wait(start_server: StartServer) -> None:
    server = await start_server(rate_scale=1.0)
    anna = await server.person("anna")
    answers = [await anna.get(PATH, params={"q": "walrus", "kind": "posts"}) for _ in range(122)]
    assert [answer.status for answer in answers] == [200] * 120 + [429] * 2
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


@pytest.mark.postgres
async def test_search_is_written_when_what_it_holds_changes_and_not_when_a_counter_does(
    start_server: StartServer, postgres_url: str
) -> None:
    server = await start_server(database_url=postgres_url)
    anna = await server.person("anna")
    post = (await anna.post("/api/v1/posts", {"text": "A walrus", "visibility": "everyone"})).json

    async def written() -> str:
        async with server.app.db.read() as conn:
            return str((await conn.execute(text("SELECT xmin FROM search_entry WHERE content_id = :id"), {"id": post["id"]})).scalar_one())

    first = await written()
    assert (await anna.put(f"/api/v1/posts/{post['id']}/like")).status in (200, 204)
    assert (await anna.get(f"/api/v1/posts/{post['id']}")).json["likes"] == 1
    assert await written() == first
    assert (await anna.patch(f"/api/v1/posts/{post['id']}", {"text": "A seal"})).status == 200
    assert await written() != first
    assert [item["id"] for item in (await anna.get(f"{PATH}?q=seal")).json["items"]] == [post["id"]]
