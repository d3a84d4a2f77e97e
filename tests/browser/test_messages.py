"""Messages in a browser: all tabs of a profile are one device, and neither a closed tab nor a lost server loses anything."""

from playwright.async_api import Page, expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import PHONE, Visitor
from tests.conftest import StartProgram
from tests.processes import Program


async def _two_friends(program: StartProgram, visitor: NewVisitor) -> tuple[Visitor, Visitor]:
    serving = await program()
    anna = await visitor(serving, "anna", size=PHONE)
    ben = await visitor(serving, "ben", size=PHONE)
    await serving.befriend(await anna.arrive(), await ben.arrive())
    await ben.open_chat(anna)
    await ben.write("First")
    await expect(ben.page.get_by_label("Sent").or_(ben.page.get_by_label("Delivered"))).to_be_visible()
    return anna, ben


async def _has(page: Page, *texts: str) -> None:
    await expect(page.locator(".bubble")).to_have_count(len(texts))
    for number, text in enumerate(texts):
        await expect(page.locator(".bubble").nth(number)).to_contain_text(text)


async def test_all_tabs_of_a_profile_are_one_device(program: StartProgram, visitor: NewVisitor) -> None:
    anna, ben = await _two_friends(program, visitor)
    await anna.go("/messages")
    await anna.page.locator(".talk-list a.row-item").click()
    await _has(anna.page, "First")
    second = await anna.context.new_page()
    sockets: list[str] = []
    second.on("websocket", lambda socket: sockets.append(socket.url))
    await second.goto(anna.page.url)
    await _has(second, "First")
    await ben.write("Second")
    await _has(anna.page, "First", "Second")
    await _has(second, "First", "Second")
    # It spoke through the first one, which holds the connection, and takes over when that one goes.
    assert not sockets
    await second.get_by_role("textbox", name="Message").fill("From the other tab")
    await second.get_by_role("button", name="Send").click()
    await _has(ben.page, "First", "Second", "From the other tab")
    await anna.page.close()
    # What somebody wrote is text; web addresses, mentions and hashtags in it are links, and nothing else is.
    await ben.write("Fourth <b>: see https://example.org/a?b=1, @anna and #rain")
    await _has(second, "First", "Second", "From the other tab", "Fourth <b>: see https://example.org/a?b=1, @anna and #rain")
    links = second.locator(".bubble").nth(3).locator("a")
    assert [await link.get_attribute("href") for link in await links.all()] == ["https://example.org/a?b=1", "/u/anna", "/search?q=%23rain"]
    assert "noopener" in (await links.first.get_attribute("rel") or "")
    assert len(sockets) == 1
    # How ben wants to be seen, and his words, stand in the head of her chat, and in his own sheet.
    await ben.go("/me")
    await ben.page.get_by_role("button", name="How I am seen").click()
    await ben.page.get_by_label("Others see me as").select_option("Busy")
    await ben.page.get_by_label("A few words").fill("Until four")
    await ben.accessible()
    await ben.picture("status")
    await ben.page.get_by_role("button", name="Save").click()
    await expect(second.get_by_text("Busy · Until four")).to_be_visible()
    await ben.page.get_by_role("button", name="How I am seen").click()
    await expect(ben.page.get_by_label("Others see me as")).to_have_value("busy")


async def test_what_is_written_while_the_server_is_away_goes_out_when_it_is_back(program: StartProgram, visitor: NewVisitor) -> None:
    anna, ben = await _two_friends(program, visitor)
    await anna.open_chat(ben)
    await _has(anna.page, "First")
    anna.forgive("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "WebSocket")
    ben.forgive("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "WebSocket")
    await anna.serving.kill()
    await expect(anna.page.get_by_text("Waiting for the connection")).to_be_visible()
    await anna.write("Are you there?")
    await expect(anna.page.get_by_label("Waiting to be sent")).to_be_visible()
    await anna.serving.start()
    await expect(anna.page.get_by_label("Waiting to be sent")).to_have_count(0)
    await _has(ben.page, "First", "Are you there?")
    await _has(anna.page, "First", "Are you there?")


async def test_what_somebody_does_not_take_is_said_at_the_message(program: StartProgram, visitor: NewVisitor) -> None:
    anna, ben = await _two_friends(program, visitor)
    await anna.go("/people")
    await anna.page.get_by_role("link", name="Ben Example").click()
    await anna.page.get_by_role("button", name="More").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Remove friend").click()
    await expect(anna.page.get_by_role("button", name="Add")).to_be_visible()
    await ben.write("Still friends?")
    bubble = ben.page.locator(".bubble", has_text="Still friends?")
    await expect(bubble).to_contain_text("Only friends may write to this person")
    await bubble.get_by_role("button", name="Remove").click()
    await _has(ben.page, "First")


async def test_a_stranger_asks_and_is_accepted(shared: Program, visitor: NewVisitor) -> None:
    anna = await visitor(shared, "stella", size=PHONE)
    ben = await visitor(shared, "sven", size=PHONE)
    person = await anna.arrive()
    await ben.arrive()
    answer = await person.patch("/api/v1/me/settings", {"who_can_message": "everyone"})
    assert answer.status == 200, answer
    answer = await (ben.person).post("/api/v1/conversations", {"kind": "direct", "members": ["stella"]})
    await ben.go(f"/messages/{answer.json['id']}")
    await expect(ben.page.get_by_text("your message waits until it is accepted")).to_be_visible()
    await ben.write("May I?")
    await anna.go("/messages")
    await anna.page.locator(".talk-list .row-item", has_text="Wants to write to you").click()
    await expect(anna.page.get_by_text("Take the message?")).to_be_visible()
    await expect(anna.page.get_by_role("textbox", name="Message")).to_be_hidden()
    await anna.page.get_by_role("button", name="Accept").click()
    await anna.write("You may")
    await _has(ben.page, "May I?", "You may")
