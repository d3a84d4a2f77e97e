"""Two processes serve one platform: what one of them changes holds in the other's very next request."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.people import Person
from tests.servers import PostgresServer
from tests.serving import Server
from tests.waiting import until

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

Two = tuple[Server, Server]


@pytest.fixture
def keys_url(postgres_server: PostgresServer) -> Iterator[str]:
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
async def two(postgres_url: str, keys_url: str, redis_url: str, tmp_path: Path, start_server: StartServer) -> Two:
    # One data directory: there both keep what they would send.
    shared = {"database_url": postgres_url, "keys_url": keys_url, "redis_url": redis_url, "data_dir": tmp_path / "shared"}
    return await start_server(**shared), await start_server(**shared)


def at(server: Server, person: Person) -> Person:
    """The same person, speaking to another process."""
    twin = Person(server, person.username, 0)
    twin.access, twin.refresh, twin.id, twin.email, twin.phone = person.access, person.refresh, person.id, person.email, person.phone
    return twin


async def test_a_block_holds_in_the_other_process(two: Two) -> None:
    here, there = two
    anna, ben = await here.person("anna"), await here.person("ben")
    ben_there = at(there, ben)
    for _ in range(5):
        assert (await ben_there.get("/api/v1/users/anna")).status == 200
        assert (await anna.put("/api/v1/blocks/ben")).status == 204
        assert (await ben_there.get("/api/v1/users/anna")).status == 404
        assert (await ben_there.get("/api/v1/users", params={"q": "ann"})).json["items"] == []
        assert (await anna.delete("/api/v1/blocks/ben")).status == 204


async def test_a_setting_and_a_name_hold_in_the_other_process(two: Two) -> None:
    here, there = two
    anna, ben = await here.person("anna"), await here.person("ben")
    ben_there = at(there, ben)
    for audience, shown in (("nobody", False), ("everyone", True), ("friends", False)):
        await anna.patch("/api/v1/me/settings", {"visibility_phone": audience})
        assert ((await ben_there.get("/api/v1/users/anna")).json["phone"] is not None) is shown
    await anna.patch("/api/v1/me", {"name": "Anna Elsewhere"})
    assert (await ben_there.get("/api/v1/users/anna")).json["name"] == "Anna Elsewhere"


async def test_a_session_ended_here_is_over_there_within_a_second(two: Two) -> None:
    here, there = two
    anna = await here.person("anna")
    anna_there = at(there, anna)
    assert (await anna_there.get("/api/v1/me")).status == 200
    assert (await anna.delete("/api/v1/me/session")).status == 204

    async def is_over() -> bool:
        return (await anna_there.get("/api/v1/me")).status == 401

    await until(is_over, "the session to be over", patience_s=1)


async def test_names_requests_and_refreshes_are_settled_once(two: Two) -> None:
    here, there = two
    bodies = [
        Person(here, "Dora" if number % 2 else "dora", number).sign_up_body(email=f"{number}@example.org") for number in range(500, 512)
    ]
    calls = [(here, there)[number % 2].call("POST", "/api/v1/accounts", body) for number, body in enumerate(bodies)]
    assert sorted(answer.status for answer in await asyncio.gather(*calls)) == [201, *[409] * 11]

    anna, ben = await here.person("anna"), await here.person("ben")
    answers = await asyncio.gather(
        anna.post("/api/v1/friend-requests", {"username": "ben"}), at(there, ben).post("/api/v1/friend-requests", {"username": "anna"})
    )
    assert sorted(answer.json["status"] for answer in answers) == ["accepted", "pending"]
    assert len((await anna.get("/api/v1/friends")).json["items"]) == len((await ben.get("/api/v1/friends")).json["items"]) == 1
    assert (await anna.get("/api/v1/friend-requests")).json["items"] == []

    refreshes = await asyncio.gather(
        *(server.call("POST", "/api/v1/sessions/refresh", {"refresh": anna.refresh}) for server in (here, there, here, there))
    )
    assert sorted(answer.status for answer in refreshes) == [200, 401, 401, 401]
    blocks = await asyncio.gather(*(at(server, ben).put("/api/v1/blocks/anna") for server in (here, there, here, there)))
    assert {answer.status for answer in blocks} == {204}
