"""Meeting somebody new, over Socket.IO: found, talked to, next, reported, gone."""

from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import select

from livecore.people import tables
from tests.conftest import StartServer
from tests.people import Listener, Person
from tests.serving import Server, settled
from tests.waiting import until


async def enter(listener: Listener, mode: str = "chat", **more: Any) -> None:
    answer = await listener.call("match:enter", {"mode": mode} | more)
    assert answer["ok"], answer


async def found(listener: Listener, number: int = 1) -> dict[str, Any]:
    await until(lambda: len(listener.heard("match:found")) >= number, "somebody to meet")
    return dict(listener.heard("match:found")[number - 1])


async def ended(listener: Listener, number: int = 1) -> dict[str, Any]:
    await until(lambda: len(listener.heard("match:ended")) >= number, "the end of the meeting")
    return dict(listener.heard("match:ended")[number - 1])


async def waiting(server: Server) -> list[str]:
    queue = server.app.meetings._queue
    return [one.account_id for mode in ("chat", "video") for one in await queue.waiting(mode, 100, server.clock.at_ms())]


async def two(server: Server) -> tuple[Person, Person, Listener, Listener]:
    anna, ben = await server.person("anna"), await server.person("ben")
    return anna, ben, await anna.connect(), await ben.connect()


async def test_two_who_wait_meet_talk_and_part(server: Server) -> None:
    anna, ben, hers, his = await two(server)
    await anna.patch("/api/v1/me", {"interests": ["Chess", "#music"], "languages": ["de"]})
    await enter(hers)
    await enter(his, interests=["music", "cooking"], languages=["de", "en"])
    for listener, other in ((hers, ben), (his, anna)):
        meeting = await found(listener)
        assert (meeting["peer"]["username"], meeting["peer"]["interests"], meeting["mode"]) == (other.username, ["music"], "chat")
        assert "live" not in meeting
    # Next: what a profile hides a meeting does not tell either; the other still shows it.
    await anna.patch("/api/v1/me/settings", {"visibility_status": "friends"})
    server.clock.advance(2 * 3600)
    for listener in (hers, his):
        await enter(listener, interests=["music"])
    assert [(await found(listener, 2))["peer"]["interests"] for listener in (hers, his)] == [["music"], []]
    conversation = (await found(hers, 2))["conversation"]
    assert (await found(his, 2))["conversation"] == conversation
    # Both take messages of friends only; here they write.
    message = {"conversation": conversation, "client_id": "one", "body": "hello stranger"}
    assert (await hers.call("message:send", message))["ok"]
    await until(lambda: his.heard("message:new"), "the message")
    assert (await his.call("message:send", message | {"body": "hello back"}))["ok"]
    assert (await his.call("match:leave"))["ok"]
    assert (await ended(hers, 2))["reason"] == "left"
    refused = await hers.call("message:send", message | {"client_id": "two"})
    assert refused["error"]["type"].endswith("not_friends")
    for listener in (hers, his):
        await listener.close()


async def test_who_became_friends_goes_on_talking(server: Server) -> None:
    anna, ben, hers, his = await two(server)
    await enter(hers)
    await enter(his)
    conversation = (await found(hers))["conversation"]
    await found(his)
    await server.befriend(anna, ben)
    await hers.call("match:leave")
    await ended(his)
    assert (await his.call("message:send", {"conversation": conversation, "client_id": "one", "body": "still"}))["ok"]
    for listener in (hers, his):
        await listener.close()


async def test_a_video_meeting_is_a_live_of_the_two_and_of_nobody_else(server: Server) -> None:
    anna, ben, hers, his = await two(server)
    cara = await server.person("cara")
    await enter(hers, "video")
    await enter(his, "video")
    one, other = await found(hers), await found(his)
    live = one["live"]["id"]
    assert other["live"]["id"] == live
    assert one["live"]["token"] != other["live"]["token"]
    assert one["live"]["peer_publication"] == other["live"]["publication"]
    for person, status in ((anna, 200), (ben, 200), (cara, 404)):
        assert (await person.get(f"/api/v1/lives/{live}")).status == status
        assert (await person.get("/api/v1/lives")).json["items"] == []
    for listener, mine in ((hers, one), (his, other)):
        joined = await listener.call("live:join", {"live": live})
        assert joined["ok"], joined
        # The token publishes: an offer that is none is looked at, a wrong token is not.
        headers = {"Content-Type": "application/sdp"}
        for token, status in ((mine["live"]["token"], 400), ("live_wrong", 401)):
            answer = await server.call("POST", mine["live"]["whip"], data=b"no offer", headers=headers, token=token)
            assert answer.status in (status, 503), answer
    theirs = await cara.connect()
    assert not (await theirs.call("live:join", {"live": live}))["ok"]
    await his.call("match:leave")
    await ended(hers)
    assert (await anna.get(f"/api/v1/lives/{live}")).json["state"] == "ended"
    for listener in (hers, his, theirs):
        await listener.close()


async def test_next_ends_the_meeting_and_avoids_whom_one_just_met(server: Server) -> None:
    anna, ben, hers, his = await two(server)
    cara = await server.person("cara")
    await enter(hers)
    await enter(his)
    await found(hers)
    await enter(hers)
    assert (await ended(his))["reason"] == "next"
    await enter(his)
    theirs = await cara.connect()
    await settled()
    assert len(hers.heard("match:found")) == 1
    await enter(theirs)
    # She waits longer than he.
    assert (await found(hers, 2))["peer"]["username"] == "cara"
    assert await waiting(server) == [ben.id]
    assert anna.id != ben.id
    for listener in (hers, his, theirs):
        await listener.close()


async def test_blocked_reported_and_reviewed_people_do_not_meet(server: Server) -> None:
    anna, ben, hers, his = await two(server)
    cara, dora = await server.person("cara"), await server.person("dora")
    await anna.put("/api/v1/blocks/ben")
    await enter(hers)
    await enter(his)
    theirs = await cara.connect()
    # Whoever is looked at for a report meets nobody.
    for reporter in (dora, await server.person("emma"), await server.person("fay")):
        await reporter.post("/api/v1/reports", {"target": {"kind": "user", "username": "cara"}, "reason": "spam"})
    refused = await theirs.call("match:enter", {"mode": "chat"})
    assert refused["error"]["type"] == "/problems/meeting_closed"
    # Why is not said: who is reported is not told by whom, nor that they were.
    assert not any(word in str(refused["error"]).lower() for word in ("report", "review"))
    await settled()
    assert sorted(await waiting(server)) == sorted([anna.id, ben.id])
    # Nobody learns of the block by it: he meets whoever comes next.
    fourth = await dora.connect()
    await enter(fourth)
    assert (await found(hers))["peer"]["username"] == "dora"
    assert his.heard("match:found") == []
    for listener in (hers, his, theirs, fourth):
        await listener.close()


@pytest.mark.parametrize("how", ["block", "report"])
async def test_a_block_or_a_report_ends_the_meeting_at_once(server: Server, how: str) -> None:
    anna, _, hers, his = await two(server)
    await enter(hers, "video")
    await enter(his, "video")
    meeting = await found(hers)
    await found(his)
    if how == "block":
        assert (await anna.put("/api/v1/blocks/ben")).status == 204
    else:
        report = {"target": {"kind": "user", "username": "ben"}, "reason": "harassment", "block": False}
        assert (await anna.post("/api/v1/reports", report)).status in (200, 201)
    assert (await ended(his))["meeting"] == meeting["meeting"]
    async with server.app.db.read() as conn:
        (row,) = (await conn.execute(select(tables.meeting))).all()
    assert row.ended_ms is not None
    assert (await anna.get(f"/api/v1/lives/{meeting['live']['id']}")).json["state"] == "ended"
    if how == "report":
        refused = await hers.call("message:send", {"conversation": meeting["conversation"], "client_id": "x", "body": "hey"})
        assert not refused["ok"]
        assert (await anna.get("/api/v1/discover/people")).json["items"] == []
    for listener in (hers, his):
        await listener.close()


async def test_the_wait_widens_by_the_clock(server: Server) -> None:
    _, _, hers, his = await two(server)
    await enter(hers, interests=["chess"], languages=["de"])
    await enter(his, interests=["music"], languages=["fr"])
    await settled()
    assert not hers.heard("match:found")
    server.clock.advance(60)
    # Looks again when something could have changed; a newcomer is such a thing too.
    server.app.meetings._wake.set()
    assert (await found(hers))["peer"]["interests"] == []
    for listener in (hers, his):
        await listener.close()


async def test_who_disconnects_or_leaves_waits_no_more(server: Server) -> None:
    anna, _, hers, his = await two(server)
    await enter(hers)
    assert await waiting(server) == [anna.id]
    await hers.close()

    async def nobody() -> bool:
        return await waiting(server) == []

    await until(nobody, "the queue to be empty")
    await enter(his)
    await his.call("match:leave")
    assert await nobody()
    await his.close()


async def test_bad_input_and_too_often_are_refused(start_server: StartServer) -> None:
    server = await start_server(rate_scale=0.1)
    anna = await server.person("anna")
    hers = await anna.connect()
    for data in (
        {},
        {"mode": "duel"},
        {"mode": "chat", "interests": ["x" * 25]},
        {"mode": "chat", "languages": ["German"]},
        {"mode": "chat", "x": 1},
    ):
        assert (await hers.call("match:enter", data))["error"]["status"] in (422, 429), data
    outcomes = [(await hers.call("match:enter", {"mode": "chat"})) for _ in range(7)]
    assert outcomes[-1]["error"]["status"] == 429
    await hers.close()


async def test_a_meeting_is_in_the_export_of_both_and_erased_with_either(server: Server) -> None:
    anna, ben, hers, his = await two(server)
    await enter(hers)
    await enter(his)
    await found(hers)
    for listener in (hers, his):
        await listener.close()
    assert (await anna.delete("/api/v1/me", json={"password": anna.password, "immediately": True})).status == 202

    async def erased() -> bool:
        async with server.app.db.read() as conn:
            return not (await conn.execute(select(tables.meeting))).all()

    await until(erased, "the meeting to be erased")
    assert ben.id


async def test_whom_the_queue_lost_waits_again(distributed: dict[str, str], start_server: StartServer) -> None:
    """A Redis that began anew, or one that took a process that stood still for gone."""
    one, other = await start_server(**distributed), await start_server(**distributed)
    anna, ben = await one.person("anna"), await one.person("ben")
    ben.server = other
    hers, his = await anna.connect(), await ben.connect()
    await enter(hers)
    async with Redis.from_url(distributed["redis_url"]) as redis:
        await redis.delete(*[key async for key in redis.scan_iter("livecore:match:*")])
    await enter(his)
    assert (await found(hers))["peer"]["username"] == "ben"
    assert (await found(his))["peer"]["username"] == "anna"
    for listener in (hers, his):
        await listener.close()


async def test_who_may_not_meet_strangers_is_refused_or_passed_over(server: Server) -> None:
    """Unconfirmed, declined the policy, suspended while they wait, found to be a minor, or muted by the other."""
    boss = await server.person("boss", staff="admin")
    names = ("declined", "suspended", "minor", "loud", "anna", "ben")
    people = {name: await server.person(name) for name in names} | {"new": await server.person("new", verify=False)}
    sockets = {name: await person.connect() for name, person in people.items()}
    assert (await people["declined"].post("/api/v1/policies/privacy/decline")).status in (200, 204)
    for name, why in (("new", "unverified"), ("declined", "policy_declined")):
        refused = await sockets[name].call("match:enter", {"mode": "chat"})
        assert refused["error"]["type"] == f"/problems/{why}"
    for name, mode in (("suspended", "chat"), ("minor", "video")):
        await enter(sockets[name], mode)
    assert (await boss.post("/api/v1/admin/users/suspended/suspend", {"reason": "Spam"})).status in (200, 204)
    assert (await boss.post("/api/v1/admin/users/minor/purge", {"ground": "underage", "reason": "Said so"})).status == 202
    for name in ("suspended", "minor"):
        await until(lambda name=name: not sockets[name].connected, f"the end of the socket of the {name} one")

    async def nobody_waits() -> bool:
        return await waiting(server) == []

    await until(nobody_waits, "those who are out to wait no more")
    assert (await people["anna"].put("/api/v1/feed/muted/loud")).status == 204
    for name in ("loud", "anna"):
        await enter(sockets[name])
    await settled()
    assert len(await waiting(server)) == 2
    await enter(sockets["ben"])
    peers = {name: (await found(sockets[name]))["peer"]["username"] for name in ("loud", "ben")}
    assert peers == {"loud": "ben", "ben": "loud"}
    assert sockets["anna"].heard("match:found") == []
    for socket in sockets.values():
        await socket.close()


async def test_under_restriction_nothing_of_the_profile_chooses_whom_one_meets(server: Server) -> None:
    """What one says with the wish itself still counts."""
    anna, ben, hers, his = await two(server)
    for person, word in ((anna, "chess"), (ben, "music")):
        await person.patch("/api/v1/me", {"interests": [word], "languages": ["de"]})
    await enter(hers)
    await enter(his)
    await settled()
    assert hers.heard("match:found") == []
    assert (await anna.patch("/api/v1/me/settings", {"restrict": True})).status == 200
    await enter(hers, interests=["chess"])
    await settled()
    assert hers.heard("match:found") == []
    await enter(hers)
    assert (await found(hers))["peer"]["interests"] == []
    for listener in (hers, his):
        await listener.close()


async def test_friends_are_not_paired_as_strangers(server: Server) -> None:
    anna, ben, hers, his = await two(server)
    await server.befriend(anna, ben)
    await enter(hers)
    await enter(his)
    await settled()
    assert sorted(await waiting(server)) == sorted([anna.id, ben.id])
    theirs = await (await server.person("cara")).connect()
    await enter(theirs)
    assert (await found(hers))["peer"]["username"] == "cara"
    assert his.heard("match:found") == []
    for listener in (hers, his, theirs):
        await listener.close()
