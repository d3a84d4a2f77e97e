"""Rooms of lives: who is in them, what is said, what is counted."""

from collections.abc import Mapping
from typing import Any

import pytest

from livecore.errors import Forbidden, NotFound
from livecore.ports import LiveFacts
from tests.conftest import StartServer
from tests.people import Listener
from tests.rooms.talk import refusal
from tests.serving import Server
from tests.waiting import until

LIVE = "a" * 32


class OpenGate:
    """A live that is there without media: `muted` may listen only."""

    def __init__(self, host_id: str) -> None:
        self.facts = LiveFacts(LIVE, host_id, "Evening", "live", 1)
        self.muted: set[str] = set()
        self.peak = 0

    async def may_join(self, account_id: str, live_id: str) -> LiveFacts:
        if live_id != LIVE:
            raise NotFound("There is no such live.")
        return self.facts

    async def may_say(self, account_id: str, live_id: str) -> LiveFacts:
        if account_id in self.muted:
            raise Forbidden("You are muted here.", type="muted")
        return await self.may_join(account_id, live_id)

    async def joined(self, account_id: str, live_id: str) -> list[Mapping[str, Any]]:
        return [{"id": "p", "account": self.facts.host_id, "kind": "host"}]

    async def peaked(self, live_id: str, viewers: int) -> None:
        self.peak = max(self.peak, viewers)


@pytest.fixture
async def scene(start_server: StartServer) -> tuple[Server, OpenGate, list[Listener]]:
    """A host and two viewers, all connected."""
    server = await start_server(live_ring_lines=3)
    people = [await server.person(name) for name in ("host", "ben", "carl")]
    gate = OpenGate(people[0].id)
    server.app.rooms.lives.gate = gate
    return server, gate, [await person.connect() for person in people]


async def join(listener: Listener) -> dict[str, Any]:
    answer = await listener.call("live:join", {"live": LIVE})
    assert answer["ok"], answer
    return dict(answer["data"])


async def say(listener: Listener, body: str) -> None:
    assert (await listener.call("live:say", {"live": LIVE, "body": body}))["ok"]


async def test_lines_reach_the_room_in_order_and_the_last_are_read_back(scene: tuple[Server, OpenGate, list[Listener]]) -> None:
    server, _, (host, ben, carl) = scene
    await join(host)
    first = await join(ben)
    assert (first["messages"], first["publications"][0]["kind"], first["title"]) == ([], "host", "Evening")
    for number in range(5):
        await say(host, f"line {number}")
    heard = await until(lambda: ben.heard("live:message") if len(ben.heard("live:message")) == 5 else None)
    assert [(line["seq"], line["body"], line["sender"]) for line in heard] == [(n + 1, f"line {n}", "host") for n in range(5)]
    assert all("account" not in line for line in heard)
    later = await join(carl)
    assert [line["body"] for line in later["messages"]] == ["line 2", "line 3", "line 4"]
    assert later["epoch"] == first["epoch"] == heard[0]["epoch"]
    async with server.app.db.read() as conn:
        assert (await conn.exec_driver_sql("SELECT count(*) FROM message")).scalar_one() == 0


async def test_viewers_and_reactions_are_counted_together(scene: tuple[Server, OpenGate, list[Listener]]) -> None:
    server, gate, (host, ben, carl) = scene
    await join(host)
    await join(ben)
    # The host watches nobody.
    assert (await join(carl))["viewers"] == 1
    await until(lambda: host.heard("live:viewers") and host.heard("live:viewers")[-1] == {"live": LIVE, "viewers": 2})
    for _ in range(10):
        assert (await ben.call("live:react", {"live": LIVE, "emoji": "❤️"}))["ok"]
    # Many taps of one thumb come as one event; a number that no thumb reaches is refused, and counts nothing.
    assert (await ben.call("live:react", {"live": LIVE, "emoji": "❤️", "count": 5}))["ok"]
    for count in (0, 21, "5"):
        assert not (await ben.call("live:react", {"live": LIVE, "emoji": "❤️", "count": count}))["ok"]
    await until(lambda: sum(told["reactions"].get("❤️", 0) for told in host.heard("live:reactions")) == 15)
    assert len(host.heard("live:reactions")) <= 4
    assert (await ben.call("live:leave", {"live": LIVE}))["ok"]
    await carl.close()
    await until(lambda: host.heard("live:viewers")[-1]["viewers"] == 0)
    assert gate.peak == 2
    assert await server.app.rooms.lives.viewers(LIVE) == 0


async def test_who_sends_many_hearts_may_still_speak(start_server: StartServer) -> None:
    server = await start_server(rate_scale=1.0)
    host, ben = await server.person("host"), await server.person("ben")
    server.app.rooms.lives.gate = OpenGate(host.id)
    h, b = await host.connect(), await ben.connect()
    await join(h)
    await join(b)
    for _ in range(50):
        assert (await b.call("live:react", {"live": LIVE, "emoji": "❤️"}))["ok"]
    assert (await b.call("live:react", {"live": LIVE, "emoji": "❤️", "count": 20}))["ok"]
    await say(b, "hello")
    await until(lambda: sum(told["reactions"].get("❤️", 0) for told in h.heard("live:reactions")) == 70)


async def test_the_muted_and_the_hasty_are_refused(scene: tuple[Server, OpenGate, list[Listener]]) -> None:
    server, gate, (host, ben, _) = scene
    await join(host)
    await join(ben)
    gate.facts = LiveFacts(LIVE, gate.facts.host_id, "Evening", "live", 1, slow_mode_s=30)
    await say(ben, "one")
    assert await refusal(ben, "live:say", {"live": LIVE, "body": "two"}) == "slow_mode"
    await say(host, "hosts")
    await say(host, "do not wait")
    server.clock.advance(30)
    await say(ben, "three")
    gate.muted |= {connection.principal.account_id for connection in server.app.registry.all()}
    assert await refusal(ben, "live:say", {"live": LIVE, "body": "four"}) == "muted"
    assert await refusal(ben, "live:join", {"live": "b" * 32}) == "not_found"


async def test_who_is_put_out_hears_no_more_and_the_end_is_told_to_all(scene: tuple[Server, OpenGate, list[Listener]]) -> None:
    server, _, (host, ben, carl) = scene
    for listener in (host, ben, carl):
        await join(listener)
    [put_out] = [one.principal.account_id for one in server.app.registry.all() if one.principal.username == "ben"]
    await server.app.signals.cut_account(put_out, "put out by the host", LIVE)
    await say(host, "without ben")
    await until(lambda: carl.heard("live:message"))
    assert not ben.heard("live:message")
    assert ben.connected
    await server.app.rooms.lives.end(LIVE, {"reason": "over"})
    assert await until(lambda: carl.heard("live:ended")) == [{"live": LIVE, "reason": "over"}]
    assert not ben.heard("live:ended")
    assert await server.app.rooms.lives.viewers(LIVE) == 0


async def test_lines_of_the_blocked_are_not_seen(scene: tuple[Server, OpenGate, list[Listener]]) -> None:
    server, _, (host, ben, carl) = scene
    for listener in (host, ben):
        await join(listener)
    ids = {one.principal.username: one.principal.account_id for one in server.app.registry.all()}
    await server.app.blocks.block(ids["ben"], ids["carl"])
    await join(carl)
    await say(carl, "from carl")
    await until(lambda: host.heard("live:message"))
    await say(host, "from host")
    await until(lambda: ben.heard("live:message"))
    assert [line["body"] for line in ben.heard("live:message")] == ["from host"]
    again = await join(ben)
    assert [line["body"] for line in again["messages"]] == ["from host"]


async def test_friends_who_watch_are_told_as_their_settings_allow(start_server: StartServer) -> None:
    server = await start_server()
    host, ben, carl, dora = [await server.person(name) for name in ("host", "ben", "carl", "dora")]
    for friend in (ben, carl):
        await server.befriend(host, friend)
    server.app.rooms.lives.gate = OpenGate(host.id)
    listeners = [await person.connect() for person in (host, ben, carl, dora)]
    for listener in listeners:
        await join(listener)

    async def watching() -> list[str]:
        answer = await listeners[0].call("live:friends", {"live": LIVE})
        assert answer["ok"], answer
        return list(answer["data"]["users"])

    assert await watching() == ["ben", "carl"]
    # Who is live does not watch.
    assert (await listeners[1].call("live:friends", {"live": LIVE}))["data"] == {"users": []}
    assert (await carl.patch("/api/v1/me/settings", {"visibility_last_seen": "nobody"})).status == 200
    assert await watching() == ["ben"]
    assert (await listeners[1].call("live:leave", {"live": LIVE}))["ok"]
    assert await watching() == []
    assert await refusal(listeners[0], "live:friends", {"live": "b" * 32}) == "not_found"
