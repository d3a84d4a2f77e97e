"""Posts in Chromium: written with a picture, seen in the feed and why, liked, talked about, left out and taken back, found by words and
tags, shared, edited, deleted."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE
from tests.conftest import StartProgram
from tests.rooms.media_files import photo


async def test_a_post_is_written_seen_left_out_and_found(program: StartProgram, visitor: NewVisitor, tmp_path: Path) -> None:
    serving = await program()
    anna, ben = await visitor(serving, "anna", size=PHONE), await visitor(serving, "ben", size=PHONE, dark=True)
    await serving.befriend(await anna.arrive(), await ben.arrive())
    await anna.go("/")
    await anna.page.get_by_role("button", name="Write a post").click()
    sheet = anna.page.get_by_role("dialog")
    # Nothing to say is said at the field.
    await sheet.get_by_role("button", name="Post", exact=True).click()
    await expect(sheet.get_by_text("May be empty only beside pictures or a video")).to_be_visible()
    await sheet.get_by_label("What is new?").fill("Morning at the lake #sunrise")
    (tmp_path / "lake.jpg").write_bytes(photo("steelblue", (900, 1200)))
    await sheet.locator("input[type=file]").set_input_files(tmp_path / "lake.jpg")
    await sheet.get_by_label("What lake.jpg shows").fill("A lake at dawn")
    await anna.accessible()
    await anna.picture("post-write")
    await sheet.get_by_role("button", name="Post", exact=True).click()
    await expect(anna.page.get_by_text("Your post is out.")).to_be_visible()
    await expect(anna.page.locator(".post-slide").get_by_alt_text("A lake at dawn")).to_be_visible()
    swim = await anna.person.post("/api/v1/posts", {"text": "Who is in for a swim?", "visibility": "friends"})
    assert swim.status == 201

    await ben.go("/")
    first = ben.page.locator(".post-slide", has_text="a swim")
    await expect(first).to_be_visible()
    await ben.accessible()
    await ben.fits()
    await ben.picture("feed-post", also=DESKTOP)
    await first.get_by_role("button", name="Like").click()
    await expect(first.get_by_role("button", name="Like")).to_have_text("1")
    await first.get_by_role("button", name="Comments").click()
    said = ben.page.get_by_role("dialog")
    await said.get_by_label("Say something kind").fill("I am, with @anna")
    await said.get_by_role("button", name="Send").click()
    await expect(said.get_by_role("link", name="@anna")).to_have_attribute("href", "/u/anna")
    await said.get_by_role("button", name="Close").click()
    await expect(first.get_by_role("button", name="Comments")).to_have_text("1")
    await first.get_by_role("button", name="More").click()
    await ben.page.get_by_role("dialog").get_by_role("button", name="Why this?").click()
    await expect(ben.page.get_by_role("dialog").get_by_text("Newest first")).to_be_visible()
    await ben.page.get_by_role("dialog").get_by_role("button", name="Close").click()
    await first.get_by_role("button", name="More").click()
    await ben.page.get_by_role("dialog").get_by_role("button", name="Hide this").click()
    await expect(first).to_be_hidden()
    await ben.page.get_by_role("button", name="Undo").click()
    await expect(first).to_be_visible()
    assert (await ben.person.put(f"/api/v1/feed/hidden/{swim.json['id']}")).status == 204
    await first.get_by_role("button", name="More").click()
    await ben.page.get_by_role("dialog").get_by_role("button", name="Leave anna").click()
    await expect(ben.page.get_by_text("You have seen it all")).to_be_visible()
    await ben.page.reload()
    await expect(ben.page.get_by_text("Nothing here yet")).to_be_visible()

    # Its author sees that somebody read it.
    await anna.go(f"/post/{swim.json['id']}")
    await anna.page.get_by_role("button", name="More").click()
    await anna.page.get_by_role("dialog").get_by_role("link", name="How it does").click()
    await expect(anna.page.locator(".insight-figures .card", has_text="Views")).to_contain_text("1")
    await anna.fits()
    await anna.accessible()

    # Who is left out is not found either, until that is taken back.
    await ben.go("/people?show=blocks")
    await expect(ben.page.get_by_role("button", name="Take back")).to_have_count(2)
    await ben.accessible()
    await ben.fits()
    await ben.picture("left-out", also=DESKTOP)
    await ben.page.locator(".row-item", has_text="for a swim?").get_by_role("button", name="Take back").click()
    await expect(ben.page.get_by_role("button", name="Take back")).to_have_count(1)
    await ben.page.locator(".row-item", has_text="anna").get_by_role("button", name="Take back").click()
    await expect(ben.page.get_by_role("button", name="Take back")).to_have_count(0)
    await ben.go("/discover")
    await ben.page.get_by_label("Search for people").fill("morning")
    found = ben.page.locator(".post-card", has_text="Morning at the lake")
    await expect(found).to_be_visible()
    assert "/search?q=morning" in ben.page.url
    await ben.page.get_by_label("Search for people").fill("#sunr")
    await ben.page.locator(".tag-line").get_by_role("link", name="#sunrise").click()
    await expect(found).to_be_visible()
    await ben.accessible()
    await ben.fits()
    await ben.picture("discover-search", also=DESKTOP)
    await found.locator("a.when").click()
    await expect(ben.page.locator(".post-slide .post-pictures img")).to_be_visible()
    await ben.page.get_by_role("button", name="Share").click()
    row = ben.page.get_by_role("dialog").locator(".row-item", has_text="anna")
    await row.get_by_role("button", name="Send").click()
    await expect(row.get_by_text("Sent")).to_be_visible()
    await ben.accessible()
    await ben.picture("share")
    address = ben.page.url

    await anna.go("/messages")
    await anna.page.locator(".talk-list .row-item", has_text="ben").click()
    await expect(anna.page.locator(".share-card")).to_contain_text("Morning at the lake")
    await anna.go("/me")
    card = anna.page.locator(".post-card", has_text="Morning at the lake")
    await card.get_by_role("button", name="More").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Edit the post").click()
    sheet = anna.page.get_by_role("dialog")
    await sheet.get_by_label("Who may comment").select_option("friends")
    await sheet.get_by_label("What is new?").fill("Morning at the lake, and fog")
    await sheet.get_by_role("button", name="Save").click()
    card = anna.page.locator(".post-card", has_text="and fog")
    await expect(card).to_contain_text("edited")
    await card.get_by_role("button", name="Comments").click()
    await expect(anna.page.get_by_role("dialog").get_by_label("Who may comment")).to_have_value("friends")
    await anna.page.get_by_role("dialog").get_by_role("button", name="Close").click()
    await card.get_by_role("button", name="More").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Delete the post").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(card).to_have_count(0)
    await ben.go(address)
    await expect(ben.page.get_by_text("This post is not available")).to_be_visible()
