"""Calls between two people over Socket.IO: who is rung, who answers, how they end, and what others do not learn."""

import asyncio
from typing import Any

from tests.conftest import StartServer
from tests.people import Listener, Person
from tests.rooms.talk import friends, refusal
from tests.serving import Server
from tests.waiting import until


async def pair(server: Server) -> tuple[Person, Person, Listener, Listener]:
    anna, ben = await friends(server, "anna", "ben")
    return anna, ben, await anna.connect(), await ben.connect()


async def ring(caller: Listener, callee: Listener, username: str, video: bool = True) -> str:
    answer = await caller.call("call:start", {"user": username, "video": video})
    assert answer["ok"], answer
    call = str(answer["data"]["call"])
    await until(lambda: [one for one in callee.heard("call:ringing") if one["call"] == call], "ringing")
    return call


async def ended(listener: Listener, call: str) -> str:
    found = await until(lambda: [one for one in listener.heard("call:ended") if one["call"] == call], "the end of the call")
    assert len(found) == 1
    return str(found[0]["reason"])


async def past(person: Person) -> list[dict[str, Any]]:
    answer = await person.get("/api/v1/calls")
    assert answer.status == 200, answer
    return list(answer.json["items"])


async def test_a_call_is_rung_answered_and_hung_up(server: Server) -> None:
    anna, ben, a, b = await pair(server)
    call = await ring(a, b, "ben")
    rung = b.heard("call:ringing")[0]
    assert (rung["from"]["username"], rung["video"]) == ("anna", True)
    answer = await b.call("call:accept", {"call": call})
    assert answer["ok"], answer
    accepted = (await until(lambda: a.heard("call:accepted"), "the answer"))[0]
    hers, his = accepted["live"], answer["data"]
    assert hers["id"] == his["id"]
    assert (hers["publication"], hers["peer_publication"]) == (his["peer_publication"], his["publication"])
    assert hers["token"] != his["token"]
    assert (await a.call("call:end", {"call": call}))["ok"]
    assert await ended(a, call) == await ended(b, call) == "hung_up"
    for person, outgoing in ((anna, True), (ben, False)):
        [told] = await past(person)
        assert (told["id"], told["outgoing"], told["reason"]) == (call, outgoing, "hung_up")
        assert told["began_at"] <= told["answered_at"] <= told["ended_at"]
    assert (await a.call("call:end", {"call": call}))["ok"]
    assert len(a.heard("call:ended")) == 1


async def test_the_live_of_a_call_is_nobody_else_s(server: Server) -> None:
    anna, _ben, a, b = await pair(server)
    cleo = await server.person("cleo")
    await server.befriend(anna, cleo)
    call = await ring(a, b, "ben")
    live = (await b.call("call:accept", {"call": call}))["data"]["id"]
    assert (await cleo.get(f"/api/v1/lives/{live}")).status == 404
    assert await refusal(await cleo.connect(), "live:join", {"live": live}) == "not_found"
    assert live not in str((await cleo.get("/api/v1/discover/lives")).json)


async def test_of_two_devices_that_answer_one_does_and_the_other_stops_ringing(server: Server) -> None:
    _, ben, a, b = await pair(server)
    await ben.sign_in({"id": "second", "name": "Second"})
    second = await ben.connect()
    call = await ring(a, b, "ben")
    answers = await asyncio.gather(*(listener.call("call:accept", {"call": call}) for listener in (b, second)))
    assert sorted(answer["ok"] for answer in answers) == [False, True]
    [refused] = [answer for answer in answers if not answer["ok"]]
    assert refused["error"]["type"].endswith("/call_answered")
    for listener in (b, second):
        await until(lambda listener=listener: listener.heard("call:answered"), "that it was answered")


async def test_declined_cancelled_and_missed(start_server: StartServer) -> None:
    server = await start_server(call_ring_s=1.5)
    anna, ben, a, b = await pair(server)
    call = await ring(a, b, "ben")
    assert (await b.call("call:end", {"call": call}))["ok"]
    assert await ended(a, call) == "declined"
    call = await ring(a, b, "ben")
    assert (await a.call("call:end", {"call": call}))["ok"]
    assert await ended(b, call) == "cancelled"
    call = await ring(a, b, "ben")
    assert await ended(a, call) == await ended(b, call) == "missed"
    assert await refusal(b, "call:accept", {"call": call}) == "call_over"
    assert [one["reason"] for one in await past(ben)] == ["missed", "cancelled", "declined"]
    notices = (await ben.get("/api/v1/me/notices")).json["items"]
    assert [one["kind"] for one in notices].count("call_missed") == 2
    assert not [one for one in (await anna.get("/api/v1/me/notices")).json["items"] if one["kind"] == "call_missed"]


async def test_who_is_in_a_call_is_busy(server: Server) -> None:
    _anna, ben, a, b = await pair(server)
    cleo = await server.person("cleo")
    await server.befriend(ben, cleo)
    c = await cleo.connect()
    call = await ring(a, b, "ben")
    assert (await b.call("call:accept", {"call": call}))["ok"]
    answer = await c.call("call:start", {"user": "ben"})
    assert await ended(c, answer["data"]["call"]) == "busy"
    assert not [one for one in b.heard("call:ringing") if one["call"] == answer["data"]["call"]]
    assert await refusal(a, "call:start", {"user": "ben"}) == "in_call"
    assert await refusal(b, "call:start", {"user": "cleo"}) == "in_call"


async def test_two_who_ring_each_other_are_in_one_call(server: Server) -> None:
    _, _, a, b = await pair(server)
    call = await ring(a, b, "ben")
    answer = await b.call("call:start", {"user": "anna"})
    assert answer["data"]["call"] == call
    accepted = (await until(lambda: a.heard("call:accepted"), "the answer"))[0]
    assert accepted["live"]["id"] == answer["data"]["live"]["id"]


async def test_who_may_call_is_a_setting(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    a = await anna.connect()
    assert await refusal(a, "call:start", {"user": "ben"}) == "not_accepting_calls"
    await ben.patch("/api/v1/me/settings", {"who_can_call": "everyone"})
    b = await ben.connect()
    await ring(a, b, "ben")
    assert await refusal(a, "call:start", {"user": "anna"}) == "self"
    assert await refusal(a, "call:start", {"user": "nobody"}) == "not_found"


async def test_a_blocked_caller_is_not_told_and_rings_nowhere(start_server: StartServer) -> None:
    server = await start_server(call_ring_s=1.0)
    _anna, ben, a, b = await pair(server)
    assert (await ben.put("/api/v1/blocks/anna")).status == 204
    answer = await a.call("call:start", {"user": "ben"})
    assert answer["ok"]
    assert answer["data"]["live"] is None
    call = answer["data"]["call"]
    assert await refusal(b, "call:accept", {"call": call}) == "not_found"
    assert await refusal(b, "call:end", {"call": call}) == "not_found"
    assert await ended(a, call) == "missed"
    assert not b.heard("call:ringing")
    assert not b.heard("call:ended")
    assert await past(ben) == []
    assert not [one for one in (await ben.get("/api/v1/me/notices")).json["items"] if one["kind"] == "call_missed"]
    assert await refusal(b, "call:start", {"user": "anna"}) == "not_found"


async def test_a_block_ends_the_call_that_is_on(server: Server) -> None:
    anna, ben, a, b = await pair(server)
    call = await ring(a, b, "ben")
    assert (await b.call("call:accept", {"call": call}))["ok"]
    assert (await ben.put("/api/v1/blocks/anna")).status == 204
    assert await ended(a, call) == "left"
    assert await ended(b, call) == "left"
    assert await past(anna) == []


async def test_a_call_ends_with_its_live(server: Server) -> None:
    _, _, a, b = await pair(server)
    call = await ring(a, b, "ben")
    live = (await b.call("call:accept", {"call": call}))["data"]["id"]
    await server.app.lives.end(live, "host_left")
    assert await ended(a, call) == await ended(b, call) == "lost"


async def test_a_call_that_rings_is_found_by_a_device_that_was_woken(server: Server) -> None:
    _, ben, a, b = await pair(server)
    assert (await ben.get("/api/v1/calls/ringing")).json == {"items": []}
    call = await ring(a, b, "ben")
    [told] = (await ben.get("/api/v1/calls/ringing")).json["items"]
    assert (told["id"], told["peer"]["username"], told["reason"]) == (call, "anna", None)
    assert await past(ben) == []


async def test_a_call_whose_process_died_is_missed_all_the_same(server: Server) -> None:
    _, _, a, b = await pair(server)
    call = await ring(a, b, "ben")
    for task in server.app.calls._tasks:
        task.cancel()
    server.clock.advance(120)
    assert await ended(a, call) == "missed"


async def test_an_account_that_goes_takes_its_calls_along(server: Server) -> None:
    anna, ben, a, b = await pair(server)
    call = await ring(a, b, "ben")
    assert (await b.call("call:accept", {"call": call}))["ok"]
    answer = await ben.call("DELETE", "/api/v1/me", {"immediately": True, "password": ben.password})
    assert answer.status in (202, 204), answer
    assert await ended(a, call) in ("left", "lost")

    async def gone() -> bool:
        return await past(anna) == []

    await until(gone, "the calls to be forgotten")


async def test_ringing_again_and_again_has_a_limit(start_server: StartServer) -> None:
    server = await start_server(rate_scale=0.1)
    _, _, a, b = await pair(server)
    for _ in range(2):
        call = await ring(a, b, "ben")
        assert (await a.call("call:end", {"call": call}))["ok"]
    answer = await a.call("call:start", {"user": "ben"})
    assert not answer["ok"]
    assert answer["error"]["retry_after"] > 0
