"""A group as large as one may be."""

from sqlalchemy import insert

from livecore.accounts.records import Records, scope
from livecore.accounts.tables import account
from livecore.accounts.usernames import skeleton
from livecore.ids import new_id
from livecore.people.tables import friendship
from tests.people import Person
from tests.rooms.talk import hears, say
from tests.serving import Server

MEMBERS = 1000


async def seed_friends(server: Server, owner: Person, there: list[Person], count: int) -> list[str]:
    """Accounts straight into the table; all of them, and those of `there`, are friends of the owner's."""
    at_ms = server.app.clock.at_ms()
    ids, names = [new_id() for _ in range(count)], [f"member{number}" for number in range(count)]
    records = Records(server.app.db, server.app.keys)
    person = {"name": "Member Example", "email": "m@example.org", "phone": "+4915100000000", "birth_date": "1990-05-17"}
    await server.app.keys.prepare([scope(one) for one in ids])
    sealed = [await records.seal(one, person) for one in ids]
    every = {
        "password_hash": "none",
        "state": "active",
        "declined": False,
        "staff": [],
        "created_ms": at_ms,
        "seen_ms": at_ms,
        "version": 1,
    }
    rows = [
        every
        | values
        | {
            "id": one,
            "username": name,
            "folded": name,
            "skeleton": skeleton(name),
            "email_index": name.encode(),
            "phone_index": name.encode(),
        }
        for one, name, values in zip(ids, names, sealed, strict=True)
    ]
    pairs = [pair for one in [*ids, *(person.id for person in there)] for pair in ((owner.id, one), (one, owner.id))]
    async with server.app.db.write() as conn:
        await conn.execute(insert(account), rows)
        await conn.execute(insert(friendship), [{"account_id": one, "friend_id": other, "since_ms": at_ms} for one, other in pairs])
    return names


async def test_a_group_of_a_thousand_is_full_and_hears_each_message(server: Server) -> None:
    anna, ben, carl, dora, late = [await server.person(name) for name in ("anna", "ben", "carl", "dora", "late")]
    names = await seed_friends(server, anna, [ben, carl, dora, late], MEMBERS - 4)
    wanted = {"kind": "group", "title": "All", "members": [*names, "ben", "carl", "dora"]}
    refused = await anna.post("/api/v1/conversations", wanted | {"members": [*wanted["members"], "late"]})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "members")
    begun = await anna.post("/api/v1/conversations", wanted)
    assert begun.status == 201, begun
    talk = begun.json["id"]
    full = await anna.put(f"/api/v1/conversations/{talk}/members/late", {})
    assert (full.status, full.type) == (409, "full")
    a, b, c = await anna.connect(), await ben.connect(), await carl.connect()
    seq = (await say(a, talk, "hello all"))["seq"]
    for listener in (b, c):
        assert (await hears(listener, "hello all"))[0]["seq"] == seq
    # Counted for who is away, and held for everybody who has not got it.
    (listed,) = (await dora.get("/api/v1/conversations")).json["items"]
    assert listed["unread"] == 1
    async with server.app.db.read() as conn:
        query = "SELECT count(DISTINCT account_id) FROM device_cursor WHERE seq < " + str(seq)
        assert (await conn.exec_driver_sql(query)).scalar_one() >= MEMBERS - 3
