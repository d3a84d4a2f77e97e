"""A viewer that cannot keep up, through the real server: fewer layers, then no picture, then a reason; whoever watches beside it loses nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.last_mile import LastMile
from bench.live_publisher import Publisher
from bench.live_viewer import FEEDBACK_S
from tests.conftest import StartServer
from tests.flows.onlooker import Onlooker, look, publish
from tests.waiting import until

# Packets of 600 bytes, thirty pictures a second: 0.14, 0.29 and 0.86 Mb/s, beside some 50 kb/s of sound.
CARRIES_LESS_BPS, CARRIES_SOUND_BPS, CARRIES_NOTHING_BPS = 500_000, 70_000, 8_000
LARGEST = 2


@asynccontextmanager
async def telling(publisher: Publisher, *viewers: Onlooker) -> AsyncIterator[None]:
    async def tell() -> None:
        while True:
            for viewer in viewers:
                viewer.tell(time.monotonic())
            await asyncio.sleep(FEEDBACK_S)

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for viewer in viewers:
            viewer.close()
        await publisher.stop()


async def test_who_cannot_keep_up_gets_less_then_no_picture_then_a_reason_and_delays_nobody(start_server: StartServer) -> None:
    server = await start_server(media=True, media_starved_s=0.4, media_retry_s=30, media_hopeless_s=2.0, media_late_s=30)
    anna, ben, cora = [await server.person(name) for name in ("anna", "ben", "cora")]
    live = (await anna.post("/api/v1/lives", {"title": "Narrow", "codec": "vp8", "keep_replay": False})).json
    publisher = await publish(anna, live, layers="simulcast")
    listener, other = await ben.connect(), await cora.connect()
    # Cora's arrivals are not told: a test beside others makes them wander, and a step down for that is no loss.
    narrow, beside = await look(ben, live["id"]), await look(cora, live["id"], arrivals=False)

    def states() -> list[tuple[str, str | None]]:
        return [(one["state"], one["reason"]) for one in listener.heard("live:session")]

    async def paused() -> list[bool]:
        (told,) = (await anna.get(f"/api/v1/lives/{live['id']}/stats")).json["media"]["publications"].values()
        return [s["paused"] for viewer in told["viewers"] for s in viewer["subscriptions"] if s["kind"] == "video"]

    async with telling(publisher, narrow, beside):
        await until(lambda: (narrow.layer, beside.layer) == (LARGEST, LARGEST), "the largest picture for both")
        switches = beside.switches

        narrow.link = LastMile(CARRIES_LESS_BPS)
        await until(lambda: narrow.layer is not None and narrow.layer < LARGEST, "a smaller picture")
        assert not states()

        narrow.link = LastMile(CARRIES_SOUND_BPS)
        await until(states, "word that there is no picture")
        assert states() == [("sound_only", None)]
        assert sorted(await paused()) == [False, True]

        async def is_clean() -> bool:
            """Half a second of sound alone, and all of it."""
            pictures, heard, expected = narrow.counted, narrow.sounds, narrow.sounds_expected
            await until(lambda: narrow.sounds_expected >= expected + 25, "sound")
            return narrow.counted == pictures and narrow.sounds - heard == narrow.sounds_expected - expected

        await until(is_clean, "sound alone")
        assert states() == [("sound_only", None)]

        narrow.link = LastMile(CARRIES_NOTHING_BPS)
        await until(lambda: states()[-1] == ("closed", "too_slow"), "the reason")
        await until(narrow.closed.is_set, "the connection to be closed")

        seen, heard = beside.counted, beside.sounds
        await until(lambda: beside.counted > seen + 60 and beside.sounds > heard + 20, "the other viewer to go on")
        assert (beside.expected, beside.sounds_expected) == (beside.counted, beside.sounds), "not one packet is missing"
        assert (beside.layer, beside.switches) == (LARGEST, switches)
        assert not other.heard("live:session")
