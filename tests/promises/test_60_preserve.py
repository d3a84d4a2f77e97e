"""60. Preserve: what belongs to somebody stays under a legal hold, unseen by others; its end finishes the deletion; two staff are needed."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from livecore.insight.tables import telemetry_event
from livecore.ports import KeyDestroyed
from livecore.privacy.erasure import ERASE, HELD_MS
from tests.conftest import StartServer
from tests.library.recorded import keep
from tests.library.test_replays import replay_of
from tests.people import Person
from tests.promises.test_37_delete import delete_at_once, erased, traces
from tests.promises.test_40_usage import event
from tests.rooms.talk import direct, friends, hears, nothing_held, received, rows, say
from tests.serving import Server
from tests.waiting import until

DAY_S = 86_400


def hold_of(server: Server, username: str, days: int = 365) -> dict[str, Any]:
    return {"username": username, "reason": "Request 7 of the court", "ends_at": server.clock.at_ms() + days * DAY_S * 1000}


async def held(server: Server, username: str, one: Person, other: Person, days: int = 365) -> str:
    """A hold that is in force; its id."""
    asked = await one.post("/api/v1/admin/holds", hold_of(server, username, days))
    assert asked.status == 201, asked
    agreed = await other.post(f"/api/v1/admin/holds/{asked.json['id']}/approve")
    assert agreed.status == 200, agreed
    return str(asked.json["id"])


async def staff(server: Server) -> tuple[Person, Person]:
    return await server.person("lena", staff="legal"), await server.person("otto", staff="admin")


async def messages_kept(staff_member: Person, hold_id: str) -> int:
    found = (await staff_member.get("/api/v1/admin/holds")).json["items"]
    return next(int(one["messages"]) for one in found if one["id"] == hold_id)


async def test_60_two_of_the_staff_are_needed_and_each_act_is_in_the_log(server: Server) -> None:
    lena, otto = await staff(server)
    anna, mod = await server.person("anna"), await server.person("mod", staff="moderator")
    for somebody in (anna, mod):
        assert (await somebody.post("/api/v1/admin/holds", hold_of(server, "anna"))).status == 403
    for wrong in ({"ends_at": 5}, {"ends_at": server.clock.at_ms() + 2000 * DAY_S * 1000}, {"reason": ""}):
        assert (await lena.post("/api/v1/admin/holds", hold_of(server, "anna") | wrong)).status == 422
    assert (await lena.post("/api/v1/admin/holds", hold_of(server, "nobody"))).status == 404
    asked = (await lena.post("/api/v1/admin/holds", hold_of(server, "anna"))).json
    assert (asked["reason"], asked["approved_at"]) == ("Request 7 of the court", None)
    assert not await server.app.holds.held(anna.id)
    alone = await lena.post(f"/api/v1/admin/holds/{asked['id']}/approve")
    assert (alone.status, alone.type) == (403, "second_person")
    assert (await otto.post(f"/api/v1/admin/holds/{asked['id']}/approve")).status == 200
    assert (await otto.post(f"/api/v1/admin/holds/{asked['id']}/approve")).status == 409
    assert await server.app.holds.held(anna.id)
    # The person is not told, nor is anybody else.
    assert (await anna.get("/api/v1/me/notices")).json["items"] == []
    assert (await lena.post(f"/api/v1/admin/holds/{asked['id']}/end", {"reason": "Settled"})).status == 204
    assert (await lena.post(f"/api/v1/admin/holds/{asked['id']}/end", {"reason": "Settled"})).status == 409
    assert (await lena.get("/api/v1/admin/holds")).json["items"] == []
    acts = [(entry["act"], entry["actor"]) for entry in (await lena.get("/api/v1/admin/audit")).json["items"]]
    wanted = [("hold.ended", lena.id), ("hold.approved", otto.id), ("hold.asked", lena.id)]
    assert [act for act in acts if act[0].startswith("hold.")] == wanted


async def test_60_messages_and_logs_over_their_time_stay(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    lena, otto = await staff(server)
    talk, a, b = await direct(anna, ben), await anna.connect(), await ben.connect()
    await say(b, talk, "said before")
    await hears(a, "said before")
    await received(a, talk, 1)
    hold_id = await held(server, "anna", lena, otto)
    await say(b, talk, "marmalade one")
    await hears(a, "said before", "marmalade one")
    await received(a, talk, 2)
    await received(b, talk, 2)
    await nothing_held(server)
    assert await messages_kept(lena, hold_id) == 1
    await a.close()
    await say(b, talk, "marmalade two")
    await b.close()
    for who in (anna, ben):
        assert (await who.post("/api/v1/telemetry/events", {"events": [event(server, 1)]})).status == 202
    server.clock.advance(200 * DAY_S)
    await server.app.rooms.expiry.run()
    await server.app.retention.apply()
    await nothing_held(server)
    async with server.app.db.read() as conn:
        assert set((await conn.execute(select(telemetry_event.c.account_id))).scalars()) == {anna.id}
    for who in (anna, lena):
        await who.sign_in()
    # Unseen by others, and by the person: their time was over.
    again = await anna.connect()
    answer = await again.call("sync", {"conversations": {talk: {"epoch": None, "seq": 0}}})
    assert "marmalade" not in str(answer)
    await again.close()
    assert await messages_kept(lena, hold_id) == 2
    assert not [path for path in server.settings.data_dir.rglob("*") if path.is_file() and b"marmalade" in path.read_bytes()]


async def test_60_a_deletion_waits_for_the_end_of_the_hold(server: Server, tmp_path: Path) -> None:
    anna, ben = await friends(server, "annamarker", "ben")
    lena, otto = await staff(server)
    video = await keep(server, anna, tmp_path, title="Marker film")
    hold_id = await held(server, "annamarker", lena, otto)
    await delete_at_once(anna)

    async def waits() -> bool:
        async with server.app.db.read() as conn:
            due = (await conn.exec_driver_sql(f"SELECT due_ms FROM job WHERE kind = '{ERASE}' AND holder IS NULL")).scalars().all()
        return any(one > server.clock.at_ms() + HELD_MS / 2 for one in due)

    await until(waits, "the erasure to wait")
    assert [item async for item in server.app.storage.list(f"videos/{anna.id}/{video}")]
    assert await rows(server, "video") == 1
    for path in (f"/api/v1/videos/{video}", "/api/v1/users/annamarker"):
        assert (await ben.get(path)).status == 404
    assert (await lena.post(f"/api/v1/admin/holds/{hold_id}/end", {"reason": "Settled"})).status == 204
    await erased(server, anna)
    assert [item async for item in server.app.storage.list(f"videos/{anna.id}")] == []
    assert traces(anna)
    with pytest.raises(KeyDestroyed):
        await server.app.keys.seal(f"hold:{hold_id}", b"x", "x")


async def test_60_a_hold_ends_with_its_time_and_replays_stay_until_then(start_server: StartServer, tmp_path: Path) -> None:
    server = await start_server(replay_days=10)
    anna, ben = await server.person("anna"), await server.person("ben")
    lena, otto = await staff(server)
    kept, gone = await replay_of(server, anna, tmp_path), await replay_of(server, ben, tmp_path)
    await held(server, "anna", lena, otto, days=30)
    for _ in range(2):
        server.clock.advance(12 * DAY_S)
        await server.app.retention.apply()
    await anna.sign_in()
    assert (await anna.get(f"/api/v1/videos/{kept['id']}")).status == 200
    assert (await anna.get(f"/api/v1/videos/{gone['id']}")).status == 404
    server.clock.advance(12 * DAY_S)
    await server.app.retention.apply()
    await anna.sign_in()
    await lena.sign_in()
    assert (await anna.get(f"/api/v1/videos/{kept['id']}")).status == 404
    assert (await lena.get("/api/v1/admin/holds")).json["items"] == []
    assert (await lena.get("/api/v1/admin/audit")).json["items"][0]["act"] == "hold.expired"
