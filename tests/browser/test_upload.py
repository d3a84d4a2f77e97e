"""Uploading in the demo: sent, goes on after a reload, made ready, its poster chosen; each kind plays and seeks."""

import re
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.library import media
from tests.library.sending import sent
from tests.processes import Program
from tests.waiting import until


def picked(name: str, data: bytes) -> Any:
    return {"name": name, "mimeType": "video/mp4", "buffer": data}


async def pick(visitor: Visitor, name: str, data: bytes) -> None:
    await visitor.go("/upload")
    await visitor.page.locator("input[type=file]").set_input_files(picked(name, data))
    await expect(visitor.page.get_by_label("Title")).to_have_value(name.partition(".")[0])


async def test_an_upload_goes_on_after_a_reload_and_its_poster_is_chosen(shared: Program, visitor: NewVisitor) -> None:
    mira = await visitor(shared, "uma", size=PHONE)
    mira.forgive("Failed to load resource", "net::ERR")
    await mira.arrive()
    page = mira.page
    await pick(mira, "A walk.mp4", media.mp4(seconds=4.0))
    await mira.fits()
    await mira.accessible()
    await mira.picture("upload", also=DESKTOP)

    async def cut(route: Route) -> None:
        await (route.abort() if route.request.method == "PATCH" else route.continue_())

    await page.route("**/uploads/*", cut)
    await page.get_by_label("Who may watch").select_option("friends")
    await page.get_by_label("Who may comment").select_option("nobody")
    await page.get_by_label("Others may download it").uncheck()
    await page.get_by_role("button", name="Upload", exact=True).click()
    await expect(page.get_by_text("Sending, 0 %")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("Sending, 0 %")).to_be_visible()
    await page.unroute("**/uploads/*")
    await expect(page.get_by_text("Ready", exact=True)).to_be_visible(timeout=60_000)
    await expect(page.get_by_role("slider", name="The picture that stands for it")).to_be_visible()
    await page.get_by_role("slider", name="The picture that stands for it").fill("3")
    await mira.accessible()
    await mira.picture("upload-ready", also=DESKTOP)
    await page.get_by_role("button", name="Use this picture").click()
    await expect(page.get_by_text("The picture is being changed.")).to_be_visible()
    [video] = (await mira.person.get("/api/v1/me/videos")).json["items"]
    assert (video["title"], video["visibility"]) == ("A walk", "friends")
    assert (video["who_can_comment"], video["allow_download"]) == ("nobody", False)
    await page.get_by_role("link", name="See it").click()
    await mira.video_advances()
    # Its owner may think again.
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("button", name="Offer the download", exact=True).click()
    await expect(page.get_by_text("Others may download it now.")).to_be_visible()
    assert (await mira.person.get(f"/api/v1/videos/{video['id']}")).json["allow_download"] is True
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("button", name="Edit the video").click()
    sheet = page.get_by_role("dialog")
    await expect(sheet.get_by_role("slider", name="The picture that stands for it")).to_be_visible()
    await sheet.get_by_label("Title").fill("A longer walk")
    await sheet.get_by_label("Who may watch").select_option("everyone")
    await mira.accessible()
    await mira.picture("video-edit", also=DESKTOP)
    await sheet.get_by_role("button", name="Save").click()
    await expect(page.locator(".slide .caption")).to_have_text("A longer walk")
    # It stands in a post, too; and once it is deleted, nowhere.
    await mira.go("/")
    await page.get_by_role("button", name="Write a post").click()
    await page.get_by_role("button", name="Add a video").click()
    await page.get_by_role("dialog").get_by_role("button", name="A longer walk").click()
    await page.get_by_role("dialog").get_by_role("button", name="Post", exact=True).click()
    await expect(page.get_by_text("Your post is out.")).to_be_visible()
    [post] = (await mira.person.get("/api/v1/posts?owner=me")).json["items"]
    assert post["video"]["id"] == video["id"]
    await mira.go(f"/video/{video['id']}")
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("button", name="Delete the video").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("The video is deleted.")).to_be_visible()
    assert (await mira.person.get(f"/api/v1/videos/{video['id']}")).status in (404, 410)


async def test_a_file_that_is_no_video_is_refused_in_words(shared: Program, visitor: NewVisitor) -> None:
    mira = await visitor(shared, "ute", size=DESKTOP, dark=True)
    await mira.arrive()
    await pick(mira, "notes.mp4", b"these are only words " * 100)
    await mira.page.get_by_role("button", name="Upload", exact=True).click()
    await expect(mira.page.locator(".note.bad")).to_contain_text("MP4, MOV, WebM")


@pytest.mark.parametrize("kind", ["mp4", "webm", "avi"])
async def test_each_kind_plays_and_seeks(shared: Program, visitor: NewVisitor, kind: str) -> None:
    mira = await visitor(shared, f"ugo_{kind}", size=PHONE)
    person = await mira.arrive()
    make = {"mp4": media.mp4, "webm": media.webm, "avi": media.avi}[kind]
    found = await sent(person, make(seconds=12.0, size="640x480" if kind == "avi" else "320x240", rate=5))
    assert (found["file"] is None) == (kind == "avi")
    await mira.go(f"/video/{found['id']}")
    await mira.video_advances()
    slider = mira.page.get_by_role("slider", name="Go to another moment")
    await slider.fill("750")
    position = "document.querySelector('video').currentTime"

    async def there() -> bool:
        return 8.5 < float(await mira.page.evaluate(position)) < 12.0

    await until(there, "the video to be at nine seconds")
    # A still of the moment is shown while one looks for it.
    box = await slider.bounding_box()
    assert box is not None
    await mira.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await expect(mira.page.locator(".scrub-hint .still")).to_be_visible()
    if kind == "avi":
        await mira.page.get_by_role("button", name="More", exact=True).click()
        await mira.page.get_by_role("button", name="Quality 360p").click()
        await mira.page.evaluate("document.querySelector('video').play()")
        await mira.video_advances()
        sound = await mira.page.evaluate("document.querySelector('video').webkitAudioDecodedByteCount")
        assert int(sound) > 0


async def test_films_are_levelled_and_a_tile_moves_for_those_who_want_it(shared: Program, visitor: NewVisitor) -> None:
    mira = await visitor(shared, "ulf", dark=True)
    await mira.arrive()
    assert mira.person is not None
    loud = await sent(
        mira.person, media.made("loud.mp4", *media.H264, *media.AAC, "-af", "volume=6", "-movflags", "+faststart", seconds=4.0)
    )
    page = mira.page
    await mira.go("/me")
    picture = page.locator(".tile img").first
    await page.locator(".tile").first.hover()
    await expect(picture).to_have_attribute("src", re.compile("preview.webp"))
    await page.mouse.move(0, 0)
    await expect(picture).to_have_attribute("src", re.compile("poster.jpg"))
    await page.locator(".tile").first.focus()
    await expect(picture).to_have_attribute("src", re.compile("preview.webp"))
    await page.emulate_media(reduced_motion="reduce")
    await page.mouse.move(0, 0)
    await page.locator(".tile").first.blur()
    await page.locator(".tile").first.hover()
    await expect(picture).to_have_attribute("src", re.compile("poster.jpg"))
    await mira.go(f"/video/{loud['id']}")
    await mira.video_advances()
    wanted = 10 ** ((-16 - loud["loudness_lufs"]) / 20)
    assert await page.evaluate("document.querySelector('video').volume") == pytest.approx(wanted, abs=0.01)


# Keeps each gain that the page makes, so that one can ask how loud it is.
WATCH_GAINS = """
const Gain = GainNode;
window.gains = [];
window.GainNode = class extends Gain {
  constructor(...given) {
    super(...given);
    window.gains.push(this);
  }
};
"""


async def test_a_quiet_film_is_lifted_once_its_sound_is_on(shared: Program, visitor: NewVisitor) -> None:
    mira = await visitor(shared, "una")
    await mira.page.add_init_script(WATCH_GAINS)
    person = await mira.arrive()
    quiet = ("-af", "volume=0.05", "-movflags", "+faststart")
    film = await sent(person, media.made("quiet.mp4", *media.H264, *media.AAC, *quiet, seconds=8.0, rate=5))
    assert film["loudness_lufs"] < -26
    await mira.go(f"/video/{film['id']}")
    await mira.video_advances()
    await mira.page.get_by_role("button", name="Turn sound on").click()
    gain = "window.gains[0]?.gain.value ?? 0"

    async def is_lifted() -> bool:
        return float(await mira.page.evaluate(gain)) == pytest.approx(10 ** (9 / 20), abs=0.01)

    await until(is_lifted, "the film to be louder, by nine decibels at most")
    assert await mira.page.evaluate("document.querySelector('video').volume") == 1
    await mira.video_advances()


async def test_files_are_dropped_and_pasted(shared: Program, visitor: NewVisitor) -> None:
    mira = await visitor(shared, "uri", size=PHONE, dark=True)
    await mira.arrive()
    await mira.go("/upload")
    give = """([kind, name]) => {
      const data = new DataTransfer();
      data.items.add(new File(["x"], name, { type: "video/mp4" }));
      const event = kind === "drop" ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }) : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
      document.querySelector(kind === "drop" ? ".drop" : "body").dispatchEvent(event);
    }"""
    await expect(mira.page.locator(".drop")).to_be_visible()
    for kind, name in (("drop", "dropped.mp4"), ("paste", "pasted.mp4")):
        await mira.page.evaluate(give, [kind, name])
        await expect(mira.page.get_by_text(name)).to_be_visible()
    await mira.picture("upload-dark", also=DESKTOP)
