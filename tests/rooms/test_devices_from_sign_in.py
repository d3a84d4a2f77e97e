"""A device is held for from its sign-in on, before it connects for the first time."""

from tests.rooms.talk import bodies, direct, say, synced
from tests.serving import Server


async def test_what_is_said_between_sign_in_and_first_connection_is_held(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    talk = await direct(anna, ben)
    phone = await ben.connect()
    await ben.sign_in({"id": "ben-tablet", "name": "Tablet"})
    socket = await anna.connect()
    await say(socket, talk, "before the tablet came")
    tablet = await ben.connect()
    assert "before the tablet came" in bodies((await synced(tablet, talk))["messages"])
    for one in (phone, socket, tablet):
        await one.close()
