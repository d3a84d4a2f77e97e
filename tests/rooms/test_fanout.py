"""The hub against bells that are lost, late or about nothing."""

import asyncio

import orjson

from livecore.ports import Delivery
from livecore.rooms.bells import Bell
from tests.rooms.talk import direct, friends, hears, say
from tests.serving import Server
from tests.waiting import until


async def test_a_head_that_is_behind_the_store_is_found(server: Server) -> None:
    """As after a lost bell: the message was committed by another process and nobody rang."""
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, "one")
    await hears(b, "one")
    on_items = server.app.rooms.hub.on_items
    server.app.rooms.hub.on_items = lambda items: None  # type: ignore[method-assign]  # the other process's commits
    await say(a, talk, "two")
    await say(a, talk, "three")
    server.app.rooms.hub.on_items = on_items  # type: ignore[method-assign]
    await server.app.rooms.hub.check_heads()
    await hears(b, "one", "two", "three")


async def test_a_hole_is_filled_before_what_comes_after_it(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, "one")
    on_items = server.app.rooms.hub.on_items
    server.app.rooms.hub.on_items = lambda items: None  # type: ignore[method-assign]
    await say(a, talk, "two")
    server.app.rooms.hub.on_items = on_items  # type: ignore[method-assign]
    await say(a, talk, "three")
    await hears(b, "one", "two", "three")


async def test_a_bell_for_a_conversation_that_is_gone_ends(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, "one")
    await hears(b, "one")
    hub = server.app.rooms.hub
    ben_id = server.app.registry.all()[1].principal.account_id
    await hub._listening.came(ben_id)
    for bell in (Bell("other", "f" * 32, 1, 9, 1), Bell("other", talk, 50, 99, 1)):
        hub._on_bell(Delivery("", bell.pack()))
    hub._on_changed(Delivery("", orjson.dumps(["other", talk, [], None])))
    async with asyncio.timeout(5):
        await until(lambda: not hub._catching, "the reading to end")
    await say(a, talk, "two")
    await hears(b, "one", "two")
