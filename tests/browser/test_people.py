"""Finding and meeting people in Chromium: a stranger by chat and by video, a code that makes friends, an address book, one's data."""

import re

from playwright.async_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PHONE
from tests.conftest import StartProgram
from tests.processes import Program
from tests.waiting import until

# Reports go out while a page is left, when no tool looks on any more.
COUNT_REPORTS = """
  const real = fetch;
  window.fetch = (to, how) => {
    if (String(to).includes("/api/v1/telemetry")) localStorage.reports = Number(localStorage.reports ?? 0) + 1;
    return real(to, how);
  };
"""


async def test_strangers_meet_talk_go_on_and_report(shared: Program, visitor: NewVisitor) -> None:
    anna, ben = await visitor(shared, "meta", size=PHONE), await visitor(shared, "max", size=DESKTOP, dark=True)
    for one in (anna, ben):
        await one.arrive()
        await one.person.patch("/api/v1/me", {"interests": ["chess"]})
        await one.go("/meet")
        await one.page.get_by_role("button", name="Chat", exact=True).click()
        if one is anna:
            await expect(one.page.get_by_role("heading", name="Looking for somebody")).to_be_visible()
            await one.accessible()
            await one.picture("meet-waiting")
        # As when word of the connection comes late: who has entered does not enter again, which would end what has just begun.
        await one.page.evaluate(
            "import(document.querySelector('script[type=module]').src.replace('app.js', 'realtime/link.js')).then((link) => link.announce('link', 'on'))"
        )
    for one, other in ((anna, ben), (ben, anna)):
        await expect(one.page.locator(".meet .title", has_text=other.name)).to_be_visible()
        await expect(one.page.get_by_text("You both like")).to_be_visible()
    await anna.write("hello stranger")
    await expect(ben.page.locator(".thread").get_by_text("hello stranger")).to_be_visible()
    await ben.write("hello back")
    await expect(anna.page.locator(".thread").get_by_text("hello back")).to_be_visible()
    for one in (anna, ben):
        await one.fits()
        await one.accessible()
        await one.picture("meet-chat")
    await ben.page.get_by_role("button", name="Next").click()
    await expect(anna.page.get_by_text("They went on to somebody else.")).to_be_visible()
    await expect(ben.page.get_by_role("heading", name="Looking for somebody")).to_be_visible()
    await ben.page.get_by_role("button", name="Cancel").click()
    await expect(ben.page.get_by_text("How do you want to meet?")).to_be_visible()


async def test_a_video_meeting_shows_each_the_other(shared: Program, visitor: NewVisitor) -> None:
    anna, ben = await visitor(shared, "vera", size=PHONE), await visitor(shared, "vito", size=DESKTOP)
    too_early: list[str] = []
    for one in (anna, ben):
        one.page.on("response", lambda answer: too_early.append(answer.url) if answer.status == 409 else None)
        await one.arrive()
        await one.go("/meet")
        await one.page.get_by_role("button", name="Video").click()
    for one in (anna, ben):
        await one.video_advances(".meet-pictures .theirs")
    # Neither asks for a picture that is not there yet.
    assert too_early == []
    for one in (anna, ben):
        await one.picture("meet-video")
    await anna.page.get_by_role("button", name="Report", exact=True).click()
    await anna.page.get_by_label("Also block @vito").check()
    await anna.page.get_by_role("button", name="Send report").click()
    for one in (anna, ben):
        await expect(one.page.get_by_text("The meeting is over.")).to_be_visible()


async def test_a_code_makes_friends_and_a_book_finds_them(shared: Program, visitor: NewVisitor) -> None:
    anna, ben = await visitor(shared, "cleo", size=PHONE), await visitor(shared, "cem", size=DESKTOP)
    hers, his = await anna.arrive(), await ben.arrive()
    await anna.go("/people")
    await anna.page.get_by_role("button", name="My code").click()
    await expect(anna.page.locator(".qr svg")).to_be_visible()
    await anna.accessible()
    await anna.picture("friend-code")
    (link,) = (await hers.get("/api/v1/friend-links")).json["items"]
    await ben.go(f"/friend/{link['token']}")
    await expect(ben.page.get_by_text("made this link for you")).to_be_visible()
    await ben.picture("friend-link")
    await ben.page.get_by_role("button", name=re.compile("Become friends")).click()
    await expect(ben.page.get_by_text("and you are friends.")).to_be_visible()

    await anna.go("/contacts")
    await anna.page.get_by_label("Phone numbers").fill(f"{his.phone}\n+43 660 1234567")
    await anna.page.get_by_role("button", name="Find people").click()
    # Without her word nothing is sent on; the field says so.
    await expect(anna.page.locator("[data-field=authorized] .wrong")).to_be_visible()
    await anna.page.get_by_label("I am authorised to give these numbers").check()
    await anna.page.get_by_role("button", name="Find people").click()
    await expect(anna.page.get_by_text("2 numbers looked at, 1 person is here.")).to_be_visible()
    row = anna.page.locator(".row-item", has_text=ben.name)
    await expect(row).to_be_visible()
    await anna.fits()
    await anna.picture("contacts-found")
    # What she calls him only she sees; then he is taken out of her book.
    await row.get_by_role("button", name="More for").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    await anna.page.get_by_label("What you call them").fill("The neighbour")
    await anna.page.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("The neighbour")
    assert (await hers.get("/api/v1/contacts")).json["items"][0]["name"] == "The neighbour"
    await row.get_by_role("button", name="More for").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(anna.page.get_by_text("Nobody yet")).to_be_visible()
    assert (await hers.get("/api/v1/contacts")).json["items"] == []

    # A request that she thinks better of; and a friend whom she leaves out of her feed from his profile.
    carl = await shared.person("cyril")
    await hers.post("/api/v1/friend-requests", {"username": "cyril"})
    await anna.go("/people?show=requests")
    await anna.page.get_by_role("button", name="Take back").click()
    await expect(anna.page.get_by_text("No open requests")).to_be_visible()
    assert (await carl.get("/api/v1/friend-requests")).json["items"] == []
    await anna.go("/u/cem")
    await anna.page.get_by_role("button", name="More", exact=True).first.click()
    await anna.page.get_by_role("dialog").get_by_role("button", name=f"Leave {ben.name} out").click()
    await expect(anna.page.get_by_text("is left out of your feed")).to_be_visible()
    assert len((await hers.get("/api/v1/feed/muted")).json["items"]) == 1

    # A list goes on where the server's page ends: here each page is asked for with one item.
    await shared.befriend(hers, carl)
    for person in (his, carl):
        await hers.put(f"/api/v1/follows/{person.username}")
    for text in ("first", "second"):
        await his.post("/api/v1/posts", {"text": f"The {text} word of Cem", "visibility": "everyone"})
    await anna.page.route(
        re.compile(r"/api/v1/.*[?&]limit=\d+"), lambda asked: asked.continue_(url=re.sub(r"limit=\d+", "limit=1", asked.request.url))
    )
    for path, item in {
        "/people": ".row-item",
        "/people?show=follows": ".row-item",
        "/u/cem": ".post-card",
        "/me/activity": ".row-item",
    }.items():
        await anna.go(path)
        await expect(anna.page.locator(item)).to_have_count(1)
        await anna.page.get_by_role("button", name="Show more").last.click()
        await expect(anna.page.locator(item)).to_have_count(2)
    await anna.fits()


async def test_what_is_done_with_ones_data_is_switched_in_one_place(program: StartProgram, visitor: NewVisitor) -> None:
    serving = await program(experiments="big_button:no=1,yes=1")
    anna = await visitor(serving, "anna", size=PHONE)
    person = await anna.arrive()
    await person.put("/api/v1/me/device-facts", {"browser": "Firefox 144", "advertising_id": "abc-123"})
    await anna.go("/me/privacy")
    await expect(anna.page.get_by_text("abc-123")).to_be_visible()
    await expect(anna.page.get_by_text("big_button")).to_be_visible()
    await anna.picture("privacy-facts", also=DESKTOP)
    await anna.page.get_by_role("button", name="Delete the advertising id").click()
    await expect(anna.page.get_by_text("abc-123")).to_have_count(0)
    await expect(anna.page.get_by_text("Firefox 144")).to_be_visible()
    await anna.page.get_by_label("Limit the use of my data").check()
    await expect(anna.page.get_by_text("You are in no experiment.")).to_be_visible()
    assert (await person.get("/api/v1/me/settings")).json["values"]["restrict"] is True
    await anna.page.get_by_label("Limit the use of my data").uncheck()
    # Each fact that the browser knows is told or withheld on its own; under restriction none is kept.
    await anna.page.get_by_text("Tell facts of this browser").click()
    await anna.page.get_by_label("Time zone").check()
    await anna.page.get_by_role("button", name="Tell what is ticked").click()
    await expect(anna.page.get_by_text("Firefox 144")).to_have_count(0)
    (told,) = (await person.get("/api/v1/me/device-facts")).json["items"]
    assert [name for name, value in told["facts"].items() if value is not None] == ["time_zone"]
    # The demo reports pages, their speed and what nobody caught, without ids and addresses, and only what the switches allow.
    helper = await serving.person("helper", staff="support")
    await anna.page.add_init_script(COUNT_REPORTS)
    reports = "Number(localStorage.reports ?? 0)"
    await anna.go("/u/helper")
    await expect(anna.page.get_by_role("button", name="More", exact=True)).to_be_visible()
    async with anna.page.expect_event("pageerror"):
        await anna.page.evaluate("void setTimeout(() => { throw new Error('no room for anna@example.org') })")
    anna.complaints.remove("page error: no room for anna@example.org")
    await anna.go("/me/privacy")

    async def told(kind: str) -> list[str]:
        return [row["name"] for row in (await helper.get("/api/v1/admin/usage", params={"kind": kind})).json["items"]]

    async def arrived() -> bool:
        return all(["page:/u/:username" in await told(kind) for kind in ("usage", "performance", "crash")])

    await until(arrived, "what the page told of itself")
    (fault,) = (await helper.get("/api/v1/admin/diagnostics")).json["items"]
    assert fault["sample"]["message"] == "no room for @…"
    sent = await anna.page.evaluate(reports)
    assert sent >= 1
    for switch in ("Report how I use the service", "Report crashes and faults"):
        await anna.page.get_by_label(switch).uncheck()

    async def off() -> bool:
        return not any((await anna.page.evaluate("JSON.parse(localStorage['livecore.controls']).kinds")).values())

    await until(off, "both switches to be off")
    values = (await person.get("/api/v1/me/settings")).json["values"]
    assert (values["usage_data"], values["diagnostics"]) == (False, False)
    await anna.go("/u/helper")
    await anna.go("/discover")
    assert await anna.page.evaluate(reports) == sent
    # Who declines a policy is told so on every page, and finds the way back where it stands.
    await anna.go("/policies/terms")
    await anna.page.get_by_role("button", name="Decline").click()
    await anna.page.get_by_role("dialog").get_by_role("button", name="Decline").click()
    await expect(anna.page.get_by_text("You declined version 1")).to_be_visible()
    await anna.go("/me/profile")
    assert (await person.get("/api/v1/friends")).json["type"].endswith("policy_declined")
    await anna.go("/policies/terms")
    await anna.page.get_by_role("button", name="Accept").click()
    await expect(anna.page.get_by_text("You accepted version 1")).to_be_visible()
    assert (await person.get("/api/v1/friends")).status == 200
    await anna.go("/me/profile")
    await anna.page.get_by_label("Interests").fill("Chess, hiking")
    await anna.page.get_by_label("Languages").fill("de, en")
    await anna.page.get_by_label("Region").fill("at-9")
    await anna.page.get_by_role("button", name="Save").click()
    await expect(anna.page.get_by_text("Your profile is saved.")).to_be_visible()
    me = (await person.get("/api/v1/me")).json
    assert (me["interests"], me["languages"], me["region"]) == (["chess", "hiking"], ["de", "en"], "AT-9")
