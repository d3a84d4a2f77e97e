"""How a live's media finds its way in a browser: sizes that nobody watches are not sent, and relays where nothing else gets through."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import NewVisitor
from tests.conftest import StartProgram
from tests.turn import COTURN, TURN_SECRET, turn_server
from tests.waiting import until

# The page's connections, for the test to ask them what they do.
KEEP_PEERS = "window.peers = []; const P = RTCPeerConnection; window.RTCPeerConnection = class extends P { constructor(c) { super(c); peers.push(this); } };"
# A network that lets nothing out but to a relay: as the browser itself has it for who asks for it, for every connection of the page.
ONLY_RELAYS = KEEP_PEERS.replace("super(c)", "super({ ...c, iceTransportPolicy: 'relay' })")
SENT = """async () => {
  const sent = {};
  for (const one of (await peers.at(-1).getStats()).values()) if (one.type === 'outbound-rtp' && one.rid) sent[one.rid] = one.active;
  return sent;
}"""
PATHS = """async () => {
  const all = await peers.at(-1).getStats();
  const pair = [...all.values()].find((one) => one.type === 'candidate-pair' && one.nominated && one.state === 'succeeded');
  return pair ? all.get(pair.localCandidateId).candidateType : peers.at(-1).connectionState;
}"""


# Of one stream that holds several sizes: how large its largest is, and how much of it there has been.
SCALABLE = """async () => {
  const one = [...(await peers.at(-1).getStats()).values()].find((one) => one.type === 'outbound-rtp' && one.kind === 'video');
  return { width: one.frameWidth, mode: one.scalabilityMode, octets: one.bytesSent, frames: one.framesEncoded };
}"""

CUTS = """async () => {
  const { get } = await import(`/assets/${document.documentElement.dataset.build}/core/http.js`);
  const { items } = await get('/api/v1/lives');
  const { media } = await get(`/api/v1/lives/${items[0].id}/stats`);
  return Object.values(media.publications)[0].tracks.find((one) => one.kind === 'video').layers[0].cuts.length;
}"""


async def test_host_does_not_send_a_size_that_nobody_watches(program: StartProgram, visitor: NewVisitor) -> None:
    """The whole way: a viewer's choice, the worker, the server, Socket.IO, the host's page, the encoder; and back again."""
    serving = await program(hls=False)  # a playlist would watch the best size
    anna, ben = await visitor(serving, "anna"), await visitor(serving, "ben")
    await anna.page.add_init_script(KEEP_PEERS)
    await anna.arrive()
    await ben.arrive()
    await anna.go("/live")
    await anna.video_advances()
    await anna.page.get_by_label("Several sizes").check()
    await anna.page.get_by_label("Keep a recording").uncheck()
    await anna.page.get_by_role("button", name="Go live").click()
    await expect(anna.page.get_by_role("button", name="End", exact=True)).to_be_visible()
    await ben.go("/discover")
    await ben.page.locator(".live-tile").first.click()
    await ben.video_advances(".frame video")

    async def sent() -> dict[str, bool]:
        found: dict[str, bool] = await anna.page.evaluate(SENT)
        return found

    async def choose(last: bool) -> None:
        await ben.page.get_by_role("button", name="More").click()
        await ben.page.get_by_role("button", name="Picture quality").click()
        await expect(ben.page.locator("dialog .menu li")).to_have_count(4)
        buttons = ben.page.locator("dialog .menu button")
        await (buttons.last if last else buttons.first).click()

    async def large_is_sent(active: bool) -> bool:
        return (await sent()).get("h") is active

    await until(lambda: large_is_sent(True), "all sizes")
    await choose(last=True)
    await until(lambda: large_is_sent(False), "the large size to rest", 40)
    assert (await sent())["l"]
    await choose(last=False)
    await until(lambda: large_is_sent(True), "the large size again")
    await ben.page.wait_for_function("() => document.querySelector('.frame video').videoWidth >= 640", timeout=20_000)


async def test_host_does_not_send_layers_of_a_scalable_stream_that_nobody_watches(program: StartProgram, visitor: NewVisitor) -> None:
    """The same way for VP9, whose sizes are in one stream: its encoder makes the small one alone, and all again."""
    serving = await program(hls=False)
    anna, ben = await visitor(serving, "anna"), await visitor(serving, "ben")
    await anna.page.add_init_script(KEEP_PEERS)
    await anna.arrive()
    await ben.arrive()
    await anna.go("/live")
    await anna.video_advances()
    await anna.page.get_by_label("Kind of picture").select_option("vp9")
    await anna.page.get_by_label("Several sizes").check()
    await anna.page.get_by_label("Keep a recording").uncheck()
    await anna.page.get_by_role("button", name="Go live").click()
    await expect(anna.page.get_by_role("button", name="End", exact=True)).to_be_visible()

    async def layers_seen() -> bool:
        return bool(await anna.page.evaluate(CUTS))

    await until(layers_seen, "the layers to be known, so that a viewer is asked how its path is")
    await ben.go("/discover")
    await ben.page.locator(".live-tile").first.click()
    await ben.video_advances(".frame video")

    async def sent() -> dict[str, Any]:
        found: dict[str, Any] = await anna.page.evaluate(SCALABLE)
        return found

    async def octets_a_picture() -> float:
        before = await sent()

        async def some_more() -> dict[str, Any] | None:
            now = await sent()
            return now if now["frames"] >= before["frames"] + 40 else None

        after = await until(some_more, "forty pictures", 40)
        return float((after["octets"] - before["octets"]) / (after["frames"] - before["frames"]))

    async def choose(words: str, count: int) -> None:
        await ben.page.get_by_role("button", name="More").click()
        await ben.page.get_by_role("button", name="Picture quality").click()
        await expect(ben.page.locator("dialog .menu li")).to_have_count(count)
        await ben.page.locator("dialog .menu button").filter(has_text=words).first.click()

    async def small() -> bool:
        return str((await sent())["mode"]).startswith("L1")

    async def whole() -> bool:
        return bool((await sent())["mode"] == "L3T3_KEY")

    async def seen_by_ben() -> int:
        return int(await ben.page.evaluate("document.querySelector('.frame video').videoWidth"))

    await until(whole, "a stream of three sizes")
    wide = (await sent())["width"]
    await until(lambda: _is(seen_by_ben, wide), "the largest size", 40)
    before = await octets_a_picture()
    await choose("180p", 7)
    await until(small, "the encoder to make the small size alone", 40)
    assert (await sent())["width"] == wide / 4
    less = await octets_a_picture()
    assert less < before / 2
    assert await seen_by_ben() == wide / 4
    await choose("Automatic", 7)
    await until(whole, "all sizes again")
    await until(lambda: _is(seen_by_ben, wide), "the largest size again", 40)
    assert await octets_a_picture() > 2 * less


async def _is(look: Callable[[], Awaitable[int]], expected: int) -> bool:
    return await look() == expected


async def path(page: Page) -> Any:
    return await page.evaluate(PATHS)


@pytest.mark.skipif(COTURN is None, reason="needs coturn: apt-get install coturn")
async def test_live_goes_through_a_relay_where_nothing_else_gets_out(program: StartProgram, visitor: NewVisitor, tmp_path: Path) -> None:
    """Host and viewer: the first connection has no way, the next has the relay that the answer named, with credentials of ours."""
    async with turn_server(tmp_path) as port:
        serving = await program(ice_servers=f"turn:127.0.0.1:{port}?transport=udp", turn_secret=TURN_SECRET)
        anna, ben = await visitor(serving, "anna"), await visitor(serving, "ben")
        for one in (anna, ben):
            await one.page.add_init_script(ONLY_RELAYS)
            await one.arrive()
        await anna.go("/live")
        await anna.video_advances()
        await anna.page.get_by_role("button", name="Go live").click()
        await expect(anna.page.get_by_role("button", name="End", exact=True)).to_be_visible(timeout=60_000)
        assert await path(anna.page) == "relay"
        await ben.go("/discover")
        await ben.page.locator(".live-tile").first.click()
        await ben.video_advances(".live-page video")
        assert await path(ben.page) == "relay"
