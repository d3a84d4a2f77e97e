"""The hub against bells that are lost, late or about nothing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from livecore import errors
from livecore.ports import Delivery
from livecore.rooms.bells import Bell
from livecore.rooms.items import Batch, Committed
from tests.conftest import StartServer
from tests.rooms.talk import direct, friends, hears, say
from tests.serving import Server
from tests.waiting import until


@contextmanager
def unheard(server: Server) -> Iterator[None]:
    """What is committed meanwhile rings for nobody."""
    hub = server.app.rooms.hub
    on_items, hub.on_items = hub.on_items, lambda items: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        hub.on_items = on_items  # type: ignore[method-assign]


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
    with unheard(server):
        await say(a, talk, "two")
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


def lose_the_next_answer(server: Server) -> None:
    """The next commit goes through; its answer does not come back."""
    store = server.app.rooms.writer._store
    commit = store.commit

    async def lost(batch: Batch, at_ms: int) -> Committed:
        done = await commit(batch, at_ms)
        if batch.drafts:
            store.commit = commit  # type: ignore[method-assign]
            raise errors.Unavailable("The connection went after COMMIT.")
        return done

    store.commit = lost  # type: ignore[method-assign]


async def test_a_commit_whose_answer_was_lost_is_heard_without_a_further_message(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    # The first of its conversation, and one behind a number that is remembered.
    for expected in (["one"], ["one", "two"]):
        lose_the_next_answer(either_server)
        message = {"conversation": talk, "client_id": expected[-1], "body": expected[-1]}
        assert not (await a.call("message:send", message))["ok"]
        await hears(b, *expected)
        again = await a.call("message:send", message)
        assert again["data"]["seq"] == len(expected)
    await say(a, talk, "three")
    await hears(b, "one", "two", "three")


async def test_a_message_sent_again_rings_for_one_that_nobody_was_told_of(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, "one")
    await hears(b, "one")
    with unheard(server):
        await say(a, talk, "two")
    for _ in range(3):
        await say(a, talk, "two")
    await hears(b, "one", "two")
    await say(a, talk, "three")
    await hears(b, "one", "two", "three")


async def test_a_message_that_nobody_rang_for_is_found_in_a_while(start_server: StartServer) -> None:
    server = await start_server(heads_check_s=0.2)
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, "one")
    await hears(b, "one")
    with unheard(server):
        await say(a, talk, "two")
    await hears(b, "one", "two")
