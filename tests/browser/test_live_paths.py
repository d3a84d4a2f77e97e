"""How a live's media finds its way in a browser: sizes that nobody watches are not sent, and relays where nothing else gets through."""

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
