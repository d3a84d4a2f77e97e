"""What chats are for, in a browser: answers, reactions, pictures, voice, groups and links into them, cards, what disappears."""

import re
from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.processes import Program
from tests.rooms.media_files import photo


async def _act(page: Page, text: str, label: str) -> None:
    """A right click, which is a long press on a phone, then what the sheet offers."""
    await page.locator(".bubble", has_text=text).last.click(button="right")
    await page.get_by_role("dialog").get_by_role("button", name=label).click()


async def test_answers_reactions_changes_pictures_and_voice(shared: Program, visitor: NewVisitor, tmp_path: Path) -> None:
    anna = await visitor(shared, "ada", size=PHONE)
    ben = await visitor(shared, "abel", size=PHONE, dark=True)
    await shared.befriend(await anna.arrive(), await ben.arrive())
    await anna.open_chat(ben)
    await ben.open_chat(anna)
    await expect(anna.page.locator(".talk-chat .presence.online")).to_be_visible()
    await ben.write("Shall we go to the lake?")
    await expect(anna.page.locator(".bubble")).to_have_count(1)
    await _act(anna.page, "the lake", "Reply")
    await anna.write("Yes, at six")
    await expect(ben.page.locator(".bubble .quote")).to_contain_text("Shall we go to the lake?")
    await anna.page.locator(".bubble", has_text="Shall we go").first.click(button="right")
    await anna.page.get_by_role("dialog").get_by_role("button", name="❤️").click()
    await expect(ben.page.locator(".reactions")).to_have_text("❤️")
    await _act(anna.page, "Yes, at six", "Edit")
    await anna.write("Yes, at seven")
    await expect(ben.page.locator(".bubble", has_text="Yes, at seven")).to_contain_text("edited")
    # A picture, made anew on the way.
    (tmp_path / "lake.jpg").write_bytes(photo("steelblue", (640, 420)))
    await anna.page.locator(".compose input[type=file]").set_input_files(tmp_path / "lake.jpg")
    picture = ben.page.locator(".bubble .media.image img")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 640
    # The server lets it go: both devices have it, and it is still shown after a reload.
    await ben.page.reload()
    await expect(ben.page.locator(".bubble .media.image img")).to_be_visible()
    await anna.page.get_by_role("button", name="Record your voice").click()
    await expect(anna.page.locator(".recording .time")).to_have_text("0:01")
    await anna.page.get_by_role("button", name="Send the recording").click()
    await expect(ben.page.locator(".media.voice audio")).to_be_visible()
    await anna.write("Wrong chat")
    await expect(ben.page.locator(".bubble", has_text="Wrong chat")).to_be_visible()
    await anna.accessible()
    await anna.fits()
    await anna.picture("messages-chat", also=DESKTOP)
    await ben.picture("messages-chat-dark")
    await _act(anna.page, "Wrong chat", "Delete for everyone")
    await anna.page.get_by_role("dialog").get_by_role("button", name="Delete for everyone").click()
    await expect(ben.page.locator(".bubble", has_text="Deleted")).to_be_visible()


async def _group(anna: Visitor, *names: str) -> None:
    await anna.go("/messages")
    await anna.page.get_by_role("button", name="New conversation").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="New group").click()
    sheet = anna.page.get_by_role("dialog")
    await sheet.get_by_label("Name").fill("Lake")
    for name in names:
        await sheet.locator(".pickable", has_text=name).click()
    await sheet.get_by_role("button", name="New group").click()
    await expect(anna.page.get_by_role("heading", name="Lake")).to_be_visible()


async def test_a_group_is_made_joined_by_link_shared_into_and_disappears(shared: Program, visitor: NewVisitor) -> None:
    anna = await visitor(shared, "greta", size=PHONE)
    ben = await visitor(shared, "gustav", size=DESKTOP)
    carl = await visitor(shared, "gil", size=PHONE)
    for one in (anna, ben, carl):
        await one.arrive()
    await shared.befriend(anna.person, ben.person)
    await _group(anna, "Gustav")
    await anna.write("Hello group")
    await ben.go("/messages")
    await ben.page.locator(".talk-list .row-item", has_text="Lake").click()
    await expect(ben.page.locator(".bubble .who")).to_have_text("greta")
    talk = re.sub(r".*/", "", anna.page.url)
    # A link lets in who is nobody's friend.
    more = anna.page.locator(".talk-chat").get_by_role("button", name="More", exact=True)
    await more.click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Invite links").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="New link").click()
    await expect(anna.page.get_by_role("dialog").get_by_role("button", name="Revoke")).to_be_visible()
    [link] = (await anna.person.get(f"/api/v1/conversations/{talk}/invites")).json["items"]
    await anna.page.keyboard.press("Escape")
    await carl.go(link["path"])
    await expect(carl.page.get_by_text("Invited by")).to_be_visible()
    await carl.picture("messages-join")
    await carl.page.get_by_role("button", name="Join", exact=True).click()
    await carl.write("Here I am")
    await expect(anna.page.locator(".bubble", has_text="Here I am")).to_be_visible()
    await more.click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Members (3)").click()
    await expect(anna.page.get_by_role("dialog").get_by_text("Owner")).to_be_visible()
    await anna.picture("messages-members")
    await anna.page.keyboard.press("Escape")
    # What is shared arrives as a card; what disappears does so on every device.
    post = (await ben.person.post("/api/v1/posts", {"text": "Water is 21 degrees", "visibility": "everyone"})).json["id"]
    assert (await ben.person.post(f"/api/v1/posts/{post}/shares", {"channel": "group", "to": talk})).status == 201
    await expect(carl.page.locator(".share-card")).to_contain_text("Water is 21 degrees")
    await more.click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Disappearing messages").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="1 hour").click()
    await expect(carl.page.locator(".talk-chat .tag")).to_have_text("1 hour")
    assert (await anna.person.patch(f"/api/v1/conversations/{talk}", {"timer": 30})).status == 200
    await expect(ben.page.locator(".talk-chat .tag")).to_have_text("30 s")
    await carl.page.clock.install()
    await carl.write("Soon gone")
    await expect(carl.page.locator(".bubble", has_text="Soon gone")).to_be_visible()
    await carl.page.clock.fast_forward(31_000)
    await expect(carl.page.locator(".bubble", has_text="Soon gone")).to_have_count(0)
    await expect(carl.page.locator(".bubble", has_text="Here I am")).to_be_visible()
    await ben.picture("messages-group")
    await ben.accessible()
    # Muted and pinned by one, unseen by the others.
    await ben.page.locator(".talk-chat").get_by_role("button", name="More", exact=True).click()
    await ben.page.get_by_role("dialog").get_by_role("button", name="Pin", exact=True).click()
    await expect(ben.page.get_by_label("Pinned")).to_be_visible()
    await anna.go("/messages")
    await expect(anna.page.get_by_label("Pinned")).to_have_count(0)
    await anna.picture("messages-list")
