"""Who is told of whom."""

from typing import Any

from tests.people import Listener
from tests.rooms.talk import friends
from tests.serving import Server
from tests.waiting import until


async def watch(listener: Listener, *users: str) -> dict[str, Any]:
    answer = await listener.call("presence:subscribe", {"users": list(users)})
    assert answer["ok"], answer
    return {one["user"]: one for one in answer["data"]["users"]}


async def test_friends_see_each_other_come_and_go(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    a = await anna.connect()
    assert (await watch(a, "ben"))["ben"]["status"] == "offline"
    b = await ben.connect()
    assert (await until(lambda: a.heard("presence:update")))[0] | {"last_seen": None} == {
        "user": "ben",
        "status": "online",
        "text": None,
        "last_seen": None,
    }
    assert (await b.call("presence:set", {"status": "busy", "text": "cooking"}))["ok"]
    told = (await until(lambda: a.heard("presence:update")[1:]))[0]
    assert (told["status"], told["text"]) == ("busy", "cooking")
    await b.close()
    gone = (await until(lambda: a.heard("presence:update")[2:]))[0]
    assert gone["status"] == "offline"
    assert abs(gone["last_seen"] - server.clock.at_ms()) < 60_000


async def test_who_may_not_see_is_told_what_is_told_of_nobody(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    carl = await server.person("carl")
    b = await ben.connect()
    c = await carl.connect()
    hidden = {"status": "offline", "text": None, "last_seen": None}
    seen = await watch(c, "ben", "nobody.there")
    assert seen == {"ben": {"user": "ben"} | hidden, "nobody.there": {"user": "nobody.there"} | hidden}
    a = await anna.connect()
    assert (await watch(a, "ben"))["ben"]["status"] == "online"
    # Reciprocal: who hides it does not see it.
    assert (await anna.patch("/api/v1/me/settings", {"visibility_last_seen": "nobody"})).status == 200
    assert (await watch(a, "ben"))["ben"]["status"] == "offline"
    assert (await watch(b, "anna"))["anna"]["status"] == "offline"


async def test_the_invisible_are_offline(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    a, b = await anna.connect(), await ben.connect()
    assert (await b.call("presence:set", {"status": "invisible"}))["ok"]
    assert (await watch(a, "ben"))["ben"]["status"] == "offline"
