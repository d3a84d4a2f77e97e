"""Somebody in front of a browser: one profile, one page, and the ways through the demo that many tests share."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.people import Person
from tests.processes import Program
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
AXE = ROOT / "clients" / "web-demo" / "node_modules" / "axe-core" / "axe.min.js"
# A repository keeps pictures for ever: larger ones are taken again as JPEG.
PICTURE_LIMIT_BYTES = 300_000

# What the browser says about answers that a test provokes on purpose, not about the page.
EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of (4\d\d)")


@dataclass(frozen=True)
class Size:
    name: str
    width: int
    height: int


PHONE = Size("phone", 390, 844)
SMALL = Size("small", 360, 640)
DESKTOP = Size("desktop", 1280, 800)

# Reports of the content security policy become console errors too, but not all of them at once.
WATCH_POLICY = "addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));"


class Visitor:
    """`page` is the open page; `complaints` what its console said that it should not."""

    def __init__(self, context: BrowserContext, page: Page, serving: Program, username: str, number: int, size: Size) -> None:
        self.context = context
        self.page = page
        self.serving = serving
        self.username = username
        self.size = size
        self.name = f"{username.title()} Example"
        self.email = f"{username}@example.org"
        self.phone = f"+4915117{number:06d}"
        self.password = f"a quiet evening by the sea {number}"
        self.complaints: list[str] = []
        self.forgiven: list[str] = []

    @classmethod
    async def open(cls, browser: Browser, serving: Program, username: str, number: int, *, size: Size, dark: bool) -> "Visitor":
        context = await browser.new_context(
            base_url=serving.url,
            viewport={"width": size.width, "height": size.height},
            color_scheme="dark" if dark else "light",
            has_touch=size.width < 600,
            locale="en-GB",
        )
        context.set_default_timeout(30_000)
        page = await context.new_page()
        await page.add_init_script(WATCH_POLICY)
        one = cls(context, page, serving, username, number, size)
        page.on("console", one._said)
        page.on("pageerror", lambda error: one.complaints.append(f"page error: {error}"))
        # "Leave the page?", which a host on the air is asked.
        page.on("dialog", lambda dialog: dialog.accept())
        page.on("request", lambda request: one._asked(request.url))
        return one

    def _said(self, message: ConsoleMessage) -> None:
        forgiven = EXPECTED.search(message.text) or any(word in message.text for word in self.forgiven)
        if message.type == "error" and not forgiven:
            self.complaints.append(message.text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.serving.url, "blob:", "data:")):
            self.complaints.append(f"external request: {url}")

    def forgive(self, *words: str) -> None:
        """From here on the console may say these: the test takes something away on purpose."""
        self.forgiven += words

    async def close(self) -> None:
        await self.context.close()

    # -- ways through the demo

    async def go(self, path: str) -> None:
        await self.page.goto(path)

    async def sign_up(self) -> None:
        """Fill the six fields, accept, and enter both codes."""
        page = self.page
        await page.goto("/signup")
        await page.get_by_label("Name", exact=True).fill(self.name)
        await page.get_by_label("Username").fill(self.username)
        await page.get_by_label("Email").fill(self.email)
        await page.get_by_label("Phone").fill(self.phone)
        await page.get_by_label("Date of birth").fill("1990-05-17")
        await page.get_by_label("Password", exact=True).fill(self.password)
        await page.get_by_label("I have read and accept").check()
        await page.get_by_role("button", name="Create account").click()
        await expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
        # Decided before anybody is told of the number.
        await expect(page.get_by_label("Who finds me by my phone number")).to_have_value("everyone")
        await self.enter_code("phone", self.phone)
        await self.enter_code("email", self.email)
        await expect(page.locator("#nav")).to_be_visible()

    async def arrive(self) -> Person:
        """Be signed in without the forms, which `sign_up` drives: an account over REST, its session put where the demo keeps it."""
        person = await self.serving.person(self.username)
        account = (await person.get("/api/v1/me")).json
        kept = {"livecore.session": json.dumps({"account": account, "refresh": person.refresh}), "livecore.device": person.device["id"]}
        # Any page of this origin holds what is kept there; this one loads nothing else.
        await self.page.goto("/healthz")
        await self.page.evaluate("(kept) => { for (const [key, value] of Object.entries(kept)) localStorage.setItem(key, value) }", kept)
        self.name, self.password, self.person = account["name"], person.password, person
        await self.page.goto("/discover")
        await expect(self.page.locator("#nav")).to_be_visible()
        return person

    async def enter_code(self, channel: str, target: str) -> None:
        card = self.page.locator(f"[data-channel={channel}]")
        await card.get_by_label("Six-digit code").fill(await self.serving.code(target))
        await card.get_by_role("button", name="Confirm").click()
        await expect(card).to_have_count(0)

    async def sign_in(self) -> None:
        page = self.page
        await page.goto("/signin")
        await page.get_by_label("Username, email or phone").fill(self.username)
        await page.get_by_label("Password", exact=True).fill(self.password)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator("#nav")).to_be_visible()

    async def befriend(self, other: "Visitor") -> None:
        """Find the other in Discover and ask; the other accepts under Friends."""
        await self.go("/discover")
        await self.page.get_by_label("Search for people").fill(other.username)
        row = self.page.locator(".row-item", has_text=other.username)
        await row.get_by_role("button", name="Add").click()
        await expect(row.get_by_text("Asked")).to_be_visible()
        await other.go("/people?show=requests")
        await other.page.locator(".row-item", has_text=self.username).get_by_role("button", name="Accept").click()
        await other.page.get_by_role("tab", name="Friends").click()
        await expect(other.page.locator(".row-item", has_text=self.username)).to_be_visible()

    async def open_chat(self, other: "Visitor") -> None:
        await self.go(f"/u/{other.username}")
        await self.page.get_by_role("button", name="Message").click()
        await expect(self.page.get_by_role("textbox", name="Message")).to_be_visible()

    async def write(self, text: str) -> None:
        await self.page.get_by_role("textbox", name="Message").fill(text)
        await self.page.get_by_role("button", name="Send").click()

    async def video_advances(self, selector: str = "video") -> None:
        """The picture moves: frames are shown and time goes on."""
        probe = (
            "(s) => { const v = document.querySelector(s); return v && v.videoWidth > 0 && v.getVideoPlaybackQuality().totalVideoFrames }"
        )

        shown = 0

        async def frames(above: int) -> bool:
            nonlocal shown
            shown = int(await self.page.evaluate(probe, selector) or 0)
            return shown > above

        async def some() -> bool:
            return await frames(0)

        await until(some, f"a first frame for {self.username}")
        first = shown

        async def more() -> bool:
            nonlocal first
            is_more = await frames(first + 5)
            # Another source was set meanwhile, whose pictures are counted anew.
            first = min(first, shown)
            return is_more

        await until(more, f"more frames for {self.username}")

    # -- what it looks like

    async def picture(self, name: str, *, also: Size | None = None) -> None:
        """Save what is on the screen to docs/pictures when LIVECORE_PICTURES=1; `also` in another size of the window."""
        if os.environ.get("LIVECORE_PICTURES") != "1":
            return
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self._shoot(name, self.size)
        if also is not None:
            await self.page.set_viewport_size({"width": also.width, "height": also.height})
            await self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            await self._shoot(name, also)
            await self.page.set_viewport_size({"width": self.size.width, "height": self.size.height})

    async def _shoot(self, name: str, size: Size) -> None:
        path = PICTURES / f"{name}-{size.name}.png"
        await self.page.evaluate(
            "Promise.all([...document.images].filter((one) => !one.complete).map((one) => one.decode().catch(() => null)))"
        )
        data = await self.page.screenshot(animations="disabled")
        if len(data) > PICTURE_LIMIT_BYTES:
            path = path.with_suffix(".jpg")
            data = await self.page.screenshot(animations="disabled", type="jpeg", quality=80)
        path.write_bytes(data)

    async def accessible(self) -> None:
        """axe-core finds nothing serious on the page as it stands."""
        page = self.page
        await page.evaluate(AXE.read_text())
        result: dict[str, Any] = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        found = [
            {"rule": one["id"], "where": [node["target"] for node in one["nodes"]][:3], "why": one["nodes"][0]["failureSummary"]}
            for one in result["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert not found, f"{page.url}\n{json.dumps(found, indent=1)}"

    async def fits(self) -> None:
        """Nothing is wider than the screen."""
        wide = await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{self.page.url} is {wide} px too wide"
        inner = await self.page.evaluate(
            "[...document.querySelectorAll('.page, .column')].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className)"
        )
        assert not inner, f"{self.page.url} scrolls sideways in {inner}"
