"""A person's own devices told apart: by that person alone, on one process and on two."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from livecore.presence import service
from tests.conftest import StartServer
from tests.people import Listener, Person
from tests.rooms.talk import friends
from tests.servers import PostgresServer
from tests.serving import Server
from tests.waiting import until


async def with_laptop(person: Person) -> str:
    """A second device signs in; its token."""
    access, refresh = person.access, person.refresh
    answer = await person.sign_in({"id": f"laptop-of-{person.username}", "name": "Laptop"})
    assert answer.status == 201, answer
    person.access, person.refresh = access, refresh
    return str(answer.json["tokens"]["access"])


async def listed(listener: Listener) -> dict[str, dict[str, Any]]:
    answer = await listener.call("presence:devices", {})
    assert answer["ok"], answer
    return {one["name"]: one for one in answer["data"]["devices"]}


async def test_ones_own_devices_are_told_apart(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TELL_AFTER_S", 0.05)
    anna, ben = await friends(server, "anna", "ben")
    token = await with_laptop(anna)
    b = await ben.connect()
    await b.call("presence:subscribe", {"users": ["anna"]})
    phone = await anna.connect()
    seen = await listed(phone)
    assert {name: (one["online"], one["current"]) for name, one in seen.items()} == {"Test device": (True, True), "Laptop": (False, False)}
    assert (seen["Test device"]["last_seen"], type(seen["Laptop"]["last_seen"])) == (None, int)
    laptop = await anna.connect(token=token)
    [came] = await until(lambda: phone.heard("presence:device"), "that the laptop came")
    assert came == {"id": seen["Laptop"]["id"], "name": "Laptop", "online": True, "last_seen": None}
    sessions = (await anna.get("/api/v1/me/sessions")).json["items"]
    assert {one["device"]: one["online"] for one in sessions} == {"Test device": True, "Laptop": True}
    server.clock.advance(30)
    await laptop.close()
    [went] = await until(lambda: phone.heard("presence:device")[1:], "that the laptop went")
    assert not went["online"]
    assert 0 <= server.clock.at_ms() - went["last_seen"] < 20_000
    # Kept, too: what is listed later says the same.
    await until(lambda: not server.app.presence.own_devices.has_gone, "the time to be written")
    assert (await listed(phone))["Laptop"]["last_seen"] == went["last_seen"]
    sessions = (await anna.get("/api/v1/me/sessions")).json["items"]
    assert {one["device"]: one["online"] for one in sessions} == {"Test device": True, "Laptop": False}
    assert {one["device"]: one["seen_at"] for one in sessions}["Laptop"] == went["last_seen"]
    # Others see one person: here as long as one of the devices is.
    assert {one["status"] for one in b.heard("presence:update")} == {"online"}
    assert b.heard("presence:device") == laptop.heard("presence:device") == []


async def test_a_device_that_comes_back_at_once_never_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TELL_AFTER_S", 1000.0)
    anna = await server.person("anna")
    token = await with_laptop(anna)
    phone, laptop = await anna.connect(), await anna.connect(token=token)
    own = server.app.presence.own_devices
    for timer in own._due.values():
        timer.cancel()
    own._due.clear()
    await laptop.close()
    [(account_id, device_id)] = await until(lambda: list(own._due), "the leaving to be noticed")
    again = await anna.connect(token=token)
    await until(lambda: own.is_here(account_id, device_id), "it to be back")
    own._tell_now(account_id, device_id, False)
    assert (await listed(phone))["Laptop"]["online"]
    assert phone.heard("presence:device") == again.heard("presence:device") == []


@pytest.fixture
def keys_url(postgres_server: PostgresServer) -> Any:
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def two(
    postgres_url: str, keys_url: str, redis_url: str, start_server: StartServer
) -> Callable[[], Coroutine[Any, Any, tuple[Server, Server]]]:
    async def start() -> tuple[Server, Server]:
        shared = {"database_url": postgres_url, "keys_url": keys_url, "redis_url": redis_url}
        return await start_server(**shared), await start_server(**shared)

    return start


@pytest.mark.postgres
@pytest.mark.redis
async def test_devices_on_two_processes_are_of_one_person(
    two: Callable[[], Coroutine[Any, Any, tuple[Server, Server]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "TELL_AFTER_S", 0.05)
    first, second = await two()
    anna = await first.person("anna")
    token = await with_laptop(anna)
    phone = await anna.connect()
    anna.server = second
    laptop = await anna.connect(token=token)
    await until(lambda: [one["online"] for one in phone.heard("presence:device")] == [True], "that the laptop came elsewhere")
    for listener in (phone, laptop):
        assert {name: one["online"] for name, one in (await listed(listener)).items()} == {"Test device": True, "Laptop": True}
    await laptop.close()
    await until(lambda: [one["online"] for one in phone.heard("presence:device")] == [True, False], "that it went")
    assert {name: one["online"] for name, one in (await listed(phone)).items()} == {"Test device": True, "Laptop": False}
