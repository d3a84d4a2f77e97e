"""One platform, two main processes: PostgreSQL is the truth, Redis the bell."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.people import Person
from tests.rooms.talk import bodies, direct, friends, group, hears, nothing_held, received, say, synced
from tests.servers import PostgresServer, RedisServer
from tests.serving import Server
from tests.signaling.test_comeback import stock_client
from tests.waiting import until

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

Pair = tuple[Server, Server]


@pytest.fixture
def keys_url(postgres_server: PostgresServer) -> Any:
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def two(postgres_url: str, keys_url: str, own_redis: RedisServer, start_server: StartServer) -> Callable[[], Coroutine[Any, Any, Pair]]:
    async def start() -> Pair:
        shared = {"database_url": postgres_url, "keys_url": keys_url, "redis_url": own_redis.url()}
        return await start_server(**shared), await start_server(**shared)

    return start


def on(server: Server, person: Person) -> Person:
    """The same person, who speaks to another process."""
    person.server = server
    return person


async def test_what_is_said_on_one_is_heard_on_the_other_in_one_order(two: Callable[[], Coroutine[Any, Any, Pair]]) -> None:
    first, second = await two()
    anna, ben, carl = await friends(first, "anna", "ben", "carl")
    talk = await group(anna, ben, carl)
    a, b, c = await anna.connect(), await on(second, ben).connect(), await on(second, carl).connect()
    speakers = [("a", a), ("b", b), ("c", c)]
    await asyncio.gather(*(say(listener, talk, f"{name}{number}") for number in range(20) for name, listener in speakers))
    for name, listener in speakers:
        await until(lambda listener=listener: len(listener.heard("message:new")) == 40, "what the two others said")
        seqs = [message["seq"] for message in listener.heard("message:new")]
        assert seqs == sorted(set(seqs))
        assert all(not body.startswith(name) for body in bodies(listener.heard("message:new")))
    for listener in (a, b, c):
        await received(listener, talk, 60)
    await nothing_held(second)


async def test_a_member_added_on_one_process_is_known_on_the_other(two: Callable[[], Coroutine[Any, Any, Pair]]) -> None:
    first, second = await two()
    anna, ben, carl = await friends(first, "anna", "ben", "carl")
    talk = await group(anna, ben)
    b, c = await on(second, ben).connect(), await on(second, carl).connect()
    await say(b, talk, "before")
    assert (await anna.put(f"/api/v1/conversations/{talk}/members/carl", {})).status == 200
    await say(b, talk, "with carl")
    await hears(c, "with carl")
    assert (await anna.delete(f"/api/v1/conversations/{talk}/members/carl")).status == 204
    await say(b, talk, "without carl")
    a = await anna.connect()
    assert bodies((await synced(a, talk))["messages"]) == ["before", "with carl", "without carl"]
    assert bodies(c.heard("message:new")) == ["with carl"]


async def test_a_bell_that_is_away_costs_time_and_no_message(two: Callable[[], Coroutine[Any, Any, Pair]], own_redis: RedisServer) -> None:
    first, second = await two()
    anna, ben = await friends(first, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await on(second, ben).connect()
    await say(a, talk, "one")
    await hears(b, "one")
    await own_redis.kill()
    for text in ("two", "three"):
        await say(a, talk, text)
    await own_redis.start()
    await hears(b, "one", "two", "three")
    await say(a, talk, "four")
    await hears(b, "one", "two", "three", "four")


async def test_a_bell_that_dies_with_its_process_is_made_good(
    postgres_url: str, keys_url: str, own_redis: RedisServer, start_server: StartServer
) -> None:
    """Nothing follows in the conversation, and nothing tells the other process that a bell is missing."""
    shared = {"database_url": postgres_url, "keys_url": keys_url, "redis_url": own_redis.url(), "heads_check_s": 0.3}
    first, second = await start_server(**shared), await start_server(**shared)
    anna, ben = await friends(first, "anna", "ben")
    talk, other = await direct(anna, ben), await group(anna, ben)
    a, b = await anna.connect(), await on(second, ben).connect()
    await say(a, talk, "one")
    await hears(b, "one")
    first.app.rooms.hub._channels.publish = lambda *_: None  # type: ignore[method-assign]
    await say(a, talk, "two")
    await hears(b, "one", "two")
    await say(a, other, "the first of its conversation")
    await hears(b, "one", "two", "the first of its conversation")


async def test_hearts_of_one_process_reach_the_other_as_counts(two: Callable[[], Coroutine[Any, Any, Pair]]) -> None:
    first, second = await two()
    anna, ben = await friends(first, "anna", "ben")
    made = await anna.post("/api/v1/lives", {"title": "Evening", "visibility": "everyone", "record": False})
    live = {"live": made.json["id"]}
    a, b = await anna.connect(), await on(second, ben).connect()
    for listener in (a, b):
        assert (await listener.call("live:join", live))["ok"]
    bus, rung = first.app.rooms.lives._bus, list[bytes]()
    publish = bus.publish

    async def counted(topic: str, data: bytes) -> None:
        if b'"reactions"' in data:
            rung.append(data)
        await publish(topic, data)

    bus.publish = counted  # type: ignore[method-assign]
    await asyncio.gather(*(a.call("live:react", live | {"emoji": "❤️"}) for _ in range(40)))
    for listener in (a, b):
        await until(lambda listener=listener: sum(told["reactions"]["❤️"] for told in listener.heard("live:reactions")) == 40)
    assert len(rung) < 20


async def test_who_is_added_while_the_bell_is_away_hears_what_was_said(
    two: Callable[[], Coroutine[Any, Any, Pair]], own_redis: RedisServer
) -> None:
    first, second = await two()
    anna, ben, carl = await friends(first, "anna", "ben", "carl")
    talk = await group(anna, ben)
    a, c = await anna.connect(), await on(second, carl).connect()
    await say(a, talk, "without carl")
    await own_redis.kill()
    assert (await anna.put(f"/api/v1/conversations/{talk}/members/carl", {})).status == 200
    await say(a, talk, "with carl")
    await own_redis.start()
    await hears(c, "with carl")
    await say(a, talk, "and again")
    await hears(c, "with carl", "and again")


async def test_a_session_revoked_on_one_ends_its_socket_on_the_other(two: Callable[[], Coroutine[Any, Any, Pair]]) -> None:
    first, second = await two()
    anna = await first.person("anna")
    socket = await on(second, anna).connect()
    on(first, anna)
    listed = (await anna.get("/api/v1/me/sessions")).json
    [own] = listed["items"] if isinstance(listed, dict) else listed
    assert (await anna.delete(f"/api/v1/me/sessions/{own['id']}")).status == 204
    await until(lambda: not socket.connected, "the socket to end", patience_s=1.0)


async def test_traffic_that_goes_on_while_redis_is_killed_twice_arrives_once_and_in_order(
    two: Callable[[], Coroutine[Any, Any, Pair]], own_redis: RedisServer
) -> None:
    first, second = await two()
    anna, ben, carl = await friends(first, "anna", "ben", "carl")
    talk = await group(anna, ben, carl)
    a, b, c = await anna.connect(), await on(second, ben).connect(), await on(second, carl).connect()
    said = {"a": 0, "b": 0}
    stop = asyncio.Event()

    async def speak(name: str, listener: Any) -> None:
        while not stop.is_set():
            await say(listener, talk, f"{name}{said[name]}")
            said[name] += 1
            await asyncio.sleep(0.005)

    speaking = [asyncio.create_task(speak("a", a)), asyncio.create_task(speak("b", b))]
    for round_number in range(1, 3):
        await until(lambda enough=20 * round_number: min(said.values()) >= enough, "messages before the kill")
        await own_redis.kill()
        before = dict(said)
        await until(lambda before=before: all(said[name] >= before[name] + 20 for name in said), "messages while it is away")
        await own_redis.start()
    await until(lambda enough=max(said.values()) + 20: max(said.values()) >= enough, "messages after it")
    stop.set()
    await asyncio.gather(*speaking)
    total = sum(said.values())
    for listener, own in ((a, "a"), (b, "b"), (c, "")):
        expected = total - said.get(own, 0)
        await until(lambda listener=listener, expected=expected: len(listener.heard("message:new")) >= expected, "all that was said")
        heard = listener.heard("message:new")
        seqs = [message["seq"] for message in heard]
        assert len(seqs) == expected
        assert seqs == sorted(set(seqs))
        for name in said:
            if name != own:
                assert [body for body in bodies(heard) if body.startswith(name)] == [f"{name}{number}" for number in range(said[name])]


def came_over_the_wire(server: Server, kind: str = "rooms.conversation") -> float:
    return server.app.metrics.registry.get_sample_value("livecore_bus_received_total", {"kind": kind}) or 0.0


async def test_a_process_without_readers_gets_nothing_on_the_wire(
    two: Callable[[], Coroutine[Any, Any, Pair]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecore.platform.bus_channels.LEAVE_AFTER_S", 0.05)
    first, second = await two()
    anna, ben, carl = await friends(first, "anna", "ben", "carl")
    talk, other = await direct(anna, ben), await direct(anna, carl)
    a, c = await anna.connect(), await on(second, carl).connect()
    for number in range(5):
        await say(a, talk, f"m{number}")
    # What comes after them, in the same pipeline, for somebody who is there.
    await say(a, other, "to carl")
    await hears(c, "to carl")
    assert came_over_the_wire(second) == 1
    assert talk not in second.app.hub._listening
    # Who comes has it all the same, and then hears what is said, as it was encoded where it was said.
    b = await on(second, ben).connect()
    assert bodies((await synced(b, talk))["messages"]) == [f"m{number}" for number in range(5)]
    await say(a, talk, "first")
    await hears(b, "first")
    read: list[str] = []
    items_after = second.app.rooms.mailboxes.items_after

    async def counted(conversation_id: str, after: int) -> Any:
        read.append(conversation_id)
        return await items_after(conversation_id, after)

    second.app.rooms.mailboxes.items_after = counted  # type: ignore[method-assign]
    await say(a, talk, "now")
    await hears(b, "first", "now")
    assert read == []
    assert b.heard("message:new")[-1] | {"id": "", "client_id": "", "epoch": "", "sent_at": 0} == {
        "kind": "message",
        "conversation": talk,
        "epoch": "",
        "seq": 7,
        "sender": "anna",
        "sent_at": 0,
        "id": "",
        "client_id": "",
        "body": "now",
        "attachments": [],
        "reply_to": None,
        "timer": None,
    }
    # And when the last reader goes, so does the channel.
    heard = came_over_the_wire(second)
    await b.close()
    channels = second.app.hub._channels
    await until(lambda: channels.topic(talk) not in channels, "the channel to be left")
    await say(a, talk, "to nobody")
    await say(a, other, "to carl again")
    await hears(c, "to carl", "to carl again")
    assert came_over_the_wire(second) == heard + 1


async def test_what_is_sent_to_an_account_comes_where_it_is_connected(two: Callable[[], Coroutine[Any, Any, Pair]]) -> None:
    first, second = await two()
    anna, ben, carl, dora = await friends(first, "anna", "ben", "carl", "dora")
    b, c = await on(second, ben).connect(), await on(second, carl).connect()
    before = came_over_the_wire(second, "signals.account")
    talk = await group(anna, ben, dora)
    await until(lambda: [one["conversation"] for one in b.heard("conversation:new")] == [talk], "the new group")
    assert c.heard("conversation:new") == []
    # Of three members one is there.
    assert came_over_the_wire(second, "signals.account") == before + 1
    # Its first message may come before that process listens.
    a = await anna.connect()
    await say(a, talk, "hello")
    await hears(b, "hello")
    assert (await a.call("typing", {"conversation": talk, "active": True}))["ok"]
    await until(lambda: [one["user"] for one in b.heard("typing")] == ["anna"], "that anna types")
    await received(b, talk, 1)
    await until(lambda: [one["user"] for one in a.heard("message:receipt")] == ["ben"], "that ben has it")


async def test_who_is_cut_off_is_played_back_what_was_said_elsewhere(two: Callable[[], Coroutine[Any, Any, Pair]]) -> None:
    first, second = await two()
    anna, ben = await friends(first, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    async with stock_client(on(second, ben), "websocket") as client:
        assert (await client.line())[0] == "connect"
        for word in ("one", "two"):
            await say(a, talk, word)
            assert await client.line() == ("message:new", word)
        client.tell("drop")
        assert (await client.line())[0] == "disconnect"
        await say(a, talk, "missed")
        word, again = await client.line()
        assert (word, again["recovered"]) == ("connect", True)  # type: ignore[index]
        assert await client.line() == ("message:new", "missed")


async def test_a_live_is_one_room_on_both_processes(two: Callable[[], Coroutine[Any, Any, Pair]]) -> None:
    first, second = await two()
    host, ben, carl = await friends(first, "host", "ben", "carl")
    live = (await host.post("/api/v1/lives", {"title": "Evening", "visibility": "everyone", "record": False})).json["id"]
    h, b, c = await host.connect(), await on(second, ben).connect(), await on(second, carl).connect()
    for listener in (h, b, c):
        assert (await listener.call("live:join", {"live": live}))["ok"]

    async def say_line(listener: Any, body: str) -> None:
        assert (await listener.call("live:say", {"live": live, "body": body}))["ok"]

    def lines(listener: Any) -> list[str]:
        return [line["body"] for line in listener.heard("live:message")]

    for number in range(5):
        await say_line(h, f"h{number}")
    await until(lambda: lines(b) == [f"h{number}" for number in range(5)] == lines(c), "the host's lines, in order")
    assert (await h.call("live:friends", {"live": live}))["data"] == {"users": ["ben", "carl"]}
    await until(lambda: h.heard("live:viewers") and h.heard("live:viewers")[-1]["viewers"] == 2, "both viewers to be counted")
    # A line that is pinned on one stands on the other, also for who comes to a process whose room opens later.
    line = next(line for line in c.heard("live:message") if line["body"] == "h3")
    assert (await h.call("live:pin", {"live": live, "id": line["id"]}))["ok"]
    for listener in (b, c):
        await until(lambda listener=listener: [one["line"]["body"] for one in listener.heard("live:pinned")] == ["h3"], "the pinned line")
    assert (await (await on(second, ben).connect()).call("live:join", {"live": live}))["data"]["pinned"]["body"] == "h3"
    assert (await h.call("live:pin", {"live": live, "id": None}))["ok"]
    await until(lambda: [one["line"] for one in b.heard("live:pinned")][1:] == [None], "nothing to be pinned")
    # What is kept in memory on one process falls with the change on the other.
    on(first, host)
    assert (await host.post(f"/api/v1/lives/{live}/restrictions", {"username": "ben", "kind": "muted", "on": True})).status == 204

    async def is_muted() -> bool:
        answer = await b.call("live:say", {"live": live, "body": "psst"})
        return not answer["ok"] and answer["error"]["type"] == "/problems/muted"

    await until(is_muted, "the mute to hold on the other process", patience_s=2.0)
    assert (await on(first, carl).put("/api/v1/blocks/ben")).status < 300
    await say_line(h, "to both")
    await until(lambda: lines(b)[-1] == "to both" == lines(c)[-1], "a line for both")
    # The most at once is what both counted together, also when nobody is there any more; there were never more.
    h2 = await on(first, ben).connect()
    assert (await h2.call("live:join", {"live": live}))["ok"]
    await until(lambda: h.heard("live:viewers")[-1]["viewers"] == 3, "one more viewer, on the other process")
    for listener in (h2, b, c):
        await listener.call("live:leave", {"live": live})
    await until(lambda: h.heard("live:viewers")[-1]["viewers"] < 3, "viewers to leave")
    ended = await on(second, host).post(f"/api/v1/lives/{live}/end")
    assert (ended.json["peak_viewers"], ended.json["end_reason"]) == (3, "ended_by_host")


async def test_a_process_with_nobody_in_a_room_says_how_many_watch(
    two: Callable[[], Coroutine[Any, Any, Pair]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecore.rooms.elsewhere.TELL_EVERY_S", 0.2)
    first, second = await two()
    host, ben = await friends(first, "host", "ben")
    live = (await host.post("/api/v1/lives", {"title": "Evening", "visibility": "everyone", "record": False})).json["id"]
    h, b = await host.connect(), await ben.connect()
    for listener in (h, b):
        assert (await listener.call("live:join", {"live": live}))["ok"]

    async def is_counted() -> bool:
        return await second.app.rooms.lives.viewers(live) == 1

    await until(is_counted, "the viewer of the other process")
    await b.call("live:leave", {"live": live})

    async def is_gone() -> bool:
        return await second.app.rooms.lives.viewers(live) == 0

    await until(is_gone, "nobody to be counted")
