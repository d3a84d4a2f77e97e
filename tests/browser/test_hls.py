"""A viewer who goes back within a live, and one who watches by HLS from the start, in a real browser."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE
from tests.conftest import StartProgram
from tests.flows.broadcast import Broadcast
from tests.hls.test_watching import opened
from tests.people import Person
from tests.waiting import until

# Generous: the promise is 1.2 s on a machine that has nothing else to do (docs/capacity.md).
DELAY_LIMIT_S = 6.0
# How far the picture on the screen lies behind the newest that the server has.
BEHIND = """() => {
  const video = document.querySelector('.live-page video');
  const end = video.seekable.length ? video.seekable.end(video.seekable.length - 1) : 0;
  return { way: video.dataset.way, now: video.currentTime, end, start: video.seekable.length ? video.seekable.start(0) : 0 };
}"""


async def on_air(viewer: Person) -> dict[str, Any]:
    """The one live, once the server has heard of its picture."""

    async def listed() -> list[dict[str, Any]]:
        return list((await viewer.get("/api/v1/lives")).json["items"])

    (live,) = await until(listed, "the live on the air")
    return live


# What the picture may be short of ten seconds back where the live is not as old.
BACK_S = 3.0


async def test_a_viewer_watches_by_hls_goes_back_and_returns(program: StartProgram, visitor: NewVisitor) -> None:
    # Any room is a very large one here.
    serving = await program(hls_above_viewers=1, hls_segment_s=1)
    host, cora = await serving.person("anna"), await serving.person("cora")
    ben = await visitor(serving, "ben", size=PHONE)
    await ben.arrive()
    page = ben.page
    broadcast = await Broadcast(host, codec="h264", record=False).start()

    async def place() -> dict[str, Any]:
        return dict(await page.evaluate(BEHIND))

    async def is_back() -> bool:
        there = await place()
        return bool(there["way"] == "hls" and there["end"] - there["now"] > BACK_S)

    async def is_near() -> bool:
        there = await place()
        return bool(there["way"] == "hls" and 0 < there["end"] - there["now"] < DELAY_LIMIT_S)

    try:
        # The first to come finds an empty room, so WebRTC; the button leads to HLS.
        await ben.go(f"/watch/{broadcast.id}")
        await ben.video_advances(".live-page video")
        assert (await place())["way"] == "webrtc"
        watched = await opened(cora, broadcast)

        async def is_old_enough() -> bool:
            return len((await watched.playlist()).segments) > BACK_S + 2

        await until(is_old_enough, "something to go back to")
        await page.get_by_role("button", name="Back 10 seconds").click()
        await until(is_back, "the picture from before")
        await ben.video_advances(".live-page video")
        await ben.picture("rewind", also=DESKTOP)
        await ben.fits()
        await ben.accessible()
        # It stays back, also over a player that has to begin anew.
        assert await is_back()

        # The room is full, so HLS it stays; and whoever comes to a full room begins with it. A reload leaves the room, so another one fills it.
        await page.get_by_role("button", name="To live").click()
        await until(is_near, "the newest by HLS")
        socket = await cora.connect()
        assert (await socket.call("live:join", {"live": broadcast.id}))["ok"]
        await page.reload()
        await ben.video_advances(".live-page video")
        await until(is_near, "the picture by HLS near the newest")
        await socket.close()
    finally:
        await broadcast.end()


@pytest.mark.deep
async def test_a_viewer_who_went_back_stays_back_over_a_network_that_was_away(program: StartProgram, visitor: NewVisitor) -> None:
    serving = await program(hls_segment_s=1)
    host = await serving.person("anna")
    ben = await visitor(serving, "ben", size=PHONE)
    await ben.arrive()
    page = ben.page
    broadcast = await Broadcast(host, codec="h264", record=False).start()

    async def behind_s() -> float:
        there = await page.evaluate(BEHIND)
        return float(there["end"] - there["now"]) if there["way"] == "hls" else 0.0

    async def is_back() -> bool:
        return await behind_s() > 6

    try:
        await ben.go(f"/watch/{broadcast.id}")
        await ben.video_advances(".live-page video")
        await broadcast.send_more(400)
        await page.get_by_role("button", name="Back 10 seconds").click()
        await until(is_back, "the picture from before")
        await ben.video_advances(".live-page video")
        ben.forgive("503")
        await page.evaluate(
            "document.querySelector('.live-page video').addEventListener('emptied', () => { window.restarts = (window.restarts ?? 0) + 1; })"
        )
        await page.route("**/live/*/*/*", lambda route: route.fulfill(status=503))

        async def has_begun_anew() -> bool:
            return bool(await page.evaluate("window.restarts"))

        await until(has_begun_anew, "the player to give up", 60)
        await page.unroute("**/live/*/*/*")
        await ben.video_advances(".live-page video")
        await until(is_back, "the picture from before again", 40)
        seen = [await behind_s()]
        await ben.video_advances(".live-page video")
        seen.append(await behind_s())
        assert min(seen) > 6, seen
    finally:
        await broadcast.end()


# A quarter of all packets is lost, from when `window.lossy` is set on.
LOSSY = """
const stats = RTCPeerConnection.prototype.getStats;
RTCPeerConnection.prototype.getStats = async function (...args) {
  const found = await stats.apply(this, args);
  if (!window.lossy) return found;
  const changed = [...found.values()].map((one) => one.type === "inbound-rtp" ? { ...one, packetsLost: Math.floor((one.packetsReceived ?? 0) / 3) } : one);
  return new Map(changed.map((one) => [one.id, one]));
};
"""


@pytest.mark.parametrize("codec", ["vp9", pytest.param("av1", marks=pytest.mark.deep)])
async def test_a_viewer_who_loses_much_falls_back_to_hls_in_each_codec_and_goes_back_in_it(
    program: StartProgram, visitor: NewVisitor, codec: str
) -> None:
    serving = await program(hls_segment_s=1)
    host = await serving.person("anna")
    ben = await visitor(serving, "ben", size=PHONE)
    await ben.page.add_init_script(LOSSY)
    await ben.arrive()
    page = ben.page
    broadcast = await Broadcast(host, codec=codec, record=False).start()
    try:
        await ben.go(f"/watch/{broadcast.id}")
        video = page.locator(".live-page video")
        await expect(video).to_have_attribute("data-way", "webrtc")
        await page.evaluate("window.lossy = true")
        await expect(video).to_have_attribute("data-way", "hls", timeout=30_000)
        await expect(page.get_by_text("Your line is weak.")).to_be_visible()
        await ben.video_advances(".live-page video")
        before = await page.evaluate(BEHIND)
        await page.get_by_role("button", name="Back 10 seconds").click()

        async def is_back() -> bool:
            now = await page.evaluate(BEHIND)
            return bool(now["end"] - now["now"] > before["end"] - before["now"] + 2)

        await until(is_back, "the picture from before")
        await ben.video_advances(".live-page video")
    finally:
        await broadcast.end()


@pytest.mark.parametrize("codec", ["h264", pytest.param("vp9", marks=pytest.mark.deep), pytest.param("av1", marks=pytest.mark.deep)])
async def test_a_camera_that_goes_off_and_on_again_does_not_stop_a_player(program: StartProgram, visitor: NewVisitor, codec: str) -> None:
    serving = await program(hls_segment_s=1)
    host = await serving.person("anna")
    ben = await visitor(serving, "ben", size=PHONE)
    await ben.page.add_init_script(LOSSY)
    await ben.arrive()
    page = ben.page
    broadcast = await Broadcast(host, codec=codec, record=False).start()

    async def plays_on(seconds: float) -> None:
        begun = (await page.evaluate(BEHIND))["now"]

        async def has_passed() -> bool:
            return bool((await page.evaluate(BEHIND))["now"] > begun + seconds)

        await until(has_passed, f"{seconds} seconds to be played", 40)

    try:
        await ben.go(f"/watch/{broadcast.id}")
        video = page.locator(".live-page video")
        await expect(video).to_have_attribute("data-way", "webrtc")
        await page.evaluate("window.lossy = true")
        await expect(video).to_have_attribute("data-way", "hls", timeout=30_000)
        await ben.video_advances(".live-page video")
        await video.evaluate("(video) => { window.restarts = 0; video.addEventListener('emptied', () => window.restarts++); }")
        broadcast.has_camera = False
        await plays_on(9)
        broadcast.has_camera = True
        await plays_on(4)
        await ben.video_advances(".live-page video")
        now = await page.evaluate(BEHIND)
        assert now["end"] - now["now"] < DELAY_LIMIT_S
        # None where there is time enough; on a busy machine the two seconds before the picture counts as gone may grow into one restart, which
        # empties the element twice. A camera that took its track with it cost one at each end.
        assert await page.evaluate("window.restarts") <= 2
    finally:
        await broadcast.end()


@pytest.mark.deep
async def test_a_network_that_carries_no_media_leads_to_hls_with_a_word_and_back_by_the_button(
    program: StartProgram, visitor: NewVisitor
) -> None:
    serving = await program(hls_segment_s=1)
    anna = await visitor(serving, "anna")
    ben = await visitor(serving, "ben", size=PHONE)
    await anna.arrive()
    viewer = await ben.arrive()
    await anna.go("/live")
    await anna.page.get_by_label("Camera").select_option("clock")
    await anna.page.get_by_role("button", name="Go live").click()
    await expect(anna.page.get_by_role("button", name="End", exact=True)).to_be_visible()
    live = await on_air(viewer)
    await ben.go(f"/watch/{live['id']}")
    await ben.video_advances(".live-page video")
    video = ben.page.locator(".live-page video")
    await expect(video).to_have_attribute("data-way", "webrtc")

    # Nothing comes over UDP, not even answers to checks, while HTTP goes on: the media worker stands still.
    anna.forgive("503")
    worker = serving.child("media")
    worker.suspend()
    try:
        await expect(video).to_have_attribute("data-way", "hls", timeout=30_000)
    finally:
        worker.resume()
    await expect(ben.page.get_by_text("Your line is weak.")).to_be_visible()
    await ben.video_advances(".live-page video")
    await ben.picture("weak", also=DESKTOP)

    await ben.page.get_by_role("button", name="To live").click()
    await expect(video).to_have_attribute("data-way", "webrtc")
    await ben.video_advances(".live-page video")
