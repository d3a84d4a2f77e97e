"""A live on a desktop, with the browser's own camera: what the host sees and does, and what a viewer who comes late finds."""

from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
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
