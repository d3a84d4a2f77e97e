"""A real browser plays and seeks what the recorder wrote, from the library's own addresses."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from livecore.media.depacketise import Frame
from livecore.media.file_parts import open_writer
from livecore.media.mux import Layout
from livecore.media.repair import finish
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.conftest import StartServer
from tests.library import media
from tests.library.recorded import keep
from tests.library.sending import sent
from tests.recording import packetise

LARGE, SMALL = (640, 360), (320, 180)
SECONDS = 2.0

# Plays `address` from its start to its end, then seeks to the middle and back; answers what it saw.
WATCH = """async (address) => {
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const told = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, {once: true});
    video.addEventListener("error", () => reject(new Error(video.error.message)), {once: true});
  });
  const sizes = [];
  video.addEventListener("resize", () => sizes.push([video.videoWidth, video.videoHeight]));
  const ready = told("loadeddata");
  video.src = address;
  await ready;
  const duration = video.duration;
  video.playbackRate = 2;
  const ended = told("ended");
  await video.play();
  await ended;
  const seek = async (to) => {
    const seeked = told("seeked");
    video.currentTime = to;
    await seeked;
    return video.currentTime;
  };
  const positions = [await seek(duration / 2), await seek(0.1)];
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  return {duration, sizes, positions, frames, seekable: video.seekable.length ? video.seekable.end(0) : 0};
}"""


@pytest.fixture
async def chromium() -> Any:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield browser
        await browser.close()


def recording(directory: Path, codec: str | None, sizes: list[tuple[int, int]]) -> bytes:
    """A finished recording of SECONDS for each size, the picture changing size in mid-stream."""
    layout = Layout(codec, *sizes[0]) if codec else Layout(None)
    written, finished = directory / "written", directory / "finished"
    writer = open_writer(written, layout)
    sound = packetise.coded_audio(SECONDS * len(sizes))
    for number, size in enumerate(sizes):
        start_s = number * SECONDS
        if codec:
            for time_s, data, is_key in packetise.coded_video(codec, SECONDS, size=size, gop=45):
                writer.video(Frame(0, packetise.frame_data(codec, data), is_key, *size), start_s + time_s)
                while sound and sound[0][0] <= start_s + time_s:
                    at_s, packet = sound.pop(0)
                    writer.audio(Frame(0, packet, samples=960), at_s)
    for at_s, packet in sound:
        writer.audio(Frame(0, packet, samples=960), at_s)
    writer.close()
    finish(written, finished, layout.container)
    return finished.read_bytes()


# Codec of the picture (None: sound alone) and its sizes, one after the other.
CASES: list[tuple[str | None, list[tuple[int, int]]]] = [
    ("vp8", [LARGE]),
    ("h264", [LARGE]),
    ("vp9", [LARGE]),
    ("av1", [LARGE]),
    ("vp8", [SMALL, LARGE]),
    ("h264", [SMALL, LARGE]),
    ("h264", [LARGE, SMALL]),
    ("vp9", [SMALL, LARGE]),
    ("av1", [SMALL, LARGE]),
    (None, [LARGE]),
]
# Pages that play at once: more would drop pictures on two cores.
AT_ONCE = 2


@pytest.mark.browser
async def test_recordings_play_to_their_end_and_seek(start_server: StartServer, chromium: Browser, tmp_path: Path) -> None:
    server = await start_server()
    anna = await server.person("anna")
    room = asyncio.Semaphore(AT_ONCE)

    async def plays(codec: str | None, sizes: list[tuple[int, int]], directory: Path) -> None:
        directory.mkdir()
        data = await asyncio.to_thread(recording, directory, codec, sizes)
        container_codec = "h264" if codec in ("h264", "vp9", "av1") else codec
        video_id = await keep(server, anna, directory, codec=container_codec, data=data)
        address = (await anna.get(f"/api/v1/videos/{video_id}")).json["file"]
        async with room:
            page = await chromium.new_page()
            await page.goto(f"{server.url}/robots.txt")
            seen = await page.evaluate(WATCH, address)
            await page.close()
        case = (codec, sizes, seen)
        length_s = SECONDS * len(sizes)
        assert seen["duration"] == pytest.approx(length_s, abs=0.15), case
        assert seen["seekable"] == pytest.approx(length_s, abs=0.15), case
        assert seen["positions"] == [pytest.approx(length_s / 2, abs=0.1), pytest.approx(0.1, abs=0.05)], case
        if codec is None:
            assert seen["sizes"] in ([], [[0, 0]]), case
        else:
            assert seen["sizes"][: len(sizes)] == [list(size) for size in sizes], case
            # Twice the speed on a busy machine drops frames; a broken stream shows hardly any.
            assert seen["frames"] > 10 * length_s, case

    await asyncio.gather(*(plays(codec, sizes, tmp_path / str(number)) for number, (codec, sizes) in enumerate(CASES)))


# Shows the picture and answers its width.
SHOW = """async (address) => {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return picture.naturalWidth;
}"""


@pytest.mark.browser
@pytest.mark.parametrize(("cache_s", "asked"), [(0, {"200": 1, "304": 2}), (600, {"200": 1})])
async def test_a_poster_that_was_seen_is_not_sent_again(
    start_server: StartServer, chromium: Browser, cache_s: int, asked: dict[str, int]
) -> None:
    server = await start_server(media_cache_s=cache_s)
    anna = await server.person("anna")
    video_id = (await sent(anna, media.faststart()))["id"]
    context = await chromium.new_context()
    for _ in range(3):
        # A page of its own each time, which asks for the feed anew: a picture in memory is not what this is about.
        poster = (await anna.get(f"/api/v1/videos/{video_id}")).json["poster"]
        page = await context.new_page()
        await page.goto(f"{server.url}/robots.txt")
        assert await page.evaluate(SHOW, poster) > 0
        await page.close()
    metrics = server.app.metrics.render()[0].decode()
    counted = re.findall(r'^livecore_request_seconds_count\{.*poster\.jpg.*status="(\d+)".*\} ([\d.]+)$', metrics, re.MULTILINE)
    assert {status: int(float(times)) for status, times in counted} == asked
