"""Who of one's friends watches the same live stands beside the count."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE, Size
from tests.conftest import StartProgram
from tests.flows.broadcast import Broadcast


@pytest.mark.parametrize(
    ("size", "dark"), [(PHONE, False), pytest.param(DESKTOP, True, marks=pytest.mark.deep)], ids=["phone light", "desktop dark"]
)
async def test_friends_who_watch_are_named(program: StartProgram, visitor: NewVisitor, size: Size, dark: bool) -> None:
    serving = await program()
    host, ben = await serving.person("host"), await serving.person("ben")
    anna = await visitor(serving, "anna", size=size, dark=dark)
    await serving.befriend(await anna.arrive(), ben)
    broadcast = await Broadcast(host).start()
    friend = await ben.connect()
    assert (await friend.call("live:join", {"live": broadcast.id}))["ok"]
    await anna.go(f"/watch/{broadcast.id}")
    await expect(anna.page.get_by_text("watching, with ben")).to_be_attached()
    await expect(anna.page.locator(".viewers")).to_contain_text("· ben")
    await anna.picture("watch-with-a-friend")
    await friend.close()
    # When it is over, nothing on the page says that it goes on.
    await broadcast.end()
    await expect(anna.page.get_by_role("heading", name="The live has ended")).to_be_visible()
    await expect(anna.page.locator(".facts-line")).to_contain_text("Ended")
    await expect(anna.page.locator(".viewers")).to_be_hidden()
    await expect(anna.page.get_by_placeholder("Say something")).to_have_count(0)
    await anna.picture("watch-ended")
