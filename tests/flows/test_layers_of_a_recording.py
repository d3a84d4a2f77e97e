"""A layer goes and comes back while a live is recorded and played by HLS: what anybody gets of it is decoded whole, in both sizes."""

import asyncio
from itertools import groupby, pairwise
from pathlib import Path

from tests.conftest import StartServer
from tests.flows.layered import Layered, scalable, simulcast
from tests.flows.test_parts_of_a_live import finished
from tests.hls.player import Player
from tests.hls.reading import Played, played
from tests.people import Person
from tests.recording import tools
from tests.waiting import until

LARGE, SMALL = (480, 270), (240, 136)
SHAPES = {"h264": [(320, 180), (160, 90), (320, 180)], "vp9": [LARGE, SMALL, LARGE], "av1": [LARGE, SMALL, LARGE]}
# That a simulcast stream has stopped is noticed after a second, and what is sent instead begins with its next key picture (half a second);
# on a busy machine with the one after that.
# A scalable stream goes on with its next picture.
STANDS_STILL_S = {"h264": 2.2, "vp9": 0.15, "av1": 0.15}


def sizes_of(found: list[Played]) -> list[tuple[int, int]]:
    return [size for size, _ in groupby(size for one in found for size in one.sizes)]


async def decoded(data: bytes, path: Path) -> Played:
    """Decoded twice: our library finds no damage, and ffmpeg nothing to say."""
    path.write_bytes(data)
    assert await asyncio.to_thread(tools.complaints_of, path) == ""
    return played(data)


async def by_hls(player: Player, directory: Path) -> list[Played]:
    """All that a player gets, under each initialisation segment."""
    stretches: list[list[str]] = []
    for line in (await player.playlist()).text.splitlines():
        if line.startswith("#EXT-X-MAP:"):
            stretches.append([line.partition('URI="')[2].partition('"')[0]])
        elif line and not line.startswith("#"):
            stretches[-1].append(line)
    out = []
    for number, names in enumerate(stretches):
        data = b"".join([await player.bytes(name) for name in names])
        out.append(await decoded(data, directory / f"{number}.mp4"))
    return out


async def _has_ended(player: Player) -> bool:
    return (await player.playlist()).is_ended


async def read(viewer: Person, live: Layered, player: Player, directory: Path) -> None:
    directory.mkdir()
    (video,) = await finished(viewer, live.id)
    file = await decoded((await viewer.get(f"/api/v1/videos/{video['id']}/download")).body, directory / "file.mp4")
    await until(lambda: _has_ended(player), "the end of the stream")
    streams = await by_hls(player, directory)
    for found in ([file], streams):
        assert sizes_of(found) == SHAPES[live.codec]
        # The large, the small and the large one again: nothing but the change itself is missing, and no picture is there twice.
        pictures = [at for one in found for at in one.video_s]
        assert all(b > a for a, b in pairwise(pictures))
        assert max(b - a for a, b in pairwise(pictures)) < STANDS_STILL_S[live.codec]
        assert len(pictures) > live.pictures - (STANDS_STILL_S[live.codec] + 0.2) * 30
        assert max(one.largest_hole_in_sound_s() for one in found) < 0.03


async def test_what_is_recorded_while_a_layer_goes_and_comes_back_is_decoded_whole(start_server: StartServer, tmp_path: Path) -> None:
    """Simulcast (the larger stream stops), and scalable streams of Chromium's (the encoder leaves the larger size out)."""
    server = await start_server(media=True, hls_segment_s=1, hls_ended_s=60)
    hosts = [await server.person(name) for name in ("anna", "ben", "cora")]
    takes = {"h264": simulcast("h264"), "vp9": scalable("vp9-L2T3_KEY"), "av1": scalable("av1-L2T2")}
    lives = [Layered(host, codec, taken, title=codec) for host, (codec, taken) in zip(hosts, takes.items(), strict=True)]
    viewer = await server.person("dora")
    try:
        await asyncio.gather(*[live.start() for live in lives])
        players = [await Player(viewer, (await viewer.get(f"/api/v1/lives/{live.id}")).json).open() for live in lives]
        await asyncio.gather(*[live.is_over.wait() for live in lives])
    finally:
        await asyncio.gather(*[live.end() for live in lives])
    for live, player in zip(lives, players, strict=True):
        await read(viewer, live, player, tmp_path / live.codec)
