"""Low-latency HLS through the stock nginx as docs/operations.md configures it: one copy for all, and nothing for who was put out."""

import asyncio

from tests.conftest import StartServer
from tests.flows.broadcast import Broadcast
from tests.front import Front, documented
from tests.hls.player import Player
from tests.hls.reading import played
from tests.hls.test_watching import opened
from tests.waiting import until


async def test_a_cache_waits_for_parts_keeps_one_copy_and_refuses_who_was_put_out(start_server: StartServer, front: Front) -> None:
    server = await start_server(media=True, hls_segment_s=1)
    anna, ben, cora = [await server.person(name) for name in ("anna", "ben", "cora")]
    broadcast = await Broadcast(anna, codec="h264", record=False).start()
    path, _, locations = documented("HLS behind a cache").partition("\n\n")
    # Who was put out is known to the cache after a second here, in place of ten.
    url = await front.start(
        server.url, locations.replace("204 10s", "204 1s"), beside=path.replace("/var/cache/nginx/hls", f"{front.root}/cache")
    )
    direct, server.url = server.url, url
    try:
        players: list[Player] = [await opened(one, broadcast) for one in (ben, cora)]
        assert len({player.place for player in players}) == 2
        known = await players[0].playlist()
        # A blocking reload passes through, and one request is sent on where two wait.
        fresh = [await player.after(known) for player in players]
        assert all(one.newest > known.newest for one in fresh)
        hints = await asyncio.gather(*(player.get(fresh[0].hint) for player in players))
        assert [answer.status for answer in hints] == [200, 200]
        assert hints[0].body == hints[1].body
        assert "HIT" in {answer.headers["X-Cache"] for answer in hints}
        init, name = await players[0].bytes(known.maps[-1]), fresh[0].parts[min(fresh[0].parts)]
        whole = await players[0].get(name)
        again = await players[1].get(name)
        assert (again.headers["X-Cache"], again.body) == ("HIT", whole.body)
        assert played(init + whole.body).codecs[0] == "h264"

        # What is in the cache already is refused too.
        assert (await anna.put("/api/v1/blocks/ben")).status in (200, 204)

        async def refused() -> bool:
            return (await players[0].get(name)).status == 403

        await until(refused, "the cache to refuse")
        assert (await players[0].get("media.m3u8")).status == 403
        assert (await players[1].get(name)).status == 200
    finally:
        server.url = direct
        await broadcast.end()
