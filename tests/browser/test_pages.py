"""Each page of the demo, on a phone and on a desktop: it draws, fits, reads well to assistive technology, and shows its empty state."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE, SMALL, Size, Visitor
from tests.processes import Program

NOBODY = "0" * 32
OPEN_PAGES = {
    "signup": ("/signup", "Create an account"),
    "signin": ("/signin", "Sign in"),
    "forgot": ("/forgot", "New password"),
    "policies": ("/policies", "Policies"),
    "policy": ("/policies/privacy", "Privacy policy"),
    "claim": ("/claim", "Report an infringement"),
}
# The name of the picture: where it is, and a text that is there once it has loaded.
OWN_PAGES = {
    "feed-empty": ("/", "Nothing here yet"),
    "discover": ("/discover", "Live now"),
    "live": ("/live", "What is it about?"),
    "messages-empty": ("/messages", "No messages yet"),
    "meet": ("/meet", "How do you want to meet?"),
    "contacts": ("/contacts", "Here already"),
    "privacy": ("/me/privacy", "You are in no experiment."),
    "friend-link-over": ("/friend/AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "This link is over"),
    "friends-empty": ("/people", "No friends yet"),
    "me": ("/me", "No videos yet"),
    "profile": ("/me/profile", "Profile name"),
    "settings": ("/me/settings", "Who may write to me"),
    "devices": ("/me/devices", "This one"),
    "password": ("/me/password", "Present password"),
    "data": ("/me/data", "Take your data with you"),
    "two-factor": ("/me/two-factor", "With a second factor"),
    "notices": ("/me/notices", "No notices"),
    "activity": ("/me/activity", "The account was made on"),
    "search-empty": ("/search?q=zzzz", "Nothing found"),
    "upload-empty": ("/upload", "Drop a video here"),
    "counter": ("/me/counter", "Your statements"),
}
# What is not there says so, and offers a way on.
GONE_PAGES = {
    f"/post/{NOBODY}": "This post is not available",
    f"/video/{NOBODY}": "This video is not available",
    f"/watch/{NOBODY}": "Back to the feed",
    f"/live/{NOBODY}/insights": "These figures are not yours to see",
    "/u/nobody_at_all": "This person cannot be found",
    "/join/AAAAAAAAAAAAAAAAAAAAAAAAAAAA": "This link opens nothing",
    "/people?show=requests": "No open requests",
    "/people?show=blocks": "Nobody is blocked",
    "/staff": "Your role has no queue here.",
    # The last: it asks the server nothing, and a page that is left while a token is renewed signs out.
    "/no/such/page": "There is no such page",
}


async def _look(visitor: Visitor, name: str, path: str, text: str) -> None:
    await visitor.go(path)
    await expect(visitor.page.get_by_text(text).first).to_be_visible()
    await expect(visitor.page.locator(".bone")).to_have_count(0)
    if name == "live":
        await visitor.video_advances()
    await visitor.fits()
    await visitor.accessible()
    await visitor.picture(name)


@pytest.mark.parametrize(("size", "dark"), [(PHONE, False), (DESKTOP, True)], ids=["phone light", "desktop dark"])
async def test_pages(shared: Program, visitor: NewVisitor, size: Size, dark: bool) -> None:
    mira = await visitor(shared, f"mira_{size.name}", size=size, dark=dark)
    for name, (path, text) in OPEN_PAGES.items():
        await _look(mira, name, path, text)
    await mira.arrive()
    for name, (path, text) in OWN_PAGES.items():
        await _look(mira, name, path, text)
    for path, text in GONE_PAGES.items():
        await mira.go(path)
        await expect(mira.page.get_by_text(text).first).to_be_visible()
        await mira.fits()
        await mira.accessible()


async def test_the_narrowest_phone_scrolls_nowhere_sideways(shared: Program, visitor: NewVisitor) -> None:
    mira = await visitor(shared, "mira_with_a_long_name_indeed", size=SMALL)
    await mira.arrive()
    for path, text in [*OPEN_PAGES.values(), *OWN_PAGES.values()]:
        if path in ("/signup", "/signin", "/forgot"):
            continue
        await mira.go(path)
        await expect(mira.page.get_by_text(text).first).to_be_visible()
        await mira.fits()


async def test_a_session_that_was_ended_elsewhere_leads_to_sign_in_and_back(shared: Program, visitor: NewVisitor) -> None:
    mira = await visitor(shared, "nell", size=PHONE)
    await mira.arrive()
    other = await visitor(shared, "other")
    other.username, other.password = mira.username, mira.password
    await other.sign_in()
    await other.go("/me/devices")
    await expect(other.page.locator(".row-item")).to_have_count(2)
    await other.page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(other.page.locator(".row-item")).to_have_count(1)
    await expect(mira.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await mira.sign_in()


async def test_the_page_of_the_interface_is_drawn_from_local_files(shared: Program, visitor: NewVisitor) -> None:
    reader = await visitor(shared, "reader")
    await reader.go("/docs")
    await expect(reader.page.locator(".opblock-tag").first).to_be_visible()
    await reader.picture("docs")
