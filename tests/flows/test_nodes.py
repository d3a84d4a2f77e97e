"""Two main processes' worth of server on one PostgreSQL, one Redis and one object store: people on different nodes meet."""

from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.people import Person
from tests.rooms.talk import bodies, direct, hears, say
from tests.servers import RedisServer
from tests.serving import Server
from tests.waiting import until

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


@pytest.fixture
async def nodes(distributed: dict[str, str], start_server: StartServer, tmp_path: Path) -> tuple[Server, Server]:
    """They share the data directory for the sake of the outbox, which the tests read codes from."""
    return (
        await start_server(data_dir=tmp_path / "shared", **distributed),
        await start_server(data_dir=tmp_path / "shared", **distributed),
    )


async def two_friends(here: Server, there: Server) -> tuple[Person, Person]:
    anna, ben = await here.person("anna"), await here.person("ben")
    await here.befriend(anna, ben)
    ben.server = there
    return anna, ben


async def test_messages_cross_nodes_in_one_order(nodes: tuple[Server, Server]) -> None:
    anna, ben = await two_friends(*nodes)
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    for number in range(20):
        await (say(a, talk, f"a{number}") if number % 2 else say(b, talk, f"b{number}"))
    await until(lambda: len(b.heard("message:new")) >= 10 and len(a.heard("message:new")) >= 10, "all messages")
    assert bodies(b.heard("message:new"))[-1] == "a19"
    seqs = [message["seq"] for message in b.heard("message:new")]
    assert seqs == sorted(set(seqs))


async def test_a_sign_out_here_cuts_the_socket_there_within_a_second(nodes: tuple[Server, Server]) -> None:
    here, there = nodes
    anna, _ = await two_friends(here, there)
    anna.server = there
    socket = await anna.connect()
    anna.server = here
    assert (await anna.delete("/api/v1/me/session")).status == 204
    await until(lambda: not socket.connected, "the socket to be cut", patience_s=1.5)
    anna.server = there
    assert (await anna.get("/api/v1/me")).status == 401


async def test_a_block_here_is_in_force_there_at_the_very_next_request(nodes: tuple[Server, Server]) -> None:
    here, there = nodes
    anna, ben = await two_friends(here, there)
    assert (await ben.get("/api/v1/users/anna")).json["name"] is not None
    assert (await anna.put("/api/v1/blocks/ben")).status in (200, 201, 204)
    answer = await ben.get("/api/v1/users/anna")
    assert answer.status == 404 or answer.json["name"] is None


async def test_no_message_is_lost_or_doubled_while_redis_is_killed_and_comes_back(
    distributed: dict[str, str], own_redis: RedisServer, start_server: StartServer, tmp_path: Path
) -> None:
    settings = distributed | {"redis_url": own_redis.url()}
    here, there = [await start_server(data_dir=tmp_path / "shared", **settings) for _ in range(2)]
    anna, ben = await two_friends(here, there)
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, "before")
    await hears(b, "before")
    await own_redis.kill()
    for number in range(5):
        await say(a, talk, f"while away {number}")  # accepted: the store is the truth
    await own_redis.start()
    expected = ["before", *(f"while away {number}" for number in range(5)), "after"]
    await say(a, talk, "after")
    await until(lambda: len(b.heard("message:new")) >= len(expected), f"everything at the other node: {b.events}")
    assert bodies(b.heard("message:new")) == expected
