"""Two people call each other in two browsers: one rings, the other answers, both see the other's picture move, and one hangs up."""

from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE
from tests.processes import Program


async def test_a_video_call_from_one_browser_to_another(shared: Program, visitor: NewVisitor) -> None:
    anna, ben = await visitor(shared, "kaja", size=PHONE), await visitor(shared, "kurt", size=DESKTOP)
    await shared.befriend(await anna.arrive(), await ben.arrive())
    await anna.open_chat(ben)
    await anna.page.get_by_role("button", name="Video call").click()
    await expect(anna.page.get_by_text("Ringing …")).to_be_visible()
    await expect(ben.page.get_by_role("dialog", name="Somebody is calling with video")).to_be_visible()
    await ben.picture("call-incoming")
    await ben.page.get_by_role("button", name="Answer").click()
    for one in (anna, ben):
        await expect(one.page.locator(".call-stage.connected")).to_be_visible()
        await one.video_advances(".far")
        await one.fits()
    await anna.picture("call")
    await anna.accessible()
    await anna.page.get_by_role("button", name="Mute").click()
    await expect(anna.page.get_by_role("button", name="Unmute")).to_be_visible()
    await ben.page.get_by_role("button", name="Hang up").click()
    for one in (anna, ben):
        await expect(one.page.locator(".call-stage")).to_have_count(0)
    # Declined: the caller learns so, and both are where they were.
    await ben.open_chat(anna)
    await ben.page.get_by_role("button", name="Call", exact=True).click()
    await anna.page.get_by_role("button", name="Decline").click()
    await expect(ben.page.get_by_text("The call was declined.")).to_be_visible()
