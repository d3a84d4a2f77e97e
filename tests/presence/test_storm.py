"""Thousands who lose their connection at once and come back: what others are told, and what it costs the bus and the store."""

from typing import Any

import orjson
import pytest

from livecore.platform.bus import MemoryBus
from livecore.platform.metrics import Metrics
from livecore.ports import Principal
from livecore.presence import service
from livecore.presence.board import BEAT_AGE_S
from livecore.presence.service import Presence
from tests.conftest import StartServer
from tests.waiting import until

CLIENTS = 5_000
WATCHED_EACH = 20


class Told:
    """An outlet that counts."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, dict[str, Any]]] = []

    def to_connection(self, sid: str, event: str, data: dict[str, Any]) -> None:
        self.updates.append((sid, data))

    def local(self, accounts: list[str], event: str, data: Any, *, skip: tuple[str, str] | None = None) -> None:
        self.updates.append((accounts[0], data))


class Everybody:
    """Names are ids, everybody may see everybody."""

    async def by_username(self, username: str) -> str | None:
        return username

    async def setting(self, account_id: str, key: str) -> str:
        return "everyone"

    async def allows(self, owner: str, viewer: str, audience: str) -> bool:
        return True


def principal(number: int) -> Principal:
    name = f"a{number}"
    return Principal(name, name, f"s{number}", f"d{number}", frozenset(), verified=True)


async def the_time_is_over(presence: Presence) -> None:
    """What a change waits for before it is told."""
    for account_id, timer in list(presence._due.items()):
        timer.cancel()
        presence._tell_now(account_id)
    await until(lambda: presence._gathering is None, "what was gathered to leave")
    await until(lambda: len(presence._tasks) <= 1, "everything to be told")  # the beat goes on


async def test_a_storm_of_reconnects_is_no_storm_of_updates(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than the storm takes on any machine; its end is brought about below.
    monkeypatch.setattr(service, "TELL_AFTER_S", 1000.0)
    server = await start_server()
    everybody: Any = Everybody()
    bus, told = MemoryBus(Metrics()), Told()
    deliveries: list[Any] = []
    await bus.subscribe(service.TOPIC, lambda delivery: deliveries.append(orjson.loads(delivery.data)))
    presence = Presence(server.app.db, bus, server.clock, everybody, everybody, server.app.devices, told, shared=True)
    await presence.start()
    people = [principal(number) for number in range(CLIENTS)]
    for number, one in enumerate(people):
        await presence.came(f"c{number}", one)
    for number, one in enumerate(people):
        await presence.subscribe(f"c{number}", one, [f"a{(number + step) % CLIENTS}" for step in range(1, WATCHED_EACH + 1)])
    await the_time_is_over(presence)
    told.updates.clear()
    deliveries.clear()
    # All gone, all back, on the same process, each with a new connection.
    for number, one in enumerate(people):
        await presence.left(f"c{number}", one)
    for number, one in enumerate(people):
        await presence.came(f"n{number}", one)
        await presence.subscribe(f"n{number}", one, [f"a{(number + step) % CLIENTS}" for step in range(1, WATCHED_EACH + 1)])
    await the_time_is_over(presence)
    # Who left a moment ago is still shown as here, and nobody is told anything.
    assert told.updates == []
    # The others hear of it in bundles.
    assert len(deliveries) <= 2 * CLIENTS / 100
    assert sum(len(counts) for _, _, counts in deliveries) <= 2 * CLIENTS
    await presence.close()
    await bus.close()


async def test_who_comes_back_in_time_never_left_for_those_who_watch(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than the storm takes on any machine; its end is brought about below.
    monkeypatch.setattr(service, "TELL_AFTER_S", 1000.0)
    server = await start_server()
    everybody: Any = Everybody()
    bus, told = MemoryBus(Metrics()), Told()
    presence = Presence(server.app.db, bus, server.clock, everybody, everybody, server.app.devices, told, shared=False)
    await presence.start()
    watcher, people = principal(CLIENTS), [principal(number) for number in range(CLIENTS)]
    for number, one in enumerate(people):
        await presence.came(f"c{number}", one)
    await presence.came("w", watcher)
    await presence.subscribe("w", watcher, [one.username for one in people[:1000]])
    for number, one in enumerate(people):
        await presence.left(f"c{number}", one)
    for number, one in enumerate(people):
        await presence.came(f"n{number}", one)
    await the_time_is_over(presence)
    assert told.updates == []
    await presence.left("n5", people[5])
    await the_time_is_over(presence)
    assert [(sid, data["user"], data["status"]) for sid, data in told.updates] == [("w", "a5", "offline")]
    assert told.updates[0][1]["last_seen"] is not None
    await presence.close()
    await bus.close()
    async with server.app.db.read() as conn:
        # The storm's leavings were written together, the last one too.
        assert (await conn.exec_driver_sql("SELECT count(*) FROM last_seen WHERE account_id = 'a5'")).scalar_one() == 1


async def test_a_process_that_died_takes_its_people_with_it_without_any_cleaning(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "TELL_AFTER_S", 1000.0)
    server = await start_server()
    everybody: Any = Everybody()
    bus, told = MemoryBus(Metrics()), Told()
    presence = Presence(server.app.db, bus, server.clock, everybody, everybody, server.app.devices, told, shared=True)
    await presence.start()
    watcher = principal(2)
    await presence.came("w", watcher)
    await bus.publish(service.TOPIC, orjson.dumps(["a node that dies", "beats", {"a1": ["phone", "laptop"]}]))
    await until(lambda: presence.is_here("a1"))
    assert presence.own_devices.here("a1") == {"phone", "laptop"}
    [seen] = await presence.subscribe("w", watcher, ["a1"])
    assert seen["status"] == "online"
    server.clock.advance(BEAT_AGE_S)
    assert not presence.is_here("a1")
    assert presence.own_devices.here("a1") == frozenset()
    # The next beat of those who are left finds it, and who watches is told.
    presence._age(server.clock.now())
    await the_time_is_over(presence)
    assert [(sid, data["user"], data["status"]) for sid, data in told.updates] == [("w", "a1", "offline")]
    assert told.updates[0][1]["last_seen"] is not None
    await presence.close()
    await bus.close()
