"""The whole way through the demo, on a phone, by two people and one of the staff, in real browsers against the real program."""

import re

from playwright.async_api import Page, expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.conftest import StartProgram
from tests.waiting import until

# The energy of the sound that was decoded, and the frames that were shown, from the viewer's own connection.
RECEIVED = """async () => {
  const found = { frames: 0, energy: 0 };
  for (const peer of globalThis.peers ?? []) {
    if (peer.connectionState !== "connected") continue;
    for (const one of (await peer.getStats()).values()) {
      if (one.type !== "inbound-rtp") continue;
      if (one.kind === "video") found.frames += one.framesDecoded ?? 0;
      if (one.kind === "audio") found.energy += one.totalAudioEnergy ?? 0;
    }
  }
  return found;
}"""
# Keeps every connection that the page makes, so that the test can ask it.
KEEP_PEERS = """globalThis.peers = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); globalThis.peers.push(this); }
};"""


async def _goes_live(host: Visitor, title: str, camera: str = "clock") -> None:
    page = host.page
    await host.go("/live")
    await page.get_by_label("Camera").select_option(camera)
    await page.get_by_label("What is it about?").fill(title)
    await page.get_by_role("button", name="Go live").click()
    await expect(page.get_by_role("button", name="End", exact=True)).to_be_visible()


async def _hears_and_sees(page: Page) -> None:
    async def enough() -> bool:
        received = await page.evaluate(RECEIVED)
        return received["frames"] > 15 and received["energy"] > 0

    await until(enough, "decoded frames and sound")


async def test_two_people_and_a_live(program: StartProgram, visitor: NewVisitor) -> None:
    serving = await program()
    anna = await visitor(serving, "anna", size=PHONE)
    ben = await visitor(serving, "ben", size=PHONE)
    await ben.page.add_init_script(KEEP_PEERS)
    await anna.sign_up()
    await ben.sign_up()
    await anna.befriend(ben)

    # They write to each other, and each sees what became of it.
    await anna.open_chat(ben)
    await anna.write("Are you coming on Sunday?")
    await ben.go("/messages")
    row = ben.page.locator(".talk-list .row-item", has_text="Are you coming on Sunday?")
    await expect(row.get_by_label("1 unread")).to_be_visible()
    await expect(anna.page.get_by_label("Delivered")).to_be_visible()
    await row.click()
    await expect(ben.page.locator(".bubble", has_text="Are you coming on Sunday?")).to_be_visible()
    await expect(anna.page.get_by_label("Read", exact=True)).to_be_visible()
    await ben.page.get_by_role("textbox", name="Message").press_sequentially("With the dog")
    await expect(anna.page.get_by_label("Is typing")).to_be_visible()
    await ben.page.get_by_role("button", name="Send").click()
    await expect(anna.page.locator(".bubble", has_text="With the dog")).to_be_visible()
    await anna.picture("chat", also=DESKTOP)

    # The history lives on the device: a reload brings all of it back, in order, once.
    await anna.page.reload()
    await expect(anna.page.locator(".bubble")).to_have_text([re.compile("Sunday"), re.compile("dog")])

    # One goes live, the other finds it, sees and hears it, and says something.
    await _goes_live(anna, "Sunday on the water")
    await ben.go("/discover")
    await expect(ben.page.locator(".live-tile")).to_be_visible()
    await ben.picture("discover-live")
    await ben.page.locator(".live-tile", has_text="Sunday on the water").click()
    await ben.video_advances(".live-page video")
    await _hears_and_sees(ben.page)
    await expect(anna.page.locator(".viewers")).to_have_text("1")
    await ben.page.get_by_label("Say something").fill("What a morning!")
    await ben.page.locator(".room").get_by_role("button", name="Send", exact=True).click()
    await expect(anna.page.locator(".lines .line", has_text="What a morning!")).to_be_visible()
    await anna.page.get_by_label("Say something").fill("Good to have you here")
    await anna.page.get_by_label("Say something").press("Enter")
    await expect(ben.page.locator(".lines .line", has_text="Good to have you here")).to_be_visible()
    await ben.page.get_by_role("button", name="Send a reaction").click()
    await expect(anna.page.locator(".floats span").first).to_be_attached()
    await expect(anna.page.locator(".health dd").first).to_contain_text("kb/s")
    await ben.picture("watch", also=DESKTOP)
    await anna.picture("host", also=DESKTOP)
    await ben.accessible()
    await anna.accessible()

    # It ends for both, and the recording is there.
    await anna.page.get_by_role("button", name="End", exact=True).click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="End", exact=True).click()
    await expect(anna.page.get_by_role("heading", name="That was your live")).to_be_visible()
    await expect(ben.page.get_by_role("heading", name="The live has ended")).to_be_visible()
    await anna.page.get_by_role("link", name="How it does").click()
    await expect(anna.page.locator(".insight-figures .card", has_text="Views")).to_contain_text("1")
    await expect(anna.page.get_by_role("heading", name="Watching in each minute")).to_be_visible()
    await anna.fits()
    await anna.accessible()
    video = await _replay_of(anna, "Sunday on the water")
    await anna.picture("me-videos")
    await anna.go(f"/video/{video}")
    await anna.page.get_by_role("button", name="More").click()
    await anna.page.get_by_role("dialog").get_by_role("link", name="How it does").click()
    await expect(anna.page.get_by_text("Viewers", exact=True)).to_be_visible()
    await anna.fits()
    await anna.accessible()
    await anna.picture("insights")

    # In the feed of the friend it plays, can be liked, spoken about and kept.
    await ben.go("/")
    slide = ben.page.locator(".slide", has_text="Sunday on the water")
    await expect(slide).to_be_visible()
    await ben.video_advances(".slide video")
    await slide.get_by_role("button", name="Like").click()
    await expect(slide.get_by_role("button", name="Like")).to_have_text("1")
    await slide.get_by_role("button", name="Comments").click()
    sheet = ben.page.get_by_role("dialog")
    await sheet.get_by_label("Say something kind").fill("The dog!")
    await sheet.get_by_role("button", name="Send").click()
    await expect(sheet.get_by_text("The dog!")).to_be_visible()
    await sheet.get_by_role("button", name="Answer", exact=True).click()
    await sheet.get_by_label("Say something kind").fill("A good one")
    await sheet.get_by_role("button", name="Send").click()
    await expect(sheet.locator(".answers", has_text="A good one")).to_be_visible()
    await sheet.get_by_role("button", name="Like (0)").first.click()
    await expect(sheet.get_by_role("button", name="Like (1)")).to_have_attribute("aria-pressed", "true")
    await ben.accessible()
    await ben.picture("comments")
    await sheet.get_by_role("button", name="Close").click()
    await ben.picture("feed", also=DESKTOP)
    await slide.get_by_role("button", name="More").click()
    async with ben.page.expect_download() as waiting:
        await ben.page.get_by_role("dialog").get_by_role("link", name="Download").click()
    kept = await (await waiting.value).path()
    assert kept.stat().st_size > 10_000

    # The owner of a right claims it; staff takes it down; its maker is told, and nobody sees it any more.
    await anna.go("/discover")
    await _claims(await visitor(serving, "carol", size=PHONE), f"{serving.url}/video/{video}")
    staff = await visitor(serving, "dora")
    await staff.sign_up()
    await serving.admin("grant", "dora", "legal")
    await _takes_down(staff)
    await expect(anna.page.get_by_text("Content taken down")).to_be_visible()
    await ben.go("/")
    await expect(ben.page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    await ben.go(f"/video/{video}")
    await expect(ben.page.get_by_role("heading", name="This video is not available")).to_be_visible()
    await anna.go("/me")
    await expect(anna.page.locator(".own-video")).to_contain_text("Taken down")


async def _replay_of(host: Visitor, title: str) -> str:
    """The recording appears in Me, ready; answers its id."""

    async def ready() -> bool:
        await host.go("/me")
        tile = host.page.locator(".own-video", has_text=title)
        await expect(host.page.locator(".own-video, .pair .empty").first).to_be_visible()
        return await tile.count() == 1 and await tile.locator("img").count() == 1 and "Getting ready" not in await tile.inner_text()

    await until(ready, "the recording")
    return str(await host.page.locator(".own-video", has_text=title).get_attribute("data-id"))


async def _claims(claimant: Visitor, target: str) -> None:
    """Without an account; first incomplete, and then with all six elements."""
    page = claimant.page
    await claimant.go(f"/claim?target={target}")
    await page.get_by_role("button", name="Send the claim").click()
    await expect(page.locator(".field [aria-invalid=true]").first).to_be_visible()
    await page.get_by_label("Describe the work").fill("The film “Morning”, 2024, shown at the harbour festival")
    await page.get_by_label("Full name", exact=True).fill("Carol Example")
    await page.get_by_label("Email").fill(claimant.email)
    await page.get_by_label("Postal address").fill("1 Harbour Street, 24103 Kiel, Germany")
    await page.get_by_label("Phone").fill("+4915112340000")
    await page.get_by_label("I believe in good faith").check()
    await page.get_by_label("What I say here is accurate").check()
    await page.get_by_label("Your full name as a signature").fill("Carol Example")
    await page.get_by_role("button", name="Send the claim").click()
    await expect(page.get_by_role("heading", name="We have your claim")).to_be_visible()
    confirm = page.get_by_role("heading", name="Confirm your mail address")
    if await confirm.count():
        await page.get_by_label("Six-digit code").fill(await claimant.serving.code(claimant.email))
        await page.get_by_role("button", name="Confirm").click()
        await expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    await claimant.picture("claim-receipt")
    await page.get_by_role("link", name="How the claim stands").click()
    await expect(page.get_by_text("Waiting for a decision").first).to_be_visible()


async def _takes_down(staff: Visitor) -> None:
    page = staff.page
    await staff.go("/staff")
    await expect(page.get_by_role("link", name="Copyright claim")).to_be_visible()
    await staff.picture("staff")
    await staff.accessible()
    await page.get_by_role("link", name="Copyright claim").click()
    await expect(page.get_by_text("harbour festival")).to_be_visible()
    await staff.picture("staff-claim")
    await page.get_by_label("Decision").select_option("uphold")
    await page.get_by_label("Reason").fill("Complete, and plainly the claimant's film")
    await page.get_by_role("button", name="Decide").click()
    await expect(page.get_by_text("Upheld").first).to_be_visible()
