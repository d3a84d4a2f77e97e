"""A live on a desktop, with the browser's own camera: what the host sees and does, and what a viewer who comes late finds."""

from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import PHONE
from tests.conftest import StartProgram
from tests.waiting import until


async def test_camera_chat_and_a_host_who_leaves(program: StartProgram, visitor: NewVisitor) -> None:
    serving = await program()
    anna = await visitor(serving, "anna", dark=True)
    ben = await visitor(serving, "ben", dark=True)
    await anna.arrive()
    await ben.arrive()
    page = anna.page
    await anna.go("/live")
    await anna.video_advances()
    await expect(page.get_by_label("Camera")).not_to_have_value("clock")
    # Without a title it is called after its host.
    await page.get_by_role("button", name="Go live").click()
    await expect(page.get_by_role("button", name="End", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Turn the microphone").click()
    await expect(page.get_by_role("button", name="Turn the microphone")).to_have_attribute("aria-pressed", "true")
    await page.get_by_label("Say something").fill("Before you came")
    await page.get_by_label("Say something").press("Enter")

    # Who comes late sees the last lines, and a reload of the deep link leads back into the live.
    await ben.go("/discover")
    await ben.page.locator(".live-tile", has_text="Anna Example live").click()
    await expect(ben.page.locator(".lines .line", has_text="Before you came")).to_be_visible()
    await ben.page.reload()
    await ben.video_advances(".live-page video")
    await expect(ben.page.locator(".lines .line")).to_have_count(1)
    await expect(page.locator(".viewers")).to_have_text("1")
    await ben.go("/me")
    await expect(page.locator(".viewers")).to_have_text("0")

    # A host who leaves the page is no longer on the air.
    await anna.go("/me")
    await ben.go("/discover")
    await expect(ben.page.get_by_text("Nobody is live right now")).to_be_visible()


async def test_guest_quality_and_figures(program: StartProgram, visitor: NewVisitor) -> None:
    """A host in several sizes, a guest beside, a viewer who chooses a smaller picture; who speaks and what viewers get is shown."""
    serving = await program()
    anna, ben = await visitor(serving, "anna"), await visitor(serving, "ben")
    cora = await visitor(serving, "cora", size=PHONE)
    for one in (anna, ben, cora):
        await one.arrive()
    await anna.go("/live")
    await anna.video_advances()
    await anna.page.get_by_label("Several sizes").check()
    await anna.page.get_by_label("Keep a recording").uncheck()
    await anna.page.get_by_role("button", name="Go live").click()
    await expect(anna.page.get_by_role("button", name="End", exact=True)).to_be_visible()

    await anna.page.get_by_role("button", name="Invite a guest").click()
    await anna.page.get_by_label("Username").fill("ben")
    await anna.page.get_by_role("button", name="Make the link").click()
    link = anna.page.locator("dialog output")
    await expect(link).to_contain_text("/guest/")
    address = await link.inner_text()
    await anna.page.get_by_role("button", name="Close").last.click()

    await ben.go(address)
    await ben.video_advances(".frame video")
    await ben.page.get_by_role("button", name="Join in").click()
    await expect(ben.page.get_by_role("button", name="Leave the picture")).to_be_visible()

    await cora.go("/discover")
    await cora.page.locator(".live-tile").first.click()
    await cora.video_advances(".frame video")
    await cora.video_advances(".guest video")
    await anna.video_advances(".guest video")
    await cora.page.get_by_role("button", name="More").click()
    await cora.page.get_by_role("button", name="Picture quality").click()
    await expect(cora.page.locator("dialog .menu li")).to_have_count(4, timeout=20_000)
    await cora.picture("quality")
    await cora.page.locator("dialog .menu button").last.click()
    smaller = "() => document.querySelector('.frame video').videoWidth < 640"
    await cora.page.wait_for_function(smaller, timeout=20_000)

    toggle = anna.page.get_by_role("button", name="How the line is")
    if await toggle.get_attribute("aria-expanded") == "false":
        await toggle.click()
    await expect(anna.page.locator(".figures dd").first).to_contain_text("kb/s", timeout=15_000)
    await expect(anna.page.locator(".figures dd").last).to_contain_text("×")
    await anna.picture("host-figures", also=PHONE)
    await cora.picture("watch-guest")
    await anna.accessible()
    await cora.accessible()
    await ben.page.get_by_role("button", name="Leave the picture").click()
    await expect(cora.page.locator(".guest")).to_have_count(0)


# Keeps the page's connections where a test can ask them for their statistics.
KEEP_CONNECTIONS = """
  window.connections = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) { super(...given); window.connections.push(this); }
  };
  window.sizesSent = async () => {
    const found = {};
    for (const one of window.connections)
      for (const s of (await one.getStats()).values())
        if (s.type === "outbound-rtp" && s.rid) found[s.rid] = { active: s.active, bytes: s.bytesSent, height: s.frameHeight ?? 0 };
    return found;
  };
"""


async def test_sizes_that_nobody_watches_are_not_sent_until_somebody_does(program: StartProgram, visitor: NewVisitor) -> None:
    """The host's page obeys `live:layers`: its browser stops encoding what nobody watches, and goes on when somebody wants it."""
    serving = await program()
    anna, ben = await visitor(serving, "anna"), await visitor(serving, "ben")
    await anna.page.add_init_script(KEEP_CONNECTIONS)
    for one in (anna, ben):
        await one.arrive()
    await anna.go("/live")
    await anna.video_advances()
    await anna.page.get_by_label("Several sizes").check()
    await anna.page.get_by_label("Keep a recording").uncheck()
    await anna.page.get_by_role("button", name="Go live").click()
    await expect(anna.page.get_by_role("button", name="End", exact=True)).to_be_visible()
    await ben.go("/discover")
    await ben.page.locator(".live-tile").click()
    await ben.video_advances(".frame video")

    async def sent() -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = await anna.page.evaluate("sizesSent()")
        return found

    async def choose(index: int) -> None:
        await ben.page.get_by_role("button", name="More").click()
        await ben.page.get_by_role("button", name="Picture quality").click()
        # By itself, and three sizes from the largest to the smallest.
        await expect(ben.page.locator("dialog .menu li")).to_have_count(4, timeout=20_000)
        await ben.page.locator("dialog .menu button").nth(index).click()

    async def stopped() -> list[str]:
        before = await sent()
        after = await until(lambda: _further(sent, before), "the next figures")
        return [rid for rid, one in after.items() if one["bytes"] == before[rid]["bytes"] and one["active"] is False]

    await choose(3)
    # The smallest alone is sent.
    quiet = await until(lambda: _when(stopped, 2), "two sizes to stop", 40)
    assert all(one["active"] for rid, one in (await sent()).items() if rid not in quiet)
    assert await ben.page.evaluate("document.querySelector('.frame video').videoWidth") < 640
    await choose(1)
    best = "() => document.querySelector('.frame video').videoWidth >= 640"
    await ben.page.wait_for_function(best, timeout=20_000)
    assert len(await stopped()) == 1
    await ben.video_advances(".frame video")


async def _further(
    sent: Callable[[], Awaitable[dict[str, dict[str, Any]]]], before: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]] | None:
    """The figures once any size has sent thirty kilobytes more."""
    now = await sent()
    return now if any(one["bytes"] > before[rid]["bytes"] + 30_000 for rid, one in now.items()) else None


async def _when(look: Callable[[], Awaitable[list[str]]], count: int) -> list[str] | None:
    found = await look()
    return found if len(found) == count else None
