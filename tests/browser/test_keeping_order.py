"""Order in Chromium: a host and a moderator in a live's chat; a broadcast list, forwarding, and chats that are put away."""

import re

from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import PHONE, Visitor
from tests.conftest import StartProgram
from tests.processes import Program


async def _order(host: Visitor, text: str, label: str) -> None:
    """A right click on a line, which is a long press on a phone, then what the sheet offers."""
    await host.page.locator(".lines .line", has_text=text).click(button="right")
    await host.page.get_by_role("dialog").get_by_role("button", name=label).click()


async def test_a_host_and_a_moderator_keep_order(program: StartProgram, visitor: NewVisitor) -> None:
    serving = await program()
    anna, ben, carl = await visitor(serving, "anna", size=PHONE), await visitor(serving, "ben", size=PHONE), await visitor(serving, "carl")
    for one in (anna, ben, carl):
        await one.arrive()
    await anna.go("/live")
    await anna.video_advances()
    await anna.page.get_by_role("button", name="Go live").click()
    await expect(anna.page.get_by_role("button", name="End", exact=True)).to_be_visible()
    (live,) = (await ben.person.get("/api/v1/lives")).json["items"]
    for one, text in ((ben, "First rule: be kind"), (carl, "Buy this now")):
        await one.go(f"/watch/{live['id']}")
        await one.page.get_by_label("Say something").fill(text)
        await one.page.get_by_label("Say something").press("Enter")
        await expect(anna.page.locator(".lines .line", has_text=text)).to_be_visible()
    # A host on a phone: nothing covers anything.
    await anna.fits()
    await anna.page.locator(".lines .line", has_text="First rule").click(button="right")
    await anna.accessible()
    await anna.picture("live-order")
    await anna.page.get_by_role("dialog").get_by_role("button", name="Pin this line").click()
    await expect(carl.page.get_by_label("Pinned")).to_contain_text("First rule")
    await _order(anna, "First rule", "Make moderator")
    await expect(ben.page.get_by_text("You are a moderator of this live now.")).to_be_visible()
    await _order(ben, "Buy this now", "Delete for everyone")
    for one in (anna, ben, carl):
        await expect(one.page.locator(".lines .line", has_text="Buy this now")).to_have_count(0)
    await carl.page.get_by_label("Say something").fill("Buy it anyway")
    await carl.page.get_by_label("Say something").press("Enter")
    await _order(ben, "Buy it anyway", "Mute for 10 minutes")
    await expect(carl.page.get_by_text("You are muted in this chat.")).to_be_visible()
    await carl.page.get_by_label("Say something").fill("Hello?")
    await carl.page.get_by_label("Say something").press("Enter")
    await expect(carl.page.get_by_role("alert").last).to_be_visible()
    await _order(anna, "Buy it anyway", "Ban from this live")
    await expect(carl.page.get_by_text("You were banned from this live.").first).to_be_visible()
    await expect(carl.page.get_by_role("heading", name="You cannot watch this live")).to_be_visible()
    await expect(carl.page.locator(".room")).to_have_count(0)
    await carl.picture("live-banned")
    # All of it stands in one sheet of the host, where it is taken back, and where the chat is made slow.
    await anna.page.get_by_role("button", name="Settings of this live").click()
    desk = anna.page.get_by_role("dialog")
    for name, standing in ((ben.name, "Moderator"), (carl.name, "Banned")):
        await expect(desk.locator(".row-item", has_text=name).filter(has_text=standing)).to_be_visible()
    await anna.accessible()
    await anna.picture("live-desk")
    await desk.locator(".row-item", has_text="Banned").get_by_role("button", name="Take back").click()
    await expect(desk.locator(".row-item", has_text="Banned")).to_have_count(0)
    await desk.locator(".row-item", has_text="Moderator").get_by_role("button", name="Take back").click()
    await expect(desk.locator(".row-item", has_text="Moderator")).to_have_count(0)
    await desk.get_by_label("What is it about?").fill("An evening by the sea")
    await desk.get_by_label("Slow mode").select_option("60")
    await desk.get_by_role("button", name="Save").click()
    await expect(desk).to_be_hidden()
    now = (await ben.person.get(f"/api/v1/lives/{live['id']}")).json
    assert (now["title"], now["slow_mode"]) == ("An evening by the sea", 60)
    for text in ("One", "Two"):
        await ben.page.get_by_label("Say something").fill(text)
        await ben.page.get_by_label("Say something").press("Enter")
    # What does not fit stays to be sent, and the sentence says when.
    await expect(ben.page.get_by_role("alert").last).to_contain_text(re.compile(r"slow\. Try again in \d+ seconds"))
    await expect(ben.page.get_by_label("Say something")).to_have_value("Two")


async def test_a_broadcast_list_forwarding_and_putting_away(shared: Program, visitor: NewVisitor) -> None:
    anna, ben, carl = await visitor(shared, "bea", size=PHONE), await visitor(shared, "bodo"), await visitor(shared, "bruno", size=PHONE)
    for one in (anna, ben, carl):
        await one.arrive()
    for friend in (ben, carl):
        await shared.befriend(anna.person, friend.person)
    await anna.go("/messages")
    await anna.page.get_by_role("button", name="New conversation").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="New broadcast list").click()
    sheet = anna.page.get_by_role("dialog")
    await sheet.get_by_label("Name").fill("Neighbours")
    for friend in (ben, carl):
        await sheet.locator(".pickable", has_text=friend.name).click()
    await anna.accessible()
    await anna.picture("messages-broadcast")
    await sheet.get_by_role("button", name="New broadcast list").click()
    await anna.write("The lift is broken")
    # Each gets it as a message of their own and answers the sender alone.
    for friend in (ben, carl):
        await friend.go("/messages")
        await friend.page.locator(".talk-list .row-item", has_text="bea").click()
        await expect(friend.page.locator(".bubble", has_text="The lift is broken")).to_be_visible()
    await ben.write("Not again")
    await expect(ben.page.locator(".bubble.mine", has_text="Not again")).to_be_visible()
    await anna.go("/messages")
    await anna.page.locator(".talk-list .row-item", has_text="Not again").click()
    await anna.page.locator(".bubble", has_text="Not again").last.click(button="right")
    await anna.page.get_by_role("dialog").get_by_role("button", name="Forward").click()
    row = anna.page.get_by_role("dialog").locator(".row-item", has_text="bruno")
    await row.get_by_role("button", name="Send").click()
    await expect(row.get_by_text("Sent")).to_be_visible()
    await anna.accessible()
    await anna.picture("messages-forward")
    await expect(carl.page.locator(".bubble", has_text="Not again")).to_be_visible()
    await anna.page.keyboard.press("Escape")

    more = anna.page.locator(".talk-chat").get_by_role("button", name="More", exact=True)
    await more.click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Mute").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="8 hours").click()
    # What is muted waits without asking for attention; what is not is counted.
    await anna.go("/discover")
    await ben.write("Not again, I said")
    await expect(ben.page.get_by_label("Delivered").last).to_be_visible()
    await carl.write("Mine works")
    await expect(anna.page.get_by_role("link", name="Messages 1 unread")).to_be_visible()
    await anna.go("/messages")
    await anna.page.locator(".talk-list .row-item", has_text="Not again, I said").click()
    await more.click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    await anna.go("/messages")
    rows = anna.page.locator(".talk-list .row-item", has_text="Not again")
    shelf = anna.page.locator(".archive-line")
    await shelf.click()
    await expect(rows.filter(has_text="bodo").get_by_label("Muted")).to_be_visible()
    await anna.accessible()
    await anna.picture("messages-archive")
    await shelf.click()
    await expect(rows.filter(has=anna.page.get_by_label("Muted"))).to_have_count(0)
