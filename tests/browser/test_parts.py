"""The replay of a long live, kept in parts: one is watched after the other."""

from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE
from tests.conftest import StartProgram
from tests.flows.broadcast import Broadcast
from tests.flows.test_parts_of_a_live import finished, replays
from tests.waiting import until


async def test_the_parts_of_a_replay_play_one_after_the_other(program: StartProgram, visitor: NewVisitor) -> None:
    serving = await program(recording_max_s=1)
    mira = await visitor(serving, "mira", size=PHONE)
    person = await mira.arrive()
    broadcast = await Broadcast(person, title="A long day").start()

    async def some() -> bool:
        return len(await replays(person, broadcast.id)) >= 2

    try:
        await until(some, "two parts", 60)
    finally:
        await broadcast.end()
    parts = await finished(person, broadcast.id)
    page = mira.page
    await mira.go("/me")
    await expect(page.locator(".tile", has_text="Part 2")).to_be_visible()
    await mira.picture("replay-parts")
    await mira.go(f"/video/{parts[0]['id']}")
    await expect(page.get_by_text("Part 1", exact=True)).to_be_visible()
    await mira.fits()
    await mira.picture("replay-part", also=DESKTOP)
    # The first ends, the second comes into view and plays by itself.
    await expect(page.get_by_text("Part 2", exact=True)).to_be_in_viewport(timeout=30_000)
    await mira.video_advances(".slide:nth-of-type(2) video")
