"""A live on a desktop, with the browser's own camera: what the host sees and does, and what a viewer who comes late finds."""

import re

from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import PHONE
from tests.conftest import StartProgram


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

    # Another program is told where to publish and with what; a new token ends the one before, and so does the end of the live.
    await anna.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=serving.url)
    await anna.go("/live")
    await page.get_by_label("What is it about?").fill("From the studio")
    await page.get_by_role("button", name="Use another program").click()
    await expect(page.get_by_text("Waiting for the program")).to_be_visible()
    await anna.fits()
    await anna.accessible()
    await anna.picture("live-outside", also=PHONE)
    address = await page.get_by_label("WHIP address").first.input_value()
    assert address.startswith(f"{serving.url}/whip/")

    async def published_with(token: str) -> int:
        path = address.removeprefix(serving.url)
        return (await serving.call("POST", path, data="no offer", headers={"Content-Type": "application/sdp"}, token=token)).status

    await page.get_by_role("button", name="Copy: Publish token").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    first = await page.evaluate("navigator.clipboard.readText()")
    assert await published_with(first) == 400
    # The token is told once: after a reload there is only a new one.
    await page.reload()
    await page.get_by_role("button", name="Make a publish token").click()
    second = await page.get_by_label("Publish token", exact=True).input_value()
    assert (await published_with(first), await published_with(second)) == (401, 400)
    await page.get_by_role("button", name="End", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="End", exact=True).click()
    await expect(page.get_by_text("Everybody has left.")).to_be_visible()
    assert await published_with(second) not in (201, 400)


async def test_guest_quality_and_figures(program: StartProgram, visitor: NewVisitor) -> None:
    """A host in several sizes, a guest beside, a viewer who chooses a smaller picture; who speaks and what viewers get is shown."""
    serving = await program()
    anna, ben = await visitor(serving, "anna"), await visitor(serving, "ben")
    cora = await visitor(serving, "cora", size=PHONE)
    for one in (anna, ben, cora):
        await one.arrive()
    # Who may be invited into a live is a setting of theirs: at first, by friends.
    await serving.befriend(anna.person, ben.person)
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
    shown = {"To viewers": r"^[1-9]\d* kb/s", "Worst loss": r"^\d+\.\d %", "Round trip": r"^\d+ ms", "Worst jitter": r"^\d+ ms"}
    shown |= {
        "Layers": r"\S+ × \d",
        "Packets left out": r"–|× \d",
        "What comes in": r"[1-9]\d* kb/s, \d+\.\d % lost, \d+ ms away, jitter \d+ ms",
    }
    for name, figure in shown.items():
        cell = anna.page.locator(".figures > div").filter(has=anna.page.locator("dt", has_text=name)).locator("dd")
        await expect(cell).to_have_text(re.compile(figure), timeout=15_000)
    await anna.picture("host-figures", also=PHONE)
    await cora.picture("watch-guest")
    await anna.accessible()
    await cora.accessible()
    await ben.page.get_by_role("button", name="Leave the picture").click()
    await expect(cora.page.locator(".guest")).to_have_count(0)
