"""`livecore bench live --glass`: two pages of one Chromium, a clock burnt into the picture of one and read from the picture of the other."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Error, Page, async_playwright

from bench import live, processes
from bench.latency import Latencies
from bench.live import LiveOptions
from bench.load import LoadFailed
from bench.report import Column, Report
from bench.screen import Screen

PAGE = Path(__file__).with_name("live_glass.html")
CHROMIUM = os.environ.get("LIVECORE_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-quic",
    "--no-first-run",
)
MEDIA_TYPES = {"": "text/html", ".mjs": "text/javascript"}
# Joins whose first picture is timed, one after the other, before the last viewer stays.
JOINS = 30
# Until the server has heard of the publisher.
PUBLISHER_S = 15.0
COLUMNS: list[Column] = [
    ("server", "server", 0),
    ("glass.count", "pictures read", 0),
    ("unreadable", "not readable", 0),
    ("glass.p50_ms", "glass to glass p50 ms", 1),
    ("glass.p95_ms", "p95 ms", 1),
    ("glass.p99_ms", "p99 ms", 1),
    ("answered.p50_ms", "request to answer p50 ms", 1),
    ("first.p50_ms", "request to first picture p50 ms", 1),
    ("first.p99_ms", "p99 ms", 1),
    ("freezes", "freezes", 0),
    ("full_rate_ms", "publisher's estimate at 2.5 Mb/s after ms", 0),
]
PLOT: dict[str, Any] = {
    "label": "server",
    "bars": ("glass.p50_ms", "milliseconds from glass to glass, median"),
    "lines": [("glass.p50_ms", "glass p50"), ("glass.p99_ms", "p99"), ("first.p50_ms", "first picture p50")],
}


async def run(options: LiveOptions, screen: Screen) -> Report:
    """Raises LoadFailed or NotLoopback."""
    if not Path(CHROMIUM).exists():
        raise LoadFailed(f"no {CHROMIUM}: apt-get install chromium")
    server_cores, _load_cores = processes.split_cores() if options.pin else (set[int](), set[int]())
    report = Report("glass", asdict(options))
    report.notes.append(
        "from the drawing of a picture to its showing, encoder, decoder and the wait for the screen included; 640x360, 30 a second."
    )
    async with live.where(options, server_cores, screen) as there, served({}) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            report.results.append(await _measure(options, there, browser, address, screen))
        except Error as exc:
            raise LoadFailed(f"chromium: {exc.message}") from exc
        finally:
            await browser.close()
    return report


async def _measure(options: LiveOptions, there: live.Live, browser: Browser, address: str, screen: Screen) -> dict[str, Any]:
    publisher, viewer = await page(browser, address), await page(browser, address)
    await publisher.evaluate("([url, token]) => publish(url, token)", [there.whip, there.publish_token])
    full_rate_ms = await publisher.evaluate("fullRate()")
    answered, first, glass = Latencies(), Latencies(), Latencies()
    with screen.stage(f"{JOINS} joins", JOINS) as advance:
        for number in range(JOINS):
            seen = await _watch(viewer, there, number, 0.0)
            # The first of all waits for a publisher that is only just there.
            if number:
                first.add(seen["firstMs"])
                answered.add(seen["answeredMs"])
            advance(number + 1)
    with screen.stage("watching", options.seconds) as advance:
        seen = await _watch(viewer, there, 0, options.seconds)
        advance(options.seconds)
    for delay_ms in seen["delays"]:
        glass.add(delay_ms)
    if not seen["delays"]:
        raise LoadFailed("no picture could be read")
    return {
        "server": options.name,
        "glass": glass.summary(),
        "answered": answered.summary(),
        "first": first.summary(),
        "unreadable": seen["unreadable"],
        "freezes": seen["freezes"],
        "full_rate_ms": full_rate_ms,
    }


async def _watch(viewer: Page, there: live.Live, number: int, seconds: float) -> dict[str, Any]:
    token = there.watch_tokens[number % len(there.watch_tokens)]
    seen: dict[str, Any] = await viewer.evaluate(
        """async ([url, token, seconds, deadlineMs]) => {
          // 409 until the server has heard of the publisher.
          for (const until = performance.now() + deadlineMs; ;) {
            try { return await watch(url, token, seconds); } catch (refused) {
              if (!/^Error: (409|503)/.test(refused) || performance.now() > until) throw refused;
              await new Promise((done) => setTimeout(done, 100));
            }
          }
        }""",
        [there.whep, token, seconds, PUBLISHER_S * 1e3],
    )
    return seen


async def page(browser: Browser, address: str) -> Page:
    """In a context of its own: tabs of one headless window stop painting in the background."""
    opened = await (await browser.new_context()).new_page()
    await opened.goto(address)
    return opened


@contextlib.asynccontextmanager
async def served(files: Mapping[str, Path]) -> AsyncIterator[str]:
    """The page, and `files` by their paths, at an address of this machine."""

    async def file(request: web.Request) -> web.FileResponse:
        return web.FileResponse({"/": PAGE, **files}[request.path], headers={"Content-Type": MEDIA_TYPES[Path(request.path).suffix]})

    application = web.Application()
    for path in ("/", *files):
        application.router.add_get(path, file)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
