"""A live watched by HLS through a whole server: who may, what comes, and what ends it."""

import asyncio
import re

import pytest

from tests.conftest import StartServer
from tests.flows.broadcast import Broadcast
from tests.hls.player import Player, Playlist, parse
from tests.hls.reading import played
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


async def live_of(viewer: Person, live_id: str) -> dict[str, object]:
    return dict((await viewer.get(f"/api/v1/lives/{live_id}")).json)


async def opened(viewer: Person, broadcast: Broadcast) -> Player:
    return await Player(viewer, await live_of(viewer, broadcast.id)).open()


@pytest.fixture
async def server(start_server: StartServer) -> Server:
    return await start_server(media=True, hls_segment_s=1, hls_ended_s=60)


async def test_a_player_blocks_for_the_next_part_fetches_what_was_hinted_at_and_can_decode_it(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna, codec="h264", record=False).start()
    try:
        player = await opened(ben, broadcast)
        assert 'CODECS="avc1.' in player.multivariant
        assert "RESOLUTION=320x180" in player.multivariant
        known = await player.playlist()
        data = b""
        for _ in range(8):
            hinted = asyncio.create_task(player.get(known.hint))
            fresh = await player.after(known)
            assert fresh.newest > known.newest
            answer = await hinted
            if answer.status == 200:
                data += answer.body
            known = fresh
        init = await player.bytes(known.maps[-1])
        first = min(known.parts)
        read = played(init + b"".join([await player.bytes(known.parts[key]) for key in sorted(known.parts) if key[0] >= first[0]]))
        assert read.codecs == ["h264", "opus"]
        assert len(read.video_s) > 30
        assert len(data) > 1000

        async def whole_segment() -> Playlist | None:
            found = await player.playlist()
            return found if found.segments else None

        whole = await until(whole_segment, "a whole segment")
        assert whole is not None
        msn = min(whole.segments)
        parts = [await player.bytes(whole.parts[key]) for key in sorted(whole.parts) if key[0] == msn]
        assert await player.bytes(whole.segments[msn]) == b"".join(parts)
        # They are asked for every few seconds, and were for the first time before there was a stream.
        await until(lambda: b"livecore_recorder_hls_streams 1.0" in server.app.metrics.render()[0], "the recorder's counters")
        counters = server.app.metrics.render()[0].decode()
        assert "livecore_recorder_hls_parts_total" in counters
        assert 'livecore_hls_answers_total{kind="playlists"}' in counters
        assert "livecore_recorder_cpu_s_total" in counters
    finally:
        await broadcast.end()


async def test_what_cannot_be_answered_is_refused_by_its_name(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await server.call("GET", "/live/0123456789abcdef0123456789abcdef/index.m3u8")).status == 401
    created = (await anna.post("/api/v1/lives", {"title": "Later", "codec": "h264"})).json
    early = await server.call("GET", created["hls"])
    assert (early.status, early.type, early.headers["Retry-After"]) == (409, "no_publisher", "1")
    broadcast = await Broadcast(anna, codec="h264").start()
    try:
        player = await opened(ben, broadcast)
        known = await player.playlist()
        assert (await player.get("media.m3u8", _HLS_msn=known.next[0] + 9)).status == 400
        assert (await player.get("media.m3u8", _HLS_part=1)).status == 400
        assert (await player.get("media.m3u8", _HLS_msn="x")).status == 400
        assert (await player.get("media.m3u8", _HLS_skip="maybe")).status == 400
        for name in ("p9999.0.m4s", "s9999.m4s", "init77.mp4", "journal", "..%2Fjournal", "secret"):
            assert (await player.get(name)).status in (403, 404), name
        place, player.place = player.place, player.place[:-4] + "AAAA"
        assert (await player.get("media.m3u8")).status == 403
        player.place = place.replace(broadcast.id, created["id"])
        assert (await player.get("media.m3u8")).status == 403
    finally:
        await broadcast.end()


async def test_vp8_is_not_carried_and_says_so(server: Server) -> None:
    anna = await server.person("anna")
    broadcast = await Broadcast(anna, codec="vp8").start()
    assert broadcast.live["hls"] is None
    assert (await live_of(anna, broadcast.id))["hls"] is None
    await broadcast.end()


async def test_30_a_block_a_ban_and_another_audience_end_a_viewing_at_its_next_request(server: Server) -> None:
    anna, ben, cora, dora = [await server.person(name) for name in ("anna", "ben", "cora", "dora")]
    broadcast = await Broadcast(anna, codec="h264").start()
    try:
        players = [await opened(one, broadcast) for one in (ben, cora, dora)]
        known = [await player.playlist() for player in players]
        waiting = asyncio.create_task(players[0].get("media.m3u8", _HLS_msn=known[0].next[0] + 1, _HLS_part=3))
        await anna.put("/api/v1/blocks/ben")
        assert (await waiting).status == 403
        assert (await players[0].get("media.m3u8")).status == 404
        assert (await players[0].get(known[0].maps[0])).status == 404
        assert [(await player.get("allowed")).status for player in players] == [403, 204, 204]
        restricted = await anna.post(f"/api/v1/lives/{broadcast.id}/restrictions", {"username": "cora", "kind": "banned"})
        assert restricted.status == 204
        assert (await players[1].get("media.m3u8")).status == 404
        assert (await players[2].get("media.m3u8")).status == 200
        assert (await anna.patch(f"/api/v1/lives/{broadcast.id}", {"visibility": "friends"})).status == 200
        assert (await players[2].get("media.m3u8")).status == 404
        assert (await server.call("GET", players[2].live["hls"])).status == 404
    finally:
        await broadcast.end()


async def test_an_ended_live_says_so_and_can_be_watched_to_its_end(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna, codec="h264", keep_replay=False).start()
    player = await opened(ben, broadcast)
    known = await player.playlist()
    await broadcast.send_more(150)
    await broadcast.end()

    async def ended() -> Playlist | None:
        now = await player.playlist(_HLS_msn=known.next[0], _HLS_part=known.next[1])
        return now if now.is_ended else None

    over = await until(ended, "the end in the playlist")
    assert over is not None
    assert over.hint == ""
    init = await player.bytes(over.maps[0])
    read = played(init + b"".join([await player.bytes(name) for _, name in sorted(over.segments.items())]))
    assert len(read.video_s) > 40
    again = await Player(ben, await live_of(ben, broadcast.id)).open()
    assert (await again.playlist()).is_ended


async def test_one_connection_carries_segments_and_everything_else_by_turns(server: Server) -> None:
    """Players and pages share a browser's connections: the short way hands back what is not its own."""
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna, codec="h264").start()
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        player = await opened(ben, broadcast)

        async def ask(path: str, headers: str = "") -> tuple[int, bytes]:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = re.search(r"content-length: (\d+)", head)
            assert length is not None, head
            return int(head.split()[1]), await reader.readexactly(int(length[1]))

        for _ in range(3):
            status, body = await ask(f"{player.place}/media.m3u8")
            assert status == 200
            known = parse(body.decode())
            assert (await ask(f"{player.place}/{known.maps[0]}"))[0] == 200
            assert (await ask(f"{player.place}/{known.parts[known.newest]}"))[0] == 200
            assert (await ask("/healthz"))[0] == 200
            assert (await ask(f"/api/v1/lives/{broadcast.id}"))[0] == 401
            assert (await ask(f"/api/v1/lives/{broadcast.id}", f"Authorization: Bearer {ben.access}\r\n"))[0] == 200
            assert (await ask(f"{player.place}/{known.maps[0]}", "Range: bytes=0-3\r\n"))[0] in (200, 206)
        path = f"{player.place}/media.m3u8"
        await _two_at_once_in_pieces(reader, writer, path)
        await ask(path)
        await _two_at_once_in_pieces(reader, writer, path)
    finally:
        writer.close()
        await broadcast.end()


async def _two_at_once_in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    async with asyncio.timeout(20):
        writer.write(f"GET {path} HT".encode())
        await writer.drain()
        writer.write(b"TP/1.1\r\nHost: x\r\n\r\n" + f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        for _ in range(2):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert " 200 " in head.splitlines()[0]
            length = re.search(r"content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))


async def test_too_many_who_wait_are_sent_away_for_a_second(start_server: StartServer) -> None:
    server = await start_server(media=True, hls_waiting=10)
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna, codec="h264").start()
    try:
        player = await opened(ben, broadcast)
        known = await player.playlist()
        asked = [player.get("media.m3u8", _HLS_msn=known.next[0] + 1) for _ in range(14)]
        answers = await asyncio.gather(*asked)
        assert sorted({answer.status for answer in answers}) == [200, 503]
        refused = next(answer for answer in answers if answer.status == 503)
        assert refused.headers["Retry-After"] == "1"
    finally:
        await broadcast.end()


@pytest.mark.parametrize("window_s", [3600, pytest.param(30, marks=pytest.mark.deep)])
async def test_a_delta_update_stands_for_the_whole_playlist_and_a_window_is_as_long_as_its_setting(
    start_server: StartServer, window_s: int
) -> None:
    server = await start_server(media=True, hls_segment_s=1, hls_window_s=window_s)
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna, codec="h264", record=False).start()
    try:
        player = await opened(ben, broadcast)

        async def with_delta() -> tuple[Playlist, Playlist] | None:
            delta, whole = await player.playlist(_HLS_skip="YES"), await player.playlist()
            is_one_moment = delta.first == whole.first and max(delta.segments, default=0) == max(whole.segments, default=0)
            return (whole, delta) if is_one_moment and delta.skipped and (window_s > 60 or whole.first) else None

        # What is older than six target durations of two seconds is left out.
        found = await until(with_delta, "a playlist that is long enough", 60)
        assert found is not None
        whole, delta = found
        assert "CAN-SKIP-UNTIL=12.0" in whole.text
        assert not whole.skipped
        assert min(delta.segments) == whole.first + delta.skipped
        assert {msn: uri for msn, uri in whole.segments.items() if msn in delta.segments} == delta.segments
        lengths_s = [float(length) for length in re.findall(r"#EXTINF:([0-9.]+)", whole.text)]
        assert sum(lengths_s) < window_s + 2
        assert sum(lengths_s[delta.skipped :]) >= 11
        if whole.first:
            # The oldest that is listed is there; what left the window is no longer in it.
            assert sum(lengths_s) > window_s - 1
            assert (await player.get(whole.segments[whole.first])).status == 200
    finally:
        await broadcast.end()
