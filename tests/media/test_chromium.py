"""Two real Chromium pages, one publishing its fake camera, one watching, through a real worker."""

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from livecore.lives.ice_servers import link_values
from livecore.media.control import LayersWanted, PublicationUp
from tests.media.relay import Relay
from tests.media.whip_server import whip_server
from tests.media.worker_process import MediaProcess, media_process
from tests.turn import COTURN, TURN_SECRET, turn_server
from tests.waiting import PATIENCE_S, until

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Chromium: apt-get install chromium"),
]


@asynccontextmanager
async def stage(directory: Path, relays: list[Relay] | None = None, **settings: Any) -> AsyncIterator[tuple[MediaProcess, Browser, str]]:
    async with media_process(directory, **settings) as media, whip_server(media.plane, relays) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield media, browser, address
        finally:
            await browser.close()


async def page(browser: Browser, address: str) -> Page:
    """A page in a context of its own: tabs of one headless window stop painting in the background."""
    context = await browser.new_context(permissions=["camera", "microphone"])
    opened = await context.new_page()
    await opened.goto(address)
    return opened


async def on_air(media: MediaProcess, publisher: Page, live: str, **options: Any) -> str | None:
    """Publish; the codec that is up."""
    result = await publisher.evaluate("([live, options]) => publish(live, options)", [live, options])
    assert result["status"] == 201, result
    up = await until(lambda: next((e for e in media.of(PublicationUp) if e.live_id == live), None), "the publication")
    assert up.audio
    return str(up.video_codec)


async def playing(viewer: Page, frames: int, patience_s: float = PATIENCE_S) -> dict[str, Any]:
    """The viewer's statistics once it has decoded so many frames and heard sound."""

    async def look() -> dict[str, Any]:
        stats: dict[str, Any] = await viewer.evaluate("stats()")
        enough = stats.get("video", {}).get("frames", 0) >= frames and stats.get("audio", {}).get("samples", 0) > 0
        return stats if enough else {}

    return await until(look, f"{frames} frames", patience_s)


@pytest.mark.parametrize("codec", ["vp8", "h264", "vp9", "av1"])
async def test_two_pages_go_live_and_each_is_seen_and_heard_by_another(tmp_path: Path, codec: str) -> None:
    async with stage(tmp_path) as (media, browser, address):
        publishers = {live: await page(browser, address) for live in ("one", "two")}
        viewers = {live: await page(browser, address) for live in publishers}
        for live, publisher in publishers.items():
            assert await on_air(media, publisher, live, codec=codec) == codec
        for live, viewer in viewers.items():
            result = await viewer.evaluate("(live) => watch(live)", live)
            assert result["status"] == 201, result
            # Loopback takes some 150 ms; the bound leaves room for a machine that runs other tests beside this.
            assert result["firstFrameMs"] < 3000
        for viewer in viewers.values():
            stats = await playing(viewer, 45)
            assert f"video/{codec}" in [name.lower() for name in stats["codecs"]]
            assert stats["video"]["width"] >= 320
            assert stats["audio"]["concealed"] < 0.3 * stats["audio"]["samples"]


async def test_simulcast_publisher_sends_three_layers_and_the_viewer_sees_the_best(tmp_path: Path) -> None:
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer = await page(browser, address), await page(browser, address)
        await on_air(media, publisher, "live", codec="vp8", simulcast=True, width=1280, height=720)

        async def all_layers() -> bool:
            stats = await media.plane.stats("live")
            video = next(t for t in stats["publications"]["main"]["tracks"] if t["kind"] == "video")
            return sorted(layer["rid"] for layer in video["layers"] if layer["alive"] and layer["bitrate_bps"]) == ["h", "l", "m"]

        await until(all_layers, "three layers")
        assert (await viewer.evaluate("watch('live')"))["status"] == 201
        await until(lambda: _width(viewer, 1280), "the best layer")


@pytest.mark.parametrize("codec", ["h264", "vp9", "av1"])
async def test_viewer_goes_from_size_to_size_of_a_simulcast(tmp_path: Path, codec: str) -> None:
    """VP8's is above. `L1T1` asks for one stream a size, not for one with spatial layers."""
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer = await page(browser, address), await page(browser, address)
        options = {"codec": codec, "simulcast": True, "scalabilityMode": "L1T1", "width": 960, "height": 540}
        assert await on_air(media, publisher, "live", **options) == codec
        # AV1 with the dependency descriptor: its frame numbers have to ascend from stream to stream.
        result = await viewer.evaluate("watch('live', null, 0, { descriptor: true })")
        assert ("dependency-descriptor" in result["answer"]) is (codec == "av1")
        (watching,) = (await media.plane.stats("live"))["publications"]["main"]["viewers"]
        for rid, width in ((None, 960), ("l", 240), (None, 960)):
            await media.plane.prefer_layer(watching["session_id"], rid)
            await until(lambda width=width: _width(viewer, width), f"{width} pixels", patience_s=45)
            before = (await viewer.evaluate("stats()"))["video"]["frames"]
            await playing(viewer, before + 15)


async def _width(viewer: Page, width: int) -> bool:
    stats = await viewer.evaluate("stats()")
    return bool(stats.get("video", {}).get("width") == width)


async def test_layer_that_nobody_watches_is_not_sent_until_somebody_wants_it(tmp_path: Path) -> None:
    """The publisher is the demo's own module, told as `live:layers` tells the host's page."""
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer = await page(browser, address), await page(browser, address)
        await publisher.evaluate("publishAsDemo('live', { codec: 'vp8', width: 960, height: 540 })")
        await until(lambda: media.of(PublicationUp), "the publication")
        obeyed = 0

        async def sent() -> dict[str, Any]:
            """What the page has sent of each layer, after it has done what it was told."""
            nonlocal obeyed
            told = media.of(LayersWanted)
            if len(told) > obeyed:
                obeyed = len(told)
                await publisher.evaluate("(rids) => want({ rids })", told[-1].rids)
            layers: dict[str, Any] = (await publisher.evaluate("stats()"))["layers"]
            return layers

        async def large() -> bool:
            return await _width(viewer, 960)

        await until(lambda: _sends(sent, "h"), "the large layer")
        assert (await viewer.evaluate("watch('live')"))["status"] == 201
        await until(large, "the large layer at the viewer", patience_s=45)
        (watching,) = (await media.plane.stats("live"))["publications"]["main"]["viewers"]
        await media.plane.prefer_layer(watching["session_id"], "l")

        async def stands_still() -> bool:
            before = await sent()

            async def small_goes_on() -> dict[str, Any]:
                now = await sent()
                return now if now["l"]["frames"] >= before["l"]["frames"] + 15 else {}

            after = await until(small_goes_on, "fifteen small pictures", patience_s=45)
            return bool(after["h"]["bytes"] == before["h"]["bytes"] and after["l"]["bytes"] > before["l"]["bytes"])

        # A busy machine's encoder may leave the large layer out by itself: what it is asked for comes first.
        await until(lambda: [told.rids for told in media.of(LayersWanted)][-1:] == [["l"]], "the publisher to be asked for the small one")
        await until(stands_still, "the large layer to stand still", patience_s=45)
        assert await _width(viewer, 240)
        paused = (await sent())["h"]["bytes"]
        await media.plane.prefer_layer(watching["session_id"], None)

        async def large_again() -> bool:
            return (await sent())["h"]["bytes"] > paused and await large()

        await until(large_again, "the large layer again", patience_s=45)
        before = (await viewer.evaluate("stats()"))["video"]["frames"]
        await playing(viewer, before + 15)


async def _sends(sent: Callable[[], Awaitable[dict[str, Any]]], rid: str) -> bool:
    return bool((await sent()).get(rid, {}).get("bytes"))


async def test_publisher_page_that_reloads_is_seen_again_by_the_same_viewer(tmp_path: Path) -> None:
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer = await page(browser, address), await page(browser, address)
        await on_air(media, publisher, "live", codec="vp8")
        await viewer.evaluate("watch('live')")
        before = (await playing(viewer, 15))["video"]["frames"]
        await publisher.evaluate("close_()")
        await publisher.reload()
        assert await on_air(media, publisher, "live", codec="vp8") == "vp8"
        stats = await playing(viewer, before + 60)
        assert stats["state"] == "connected"


async def test_ice_restart_in_a_browser_keeps_the_picture_moving(tmp_path: Path) -> None:
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer = await page(browser, address), await page(browser, address)
        await on_air(media, publisher, "live", codec="vp8")
        await viewer.evaluate("watch('live')")
        before = (await playing(viewer, 15))["video"]["frames"]
        restarted = await viewer.evaluate("restartIce()")
        assert restarted["status"] == 200
        assert restarted["before"] != restarted["after"]
        await playing(viewer, before + 45)


async def test_publishers_estimate_reaches_its_full_rate_within_seconds(tmp_path: Path) -> None:
    async with stage(tmp_path) as (media, browser, address):
        publisher = await page(browser, address)
        await on_air(media, publisher, "live", codec="vp8", width=1280, height=720)

        async def available() -> bool:
            return bool((await publisher.evaluate("stats()")).get("available", 0) > 2_500_000)

        async with asyncio.timeout(15):
            await until(available, "transport-wide feedback to lift the estimate")


@pytest.mark.parametrize("codec", ["vp8", pytest.param("h264", marks=pytest.mark.deep)])
async def test_viewer_that_loses_one_packet_in_twenty_sees_nearly_every_picture(tmp_path: Path, codec: str) -> None:
    """Without resends it would see two in a hundred. (That nothing freezes is shown in virtual time: here a busy machine may.)"""
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer = await page(browser, address), await page(browser, address)
        await on_air(media, publisher, "live", codec=codec)
        result = await viewer.evaluate("watch('live', 0.05)")
        assert result["status"] == 201, result
        before = (await playing(viewer, 30))["video"]["frames"]
        encoded = (await publisher.evaluate("stats()"))["layers"][""]["frames"]
        stats = await playing(viewer, before + 240, patience_s=60)
        encoded = (await publisher.evaluate("stats()"))["layers"][""]["frames"] - encoded
        video, audio = stats["video"], stats["audio"]
        assert video["resent"] > 5
        assert video["nacks"] > 5
        assert video["frames"] - before > 0.85 * encoded
        assert audio["concealed"] < 0.15 * audio["samples"]


async def test_viewer_on_a_narrow_path_gets_a_thinner_layer_and_the_best_when_it_widens(tmp_path: Path) -> None:
    relays: list[Relay] = []
    async with stage(tmp_path, relays) as (media, browser, address):
        publisher, viewer = await page(browser, address), await page(browser, address)
        await on_air(media, publisher, "live", codec="vp8", simulcast=True, width=1280, height=720)

        async def video() -> dict[str, Any]:
            stats = await media.plane.stats("live")
            published: dict[str, Any] = stats["publications"]["main"]
            return published

        async def three_layers() -> bool:
            tracks = (await video())["tracks"]
            return sum(layer["bitrate_bps"] > 0 for track in tracks if track["kind"] == "video" for layer in track["layers"]) == 3

        async def layer() -> str | None:
            subscriptions = (await video())["viewers"][0]["subscriptions"]
            return next((s["layer"] for s in subscriptions if s["kind"] == "video"), None)

        async def on_a_thin_layer() -> bool:
            return await layer() in ("l", "m")

        async def on_the_best() -> bool:
            return await layer() == "h"

        await until(three_layers, "three layers")
        assert (await viewer.evaluate("watch('live', 0, 450000)"))["status"] == 201
        await until(on_a_thin_layer, "a layer that fits")
        before = (await viewer.evaluate("stats()"))["video"]["frames"]
        await playing(viewer, before + 60)
        assert await on_a_thin_layer()
        (watching,) = (await video())["viewers"]
        assert next(s["switches"] for s in watching["subscriptions"] if s["kind"] == "video") <= 5
        relays[0].rate_bps = 0
        await until(on_the_best, "the best layer", patience_s=45)


@pytest.mark.parametrize(
    ("codec", "mode", "best", "less"), [("vp9", "L3T3_KEY", "", "S1T2"), pytest.param("av1", "L1T3", "", "S0T1", marks=pytest.mark.deep)]
)
async def test_layers_of_a_scalable_publisher_are_left_out_for_one_viewer_alone(
    tmp_path: Path, codec: str, mode: str, best: str, less: str
) -> None:
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer, other = [await page(browser, address) for _ in range(3)]
        assert await on_air(media, publisher, "live", codec=codec, scalabilityMode=mode, width=1280, height=720) == codec

        async def published() -> dict[str, Any]:
            stats = await media.plane.stats("live")
            found: dict[str, Any] = stats["publications"]["main"]
            return found

        async def cuts() -> bool:
            video = next(t for t in (await published())["tracks"] if t["kind"] == "video")
            return less in [cut["rid"] for cut in video["layers"][0]["cuts"]]

        await until(cuts, "the layers to be seen")
        for one in (viewer, other):
            assert (await one.evaluate("watch('live')"))["status"] == 201
            await playing(one, 20)
        sessions = [one["session_id"] for one in (await published())["viewers"]]
        await media.plane.prefer_layer(sessions[0], less)

        async def on(layer: str, who: int) -> bool:
            of = next(one for one in (await published())["viewers"] if one["session_id"] == sessions[who])
            return any(s["layer"] == layer for s in of["subscriptions"] if s["kind"] == "video")

        await until(lambda: on(less, 0), "fewer layers")
        before = (await viewer.evaluate("stats()"))["video"]["frames"]
        await playing(viewer, before + 30)
        if codec == "vp9":
            assert await _width(viewer, 640)
            assert await _width(other, 1280)
        assert await on(best, 1)
        await media.plane.prefer_layer(sessions[0], None)
        await until(lambda: on(best, 0), "all layers again")
        before = (await viewer.evaluate("stats()"))["video"]["frames"]
        stats = await playing(viewer, before + 30)
        assert stats["video"]["plis"] <= 2


@pytest.mark.deep
async def test_browser_watches_over_tcp_where_there_is_no_udp(tmp_path: Path) -> None:
    async with stage(tmp_path, tcp_port=0) as (media, browser, address):
        publisher, viewer = await page(browser, address), await page(browser, address)
        await on_air(media, publisher, "live", codec="vp8")
        assert (await viewer.evaluate("watch('live', null, 0, { tcp: true })"))["status"] == 201
        stats = await playing(viewer, 30)
        assert stats["path"]["protocol"] == "tcp"


async def test_end_to_end_encrypted_frames_pass_untouched(tmp_path: Path) -> None:
    """Frames are scrambled in the publisher's page and unscrambled in the viewer's; without the key nothing is to be decoded."""
    async with stage(tmp_path) as (media, browser, address):
        publisher, viewer, without = [await page(browser, address) for _ in range(3)]
        await on_air(media, publisher, "live", codec="vp8", encrypted=True)
        assert (await viewer.evaluate("watch('live', null, 0, { encrypted: true })"))["status"] == 201
        stats = await playing(viewer, 45)
        assert stats["video"]["plis"] <= 2
        assert stats["audio"]["concealed"] < 0.3 * stats["audio"]["samples"]
        # The test pattern is green; whoever has no key sees noise, or nothing.
        await without.evaluate("void watch('live')")

        async def packets() -> bool:
            return bool((await without.evaluate("stats()")).get("video", {}).get("packets", 0) > 60)

        await until(packets, "encrypted packets")
        seen, blind = [await one.evaluate("average()") for one in (viewer, without)]
        assert seen["green"] > 60, seen
        assert blind is None or abs(blind["green"] - seen["green"]) > 20, (seen, blind)


@pytest.mark.skipif(COTURN is None, reason="needs coturn: apt-get install coturn")
async def test_browser_publishes_and_watches_through_coturn_with_our_credentials(tmp_path: Path) -> None:
    async with turn_server(tmp_path) as port, stage(tmp_path) as (media, browser, address):
        (link,) = link_values([f"turn:127.0.0.1:{port}?transport=udp"], TURN_SECRET, "somebody", int(time.time()), 600)
        username, credential = re.findall(r'(?:username|credential)="([^"]*)"', link)
        server = {"urls": f"turn:127.0.0.1:{port}?transport=udp", "username": username, "credential": credential}
        configuration = {"iceServers": [server], "iceTransportPolicy": "relay"}
        publisher, viewer = await page(browser, address), await page(browser, address)
        await on_air(media, publisher, "live", codec="vp8", configuration=configuration)
        result = await viewer.evaluate("(configuration) => watch('live', null, 0, { configuration })", configuration)
        assert result["status"] == 201
        stats = await playing(viewer, 30)
        assert stats["path"]["local"] == "relay"
        # A credential of another secret, or one that has expired, is worth nothing.
        stranger = await page(browser, address)
        await stranger.evaluate(
            "(configuration) => void watch('live', null, 0, { configuration })",
            {**configuration, "iceServers": [{**server, "credential": "bm90IHRoaXMgb25l"}]},
        )

        async def failed() -> bool:
            return bool((await stranger.evaluate("connection_()"))["gathered"] == 0)

        await until(failed, "no relay for a stranger")
