"""The status that somebody chose: kept until it is changed, known to each process before it shows them."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.people import Person
from tests.presence.test_presence import watch
from tests.rooms.talk import friends, rows
from tests.serving import Server
from tests.waiting import until


def on(server: Server, person: Person) -> Person:
    """The same person, who speaks to another process."""
    person.server = server
    return person


async def test_a_restart_forgets_no_status(start_server: StartServer, tmp_path: Path) -> None:
    first = await start_server(data_dir=tmp_path / "kept")
    anna, ben, carl = await friends(first, "anna", "ben", "carl")
    b, c = await ben.connect(), await carl.connect()
    assert (await b.call("presence:set", {"status": "invisible"}))["ok"]
    assert (await c.call("presence:set", {"status": "away", "text": "cooking"}))["ok"]
    await first.stop()
    again = await start_server(data_dir=tmp_path / "kept")
    a = await on(again, anna).connect()
    b, c = await on(again, ben).connect(), await on(again, carl).connect()
    # Oneself sees what one chose, on a device that did not choose it too.
    for listener, chosen in ((a, ("online", None)), (b, ("invisible", None)), (c, ("away", "cooking"))):
        own = (await listener.call("presence:devices", {}))["data"]
        assert (own["status"], own["text"]) == chosen
    seen = await watch(a, "ben", "carl")
    assert (seen["ben"]["status"], seen["carl"]["status"], seen["carl"]["text"]) == ("offline", "away", "cooking")
    for listener in (b, c):
        assert (await listener.call("presence:set", {"status": "online"}))["ok"]
    seen = await watch(a, "ben", "carl")
    assert [(one["status"], one["text"]) for one in seen.values()] == [("online", None)] * 2
    assert await rows(again, "chosen_status") == 0


@pytest.mark.postgres
@pytest.mark.redis
async def test_a_process_that_starts_later_shows_nobody_who_is_invisible(distributed: dict[str, str], start_server: StartServer) -> None:
    first = await start_server(**distributed)
    anna, ben, carl = await friends(first, "anna", "ben", "carl")
    b, c = await ben.connect(), await carl.connect()
    assert (await b.call("presence:set", {"status": "away", "text": "cooking"}))["ok"]
    assert (await b.call("presence:set", {"status": "invisible"}))["ok"]
    assert (await c.call("presence:set", {"status": "busy", "text": "reading"}))["ok"]
    second = await start_server(**distributed)
    a = await on(second, anna).connect()
    await watch(a, "ben", "carl")
    # A second device of each makes the first process say whom it has, those of before among them.
    others = [await ben.connect(), await carl.connect()]

    def told(user: str) -> list[Any]:
        return [(one["status"], one["text"]) for one in a.heard("presence:update") if one["user"] == user]

    await until(lambda: ("busy", "reading") in told("carl"), "the second process to show Carl")
    await until(lambda: second.app.presence.is_here(ben.id), "the second process to know of Ben's connection")
    assert told("ben") == []
    assert (await watch(a, "ben"))["ben"]["status"] == "offline"
    # Seen again, he is told on the other process.
    assert (await b.call("presence:set", {"status": "online"}))["ok"]
    await until(lambda: told("ben") == [("online", None)], "Ben to be seen")
    for listener in (a, b, c, *others):
        await listener.close()


async def test_the_invisible_are_not_named_among_the_friends_who_watch_a_live(server: Server) -> None:
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    live = (await carl.post("/api/v1/lives", {"title": "Evening", "visibility": "everyone", "record": False})).json["id"]
    a, b, c = await anna.connect(), await ben.connect(), await carl.connect()
    for listener in (a, b, c):
        assert (await listener.call("live:join", {"live": live}))["ok"]
    assert (await c.call("live:friends", {"live": live}))["data"] == {"users": ["anna", "ben"]}
    assert (await a.call("presence:set", {"status": "invisible"}))["ok"]
    assert (await c.call("live:friends", {"live": live}))["data"] == {"users": ["ben"]}
    assert (await a.call("live:friends", {"live": live}))["data"] == {"users": ["ben"]}
    assert (await a.call("presence:set", {"status": "away"}))["ok"]
    assert (await c.call("live:friends", {"live": live}))["data"] == {"users": ["anna", "ben"]}
