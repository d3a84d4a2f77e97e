"""23 to 27. The address book: repeatable, users and others, with one's word, limited, managed."""

import asyncio
import hashlib
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, update

from livecore.accounts import phone_index
from livecore.data import metadata
from livecore.people import tables
from livecore.people.contacts import ROWS_A_TURN
from livecore.platform.quota import quota
from tests.clocks import ShiftedClock
from tests.conftest import StartServer
from tests.people import Person
from tests.rooms.talk import direct, refusal
from tests.serving import Answer, Server
from tests.waiting import until

STRANGER = "+4915118887766"


async def sync(person: Person, **body: object) -> dict[str, object]:
    answer = await person.post("/api/v1/contacts", {"authorized": True} | body)
    assert answer.status == 200, answer
    return dict(answer.json)


async def names(person: Person) -> list[str]:
    return sorted(item["user"]["username"] for item in (await person.get("/api/v1/contacts")).json["items"])


async def count(server: Server, person: Person) -> int:
    async with server.app.db.read() as conn:
        query = select(func.count()).select_from(tables.contact).where(tables.contact.c.owner_id == person.id)
        return int((await conn.execute(query)).scalar_one())


async def test_23_full_then_incremental_and_the_same_again_changes_nothing(server: Server) -> None:
    anna, ben, cara = [await server.person(name) for name in ("anna", "ben", "cara")]
    first = await sync(anna, add=[ben.phone, STRANGER], full=True)
    assert (first["added"], first["removed"], first["unchanged"]) == (2, 0, 0)
    again = await sync(anna, add=[ben.phone, STRANGER], full=True)
    assert (again["added"], again["removed"], again["unchanged"]) == (0, 0, 2)
    assert await names(anna) == ["ben"]
    more = await sync(anna, add=[cara.phone], remove=[ben.phone])
    assert (more["added"], more["removed"]) == (1, 1)
    assert await names(anna) == ["cara"]
    whole = await sync(anna, add=[ben.phone], full=True)
    assert (whole["added"], whole["removed"]) == (1, 2)
    assert await names(anna) == ["ben"]


async def test_23_numbers_are_read_as_people_write_them(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    local = "0" + ben.phone.removeprefix("+49")
    done = await sync(anna, add=[local, ben.phone, f" {ben.phone[:5]} {ben.phone[5:]} ", "no number", "+1"])
    assert (done["added"], done["rejected"]) == (1, 2)
    assert await names(anna) == ["ben"]


async def test_24_others_are_kept_as_hashes_and_told_of_when_they_join(server: Server) -> None:
    anna = await server.person("anna")
    done = await sync(anna, add=[STRANGER])
    assert done["items"] == []
    async with server.app.db.read() as conn:
        row = (await conn.execute(select(tables.contact))).one()
    assert (len(row.phone_hash), row.account_id) == (32, None)
    for path in server.settings.data_dir.rglob("*"):
        assert not path.is_file() or STRANGER.encode() not in path.read_bytes(), path
    listener = await anna.connect()
    joiner = await server.person("joiner", phone=STRANGER, verify=False)
    assert await names(anna) == []
    await joiner.verify()
    await until(lambda: listener.heard("contact:joined"), "the news")
    assert [event["user"]["username"] for event in listener.heard("contact:joined")] == ["joiner"]
    assert await names(anna) == ["joiner"]
    await listener.close()


@pytest.mark.embedded
async def test_24_without_the_key_which_is_not_in_the_database_the_hashes_say_nothing(start_server: StartServer, tmp_path: Path) -> None:
    server = await start_server(data_dir=tmp_path / "one")
    anna = await server.person("anna")
    await sync(anna, add=[STRANGER])
    async with server.app.db.read() as conn:
        hashed = (await conn.execute(select(tables.contact.c.phone_hash))).scalar_one()
    for tried in (STRANGER, STRANGER.lstrip("+")):
        assert hashed != hashlib.sha256(tried.encode()).digest()
    await server.app.db.checkpoint()
    await server.stop()
    # The same database with other keys: the same number is another one.
    stolen = tmp_path / "two"
    stolen.mkdir()
    shutil.copy2(tmp_path / "one" / "livecore.sqlite", stolen)
    other = await start_server(data_dir=stolen)
    ben = await other.person("ben", phone="+4915118880001")
    await sync(ben, add=[STRANGER])
    async with other.app.db.read() as conn:
        found = (await conn.execute(select(tables.contact.c.owner_id, tables.contact.c.phone_hash))).all()
    assert len({bytes(row.phone_hash) for row in found}) == len(found) == 2


async def test_24_a_number_that_changed_hands_is_no_longer_theirs(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await sync(anna, add=[ben.phone])
    await ben.patch("/api/v1/me", {"phone": STRANGER})
    assert await names(anna) == ["ben"]
    await ben.post("/api/v1/accounts/verify", {"channel": "phone", "code": await server.code(STRANGER)})
    assert await names(anna) == []
    await sync(anna, add=[STRANGER])
    assert await names(anna) == ["ben"]


@pytest.mark.parametrize("body", [{}, {"authorized": False}, {"authorized": None}, {"authorized": "yes"}])
async def test_25_without_ones_word_nothing_is_stored(server: Server, body: dict[str, object]) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    answer = await anna.post("/api/v1/contacts", {"add": [ben.phone]} | body)
    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == ["authorized"]
    assert await count(server, anna) == 0
    async with server.app.db.read() as conn:
        assert (await conn.execute(select(tables.contact_consent))).all() == []


async def test_25_ones_word_is_kept(server: Server) -> None:
    anna = await server.person("anna")
    await sync(anna, add=[STRANGER])
    async with server.app.db.read() as conn:
        (consent,) = (await conn.execute(select(tables.contact_consent))).all()
    assert (consent.account_id, consent.text_version, consent.network) == (anna.id, "1", "127.0.0.0/24")
    assert abs(consent.at_ms - server.clock.at_ms()) < 60_000


async def test_26_new_numbers_are_limited_and_known_ones_are_not(start_server: StartServer) -> None:
    server = await start_server(rate_scale=1.0)
    anna = await server.person("anna")
    book = [f"+4915{number:09d}" for number in range(20_000)]
    assert (await sync(anna, add=book, full=True))["added"] == 20_000
    refused = await anna.post("/api/v1/contacts", {"authorized": True, "add": ["+4916000000001"]})
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert await count(server, anna) == 20_000
    assert (await sync(anna, add=book, full=True))["unchanged"] == 20_000
    # Taking numbers out and in again is no way round it.
    assert (await sync(anna, remove=book[:10]))["removed"] == 10
    assert (await anna.post("/api/v1/contacts", {"authorized": True, "add": book[:10]})).status == 429


async def give_from(address: str, person: Person, **body: object) -> Answer:
    """A sync that comes from that address, as the proxy in front says."""
    return await person.post("/api/v1/contacts", {"authorized": True} | body, headers={"X-Forwarded-For": address})


# Ten, so that each is counted to its end: a tenth of a thousandth of what stands in `RATES`.
TEN = 10 / 20_000
HERE, THERE = "198.51.100.7", "198.51.100.8"


async def test_26_neither_a_second_account_nor_device_nor_address_gives_more(start_server: StartServer) -> None:
    """20,000 new numbers in ten days, of an account, of a device and of an address: whoever changes two of them is held by the third."""
    server = await start_server(rate_scale=100.0, trusted_proxies=1)
    anna, ben, cara, dora = [await server.person(name) for name in ("anna", "ben", "cara", "dora")]
    server.app.platform.quota.scale = TEN
    book = [f"+4915{number:09d}" for number in range(20)]
    assert (await give_from(HERE, anna, add=book[:9], full=True)).json["added"] == 9
    # Refused whole, and nothing is used up by it.
    assert (await give_from(HERE, anna, add=book[:11], full=True)).status == 429
    assert await count(server, anna) == 9
    assert (await give_from(HERE, anna, add=book[:10], full=True)).json["added"] == 1
    await ben.sign_in(anna.device)
    for place, who, why in ((THERE, anna, "account"), ("203.0.113.9", ben, "device"), (HERE, cara, "address")):
        refused = await give_from(place, who, add=[book[19]], full=True)
        assert (refused.status, int(refused.headers["Retry-After"]) > 9 * 86_400) == (429, True), why
    assert [await count(server, one) for one in (anna, ben, cara)] == [10, 0, 0]
    assert (await give_from("203.0.113.10", dora, add=[book[19]], full=True)).json["added"] == 1
    # Ten days later each of them may go on.
    server.clock.advance(10 * 86_400 + 3600)
    for person in (anna, ben, cara):
        await person.sign_in()
        assert (await give_from(HERE, person, add=[book[18]])).status == 200


async def test_26_an_ipv6_subscriber_is_one_address(start_server: StartServer) -> None:
    server = await start_server(trusted_proxies=1)
    anna, ben = await server.person("anna"), await server.person("ben")
    server.app.platform.quota.scale = TEN
    book = [f"+4915{number:09d}" for number in range(11)]
    assert (await give_from("2001:db8:1:2::1", anna, add=book[:10], full=True)).status == 200
    assert (await give_from("2001:db8:1:2:ffff::9", ben, add=book[10:], full=True)).status == 429
    assert (await give_from("2001:db8:1:3::1", ben, add=book[10:], full=True)).status == 200


async def test_26_a_restart_forgets_no_quota_and_time_does(start_server: StartServer, tmp_path: Path) -> None:
    clock = ShiftedClock()
    server = await start_server(data_dir=tmp_path / "kept", clock=clock)
    server.app.platform.quota.scale = TEN
    anna = await server.person("anna")
    book = [f"+4915{number:09d}" for number in range(11)]
    assert (await sync(anna, add=book[:10], full=True))["added"] == 10
    await server.stop()
    server = anna.server = await start_server(data_dir=tmp_path / "kept", clock=clock)
    server.app.platform.quota.scale = TEN
    assert (await anna.post("/api/v1/contacts", {"authorized": True, "add": book, "full": True})).status == 429
    clock.advance(11 * 86_400)
    await server.app.retention.apply()
    async with server.app.db.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(quota))).scalar_one() == 0


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgres" else ""


async def test_26_syncs_at_once_do_not_pass_the_quota(start_server: StartServer, database: str) -> None:
    server = await start_server(database_url=database)
    anna = await server.person("anna")
    server.app.platform.quota.scale = TEN
    books = [[f"+4915{first}{number:08d}" for number in range(3)] for first in range(5)]
    answers = await asyncio.gather(*(anna.post("/api/v1/contacts", {"authorized": True, "add": book}) for book in books))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 429, 429]
    assert await count(server, anna) == 9


async def test_26_whatever_way_one_asks_an_account_learns_no_more_of_who_has_a_number(server: Server) -> None:
    """Three new numbers in ten days instead of 20,000, and one change of one's own number a day instead of ten."""
    anna, friend, *others = [await server.person(name) for name in ("anna", "friend", "ben", "cara", "dora", "emma", "fay")]
    await server.befriend(anna, friend)
    talk = await direct(anna, friend)
    server.app.platform.quota.scale = 3.5 / 20_000
    numbers = [other.phone for other in others]
    learned: set[str] = set()

    async def give(**body: object) -> int:
        answer = await anna.post("/api/v1/contacts", {"authorized": True} | body)
        learned.update(item["user"]["username"] for item in answer.json.get("items", []))
        return answer.status

    assert [await give(add=numbers[:2], full=True), await give(add=numbers[2:4])] == [200, 429]
    assert [await give(add=[numbers[2]], remove=[numbers[0]]), await give(add=[numbers[3]], full=True)] == [200, 429]
    # Neither an empty book nor another device of hers, nor a repeated number among new ones, opens it again.
    assert (await anna.delete("/api/v1/contacts")).status == 204
    await anna.sign_in({"id": "another", "name": "Other phone"})
    assert [await give(add=[number], full=True) for number in numbers] == [429] * len(numbers)
    assert learned == {"ben", "cara", "dora"}
    # As her own number, where a number that is taken is refused: told once, then no more.
    taken = [await anna.patch("/api/v1/me", {"phone": number}) for number in (numbers[4], numbers[3], STRANGER)]
    assert [answer.status for answer in taken] == [409, 429, 429]
    assert server.sent(STRANGER) == []
    # And no other question tells a number that has an account from one that has none.
    socket = await anna.connect()
    for number in (numbers[3], numbers[4]):
        told = []
        for asked in (number, STRANGER):
            card = {"kind": "contact", "name": "X", "phone": asked}
            found = await anna.get("/api/v1/users", params={"q": asked})
            refused = await refusal(socket, "message:send", {"conversation": talk, "client_id": asked, "attachments": [card]})
            forgot = await server.call("POST", "/api/v1/password/forgot", {"login": asked})
            signed_in = await server.call("POST", "/api/v1/sessions", {"login": asked, "password": "x" * 12, "device": anna.device})
            profile = await anna.get("/api/v1/users/" + asked.lstrip("+"))
            said = [(answer.status, answer.type) for answer in (forgot, signed_in, profile)]
            told.append((found.status, found.json.get("items"), refused, said))
        assert told[0] == told[1]
    await socket.close()


async def test_26_changes_of_a_day_are_limited(start_server: StartServer) -> None:
    """20,000 numbers in syncs that are not full, of an account, of a device and of an address."""
    server = await start_server(trusted_proxies=1)
    anna, ben, cara, dora = [await server.person(name) for name in ("anna", "ben", "cara", "dora")]
    server.app.platform.quota.scale = TEN
    book = [f"+4915{number:09d}" for number in range(10)]
    assert (await give_from(HERE, anna, add=book[:6], full=True)).status == 200
    assert (await give_from(HERE, anna, remove=book[:6])).json["removed"] == 6
    assert (await give_from(HERE, anna, remove=book[:5])).status == 429
    assert (await give_from(HERE, anna, remove=book[:4])).json["unchanged"] == 0
    await ben.sign_in(anna.device)
    for place, who in ((THERE, anna), ("203.0.113.9", ben), (HERE, cara)):
        refused = await give_from(place, who, remove=[book[9]])
        assert (refused.status, 80_000 < int(refused.headers["Retry-After"]) <= 90_001) == (429, True), who.username
    assert (await give_from(THERE, dora, remove=[book[9]])).status == 200
    # A whole book is no change of a day.
    assert (await give_from(HERE, anna, add=book[:2], full=True)).status == 200


async def test_26_reading_a_book_leaves_the_loop_to_others(server: Server) -> None:
    anna = await server.person("anna")
    turns, reading = 0, True

    async def others() -> None:
        nonlocal turns
        while reading:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    found = await server.app.account_parts.phone_numbers.read(anna.id, [f"+4915{number:09d}" for number in range(20_000)])
    reading = False
    await beside
    assert len(set(found)) == 20_000
    assert turns >= 900


async def test_26_a_sync_does_a_bounded_part_of_its_work_in_a_turn_of_the_loop(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever chats meanwhile waits for a part of the book and never for the whole."""
    anna = await server.person("anna")
    turn, ended = 0, False
    numbers: Counter[int] = Counter()
    rows: Counter[int] = Counter()

    async def count_turns() -> None:
        nonlocal turn
        while not ended:
            turn += 1
            await asyncio.sleep(0)

    read = phone_index.normalised

    def counted(part: Sequence[str], region: str | None) -> list[str | None]:
        numbers[turn] += len(part)
        return read(part, region)

    def sent(_conn: Any, _cursor: Any, _statement: str, values: Any, _context: Any, many: bool) -> None:
        rows[turn] += len(values) if many else 1

    monkeypatch.setattr(phone_index, "normalised", counted)
    event.listen(Engine, "before_cursor_execute", sent)
    counting = asyncio.create_task(count_turns())
    try:
        book = [f"+4915{number:09d}" for number in range(3000)]
        assert (await sync(anna, add=book, full=True))["added"] == 3000
        assert (await sync(anna, add=book[:100], full=True))["removed"] == 2900
    finally:
        ended = True
        await counting
        event.remove(Engine, "before_cursor_execute", sent)
    assert sum(numbers.values()) == 3100
    assert max(numbers.values()) <= 20
    assert sum(rows.values()) >= 5900
    # A chunk, and the few single statements of other work in the same turn.
    assert max(rows.values()) <= ROWS_A_TURN + 20


async def test_24_a_match_that_was_cut_short_is_made_by_the_next_sync(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await sync(anna, add=[ben.phone])
    async with server.app.db.write() as conn:
        await conn.execute(update(tables.contact).values(account_id=None))
    assert (await sync(anna, add=[ben.phone], full=True))["unchanged"] == 1
    assert await names(anna) == ["ben"]


@pytest.mark.parametrize(("audience", "found"), [("everyone", True), ("contacts", False), ("friends", False), ("nobody", False)])
async def test_26_who_is_not_found_by_phone_never_matches(server: Server, audience: str, found: bool) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await ben.patch("/api/v1/me/settings", {"discoverable_by_phone": audience})
    done = await sync(anna, add=[ben.phone])
    assert bool(done["items"]) is found
    assert await names(anna) == (["ben"] if found else [])
    if audience == "contacts":
        await sync(ben, add=[anna.phone])
        assert await names(anna) == ["ben"]
    await ben.patch("/api/v1/me/settings", {"discoverable_by_phone": "everyone"})
    assert await names(anna) == ["ben"]
    await ben.put("/api/v1/blocks/anna")
    assert await names(anna) == []


async def test_26_nobody_learns_of_a_join_that_is_hidden(server: Server) -> None:
    anna = await server.person("anna")
    await sync(anna, add=[STRANGER, "+4915118887700"])
    listener = await anna.connect()
    hidden = await server.person("hidden", phone=STRANGER, verify=False)
    # Before the number is confirmed, and with it told of.
    assert (await hidden.patch("/api/v1/me/settings", {"discoverable_by_phone": "nobody"})).status == 200
    await hidden.verify()
    await server.person("shown", phone="+4915118887700")
    await until(lambda: listener.heard("contact:joined"), "the news of the second one")
    assert [event["user"]["username"] for event in listener.heard("contact:joined")] == ["shown"]
    await listener.close()


def held(server: Server, hashed: bytes) -> list[str]:
    """Files of the server in which the hash stands."""
    files = [path for path in server.settings.data_dir.glob("*.sqlite*") if path.is_file()]
    return [path.name for path in files if hashed in path.read_bytes()]


@pytest.mark.embedded
async def test_27_contacts_are_named_and_deleted_one_by_one_and_all(server: Server) -> None:
    anna, ben, cara = [await server.person(name) for name in ("anna", "ben", "cara")]
    await sync(anna, add=[ben.phone, cara.phone, STRANGER])
    assert (await anna.patch("/api/v1/contacts/ben", {"name": "Benny from work"})).status == 204
    items = (await anna.get("/api/v1/contacts")).json["items"]
    assert {item["user"]["username"]: item["name"] for item in items} == {"ben": "Benny from work", "cara": None}
    assert b"Benny from work" not in (server.settings.data_dir / "livecore.sqlite").read_bytes()
    assert (await anna.delete("/api/v1/contacts/cara")).status == 204
    assert (await anna.delete("/api/v1/contacts/cara")).status == 404
    assert (await anna.patch("/api/v1/contacts/nobody", {"name": "x"})).status == 404
    assert await names(anna) == ["ben"]
    assert await count(server, anna) == 2
    async with server.app.db.read() as conn:
        # Of the stranger: what stands for ben's number is how his own account is found.
        stranger = (await conn.execute(select(tables.contact.c.phone_hash).where(tables.contact.c.account_id.is_(None)))).scalar_one()
    assert held(server, stranger)
    assert (await anna.delete("/api/v1/contacts")).status == 204
    assert await names(anna) == []
    assert await count(server, anna) == 0
    # What was deleted is overwritten: neither a row nor a trace of one.
    await server.app.db.checkpoint()
    assert held(server, stranger) == []


async def holding(server: Server, *traces: bytes) -> set[str]:
    """Tables with a value of which one of these is a part."""
    found = set()
    async with server.app.db.read() as conn:
        for table in metadata.sorted_tables:
            for row in await conn.execute(select(table)):
                values = [bytes(value) for value in row if isinstance(value, (bytes, memoryview))] + [repr(row).encode()]
                if any(trace in value for trace in traces for value in values):
                    found.add(table.name)
    return found


async def test_27_of_what_is_deleted_no_table_holds_a_hash_or_a_name(start_server: StartServer, database: str) -> None:
    """One by one, all, or by a book that is empty now."""
    server = await start_server(database_url=database)
    anna, ben = await server.person("anna"), await server.person("ben")
    for how in ("one by one", "all", "an empty book"):
        await sync(anna, add=[ben.phone, STRANGER])
        await anna.patch("/api/v1/contacts/ben", {"name": "Benny from work"})
        async with server.app.db.read() as conn:
            rows = {row.account_id: row for row in await conn.execute(select(tables.contact).where(tables.contact.c.owner_id == anna.id))}
        traces = (bytes(rows[None].phone_hash), bytes(rows[ben.id].name))
        assert await holding(server, *traces) == {"contact"}
        if how == "one by one":
            assert (await anna.delete("/api/v1/contacts/ben")).status == 204
            assert await holding(server, traces[1]) == set()
            await sync(anna, remove=[STRANGER])
        elif how == "all":
            assert (await anna.delete("/api/v1/contacts")).status == 204
        else:
            assert (await sync(anna, add=[], full=True))["removed"] == 2
        assert await count(server, anna) == 0
        assert await holding(server, *traces, b"Benny from work", STRANGER.encode()) == set(), how


async def test_27_a_contact_sees_what_is_for_contacts(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await anna.patch("/api/v1/me/settings", {"visibility_phone": "contacts", "who_can_message": "contacts"})
    assert (await ben.get("/api/v1/users/anna")).json["phone"] is None
    await sync(anna, add=[ben.phone])
    profile = (await ben.get("/api/v1/users/anna")).json
    assert (profile["phone"], profile["can_message"]) == (anna.phone, True)
    assert (await ben.post("/api/v1/conversations", {"kind": "direct", "members": ["anna"]})).status == 201
    await sync(anna, remove=[ben.phone])
    assert (await ben.get("/api/v1/users/anna")).json["phone"] is None
