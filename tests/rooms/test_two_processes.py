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


async def test_a_session_revoked_on_one_ends_its_socket_on_the_other(two: Callable[[], Coroutine[Any, Any, Pair]]) -> None:
    first, second = await two()
    anna = await first.person("anna")
    socket = await on(second, anna).connect()
    on(first, anna)
    listed = (await anna.get("/api/v1/me/sessions")).json
    [own] = listed["items"] if isinstance(listed, dict) else listed
    assert (await anna.delete(f"/api/v1/me/sessions/{own['id']}")).status == 204
    await until(lambda: not socket.connected, "the socket to end", patience_s=1.0)
