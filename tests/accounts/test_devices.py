"""Devices: what messages are held for."""

from livecore.accounts.devices import SESSIONS_PER_DEVICE
from tests.people import Person
from tests.serving import Server


class Watcher:
    def __init__(self) -> None:
        self.removed: list[tuple[str, str]] = []
        self.added: list[tuple[str, str]] = []

    async def device_added(self, account_id: str, device_id: str) -> None:
        self.added.append((account_id, device_id))

    async def device_removed(self, account_id: str, device_id: str) -> None:
        self.removed.append((account_id, device_id))


def watch(server: Server) -> Watcher:
    watcher = Watcher()
    server.app.neighbours.device_watchers.append(watcher)
    return watcher


async def devices_of(server: Server, person: Person) -> tuple[str, ...]:
    return (await server.app.devices.of([person.id]))[person.id]


async def test_the_same_device_stays_the_same(server: Server) -> None:
    anna = await server.person("anna")
    before = await devices_of(server, anna)
    await anna.sign_in()
    assert await devices_of(server, anna) == before
    await anna.sign_in({"id": "phone", "name": "Phone"})
    assert len(await devices_of(server, anna)) == 2


async def test_two_people_on_one_browser_have_two_devices(server: Server) -> None:
    anna = await server.person("anna")
    ben = await server.person("ben", device=anna.device)
    assert await devices_of(server, anna) != await devices_of(server, ben)


async def test_a_device_goes_with_its_last_session(server: Server) -> None:
    anna = await server.person("anna")
    watcher = watch(server)
    (device,) = await devices_of(server, anna)
    first = anna.access
    await anna.sign_in()
    await anna.delete("/api/v1/me/session")
    assert (watcher.removed, await devices_of(server, anna)) == ([], (device,))
    anna.access = first
    await anna.delete("/api/v1/me/session")
    assert (watcher.removed, await devices_of(server, anna)) == ([(anna.id, device)], ())


async def test_a_device_away_for_too_long_starts_afresh(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    watcher = watch(server)
    (device,) = await devices_of(server, anna)
    server.clock.advance(server.settings.device_idle_s - 60)
    await ben.sign_in()
    server.clock.advance(120)
    await server.app.sessions.tidy()
    assert (watcher.removed, await devices_of(server, anna)) == ([(anna.id, device)], ())
    assert len(await devices_of(server, ben)) == 1
    # The session goes on; what it comes back with is another device to those who hold messages.
    answer = await server.call("POST", "/api/v1/sessions/refresh", {"refresh": anna.refresh})
    assert answer.status == 200
    anna.take_tokens(answer.json["tokens"])
    assert (await anna.get("/api/v1/me")).status == 200
    (fresh,) = await devices_of(server, anna)
    assert fresh != device
    principal = await server.app.authenticator.authenticate(anna.access)
    assert principal.device_id == fresh


async def test_one_device_too_many_is_told_of(server: Server) -> None:
    anna = await server.person("anna")
    watcher = watch(server)
    (oldest,) = await devices_of(server, anna)
    for number in range(server.settings.devices_per_account):
        server.clock.advance(1)
        await anna.sign_in({"id": f"device-{number}", "name": f"Device {number}"})
    assert watcher.removed == [(anna.id, oldest)]
    assert len(await devices_of(server, anna)) == server.settings.devices_per_account


async def test_time_ends_sessions_that_nobody_can_renew(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    server.clock.advance(server.settings.refresh_token_s - 60)
    await ben.sign_in()
    server.clock.advance(120)
    await server.app.sessions.tidy()
    assert await server.app.sessions.of(anna.id) == []
    assert len(await server.app.sessions.of(ben.id)) == 1


async def test_a_device_without_an_id_or_with_an_odd_one_is_refused(server: Server) -> None:
    anna = await server.person("anna")
    body = {"login": "anna", "password": anna.password}
    for device in (
        {},
        {"id": "a"},
        {"id": "", "name": "x"},
        {"id": "a b", "name": "x"},
        {"id": "a" * 65, "name": "x"},
        {"id": "a", "name": ""},
    ):
        assert (await server.call("POST", "/api/v1/sessions", body | {"device": device})).status == 422, device


async def test_a_device_has_so_many_sessions_and_the_oldest_makes_room(server: Server) -> None:
    anna = await server.person("anna")
    first = anna.access
    for _ in range(SESSIONS_PER_DEVICE - 1):
        await anna.sign_in()
    assert (await server.call("GET", "/api/v1/me", token=first)).status == 200
    await anna.sign_in()
    assert (await server.call("GET", "/api/v1/me", token=first)).status == 401
    assert len((await anna.get("/api/v1/me/sessions")).json["items"]) == SESSIONS_PER_DEVICE
