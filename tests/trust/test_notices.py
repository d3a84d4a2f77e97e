"""Notices: told at once to who is there, kept for who is not, once each."""

from tests.serving import Server
from tests.waiting import until


async def give(server: Server, account_id: str, key: str | None = None) -> None:
    async with server.app.db.write() as conn:
        await server.app.notices.notify(conn, account_id, "test", {"n": 1}, key=key)


async def test_a_connected_person_is_told_at_once_and_finds_it_again(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    listener, other = await anna.connect(), await ben.connect()
    await give(server, anna.id)
    told = (await until(lambda: [one for one in listener.heard("notice") if one["kind"] == "test"], "the notice"))[0]
    listed = [one for one in (await anna.get("/api/v1/me/notices")).json["items"] if one["kind"] == "test"]
    assert [one["id"] for one in listed] == [told["id"]]
    assert not [one for one in other.heard("notice") if one["kind"] == "test"]
    await listener.close()
    await other.close()


async def test_who_was_away_finds_it_and_marks_it_read(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await give(server, anna.id)
    unread = [one["id"] for one in (await anna.get("/api/v1/me/notices", params={"unread": "true"})).json["items"] if one["kind"] == "test"]
    assert len(unread) == 1
    # Somebody else's ids change nothing.
    assert (await ben.post("/api/v1/me/notices/read", {"ids": unread})).json["marked"] == 0
    assert (await anna.post("/api/v1/me/notices/read", {"ids": unread})).json["marked"] == 1
    left = (await anna.get("/api/v1/me/notices", params={"unread": "true"})).json["items"]
    assert unread[0] not in [one["id"] for one in left]


async def test_the_same_key_is_told_once(server: Server) -> None:
    anna = await server.person("anna")
    listener = await anna.connect()
    await give(server, anna.id, "policy:2")
    await give(server, anna.id, "policy:2")
    await give(server, anna.id, "policy:3")
    await until(lambda: len([one for one in listener.heard("notice") if one["kind"] == "test"]) == 2, "two notices")
    assert len([one for one in (await anna.get("/api/v1/me/notices")).json["items"] if one["kind"] == "test"]) == 2
    await listener.close()


async def test_68_a_published_version_is_announced_once_to_everybody(server: Server) -> None:
    lena = await server.person("lena", staff="legal")
    people = [await server.person(f"reader{number}") for number in range(3)]
    draft = {"summary": "Shorter.", "html": "<p>Second.</p>", "changes": "Shorter."}
    assert (await lena.post("/api/v1/admin/policies/privacy/versions", draft)).status == 201
    published = await lena.post("/api/v1/admin/policies/privacy/versions/2/publish", {})
    assert published.status in (200, 201), published

    async def announced() -> bool:
        counts = []
        for one in people:
            notices = (await one.get("/api/v1/me/notices")).json["items"]
            counts.append(len([notice for notice in notices if "policy" in notice["kind"]]))
        assert max(counts) <= 1
        return counts == [1, 1, 1]

    await until(announced, "one notice for each")
