"""`livecore bench hls --glass`: a clock burnt into the picture of one page of Chromium, read from a page that watches by HLS with hls.js."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Error, async_playwright

from bench import live, live_glass, processes, serving
from bench.latency import Latencies
from bench.live import LiveOptions
from bench.load import LoadFailed
from bench.report import Column, Report
from bench.screen import Screen

HLS_JS = Path(__file__).parents[1] / "clients" / "web-demo" / "node_modules" / "hls.js" / "dist" / "hls.light.min.mjs"
# Until the player plays at its own pace: it begins at a segment and catches up by a tenth.
SETTLE_S = 8.0
COLUMNS: list[Column] = [
    ("codec", "codec", 0),
    ("glass.count", "pictures read", 0),
    ("unreadable", "not readable", 0),
    ("glass.p50_ms", "glass to glass p50 ms", 0),
    ("glass.p95_ms", "p95 ms", 0),
    ("glass.p99_ms", "p99 ms", 0),
    ("stalls", "stalls", 0),
]
PLOT: dict[str, Any] = {
    "label": "codec",
    "bars": ("glass.p50_ms", "milliseconds from glass to glass, median"),
    "lines": [("glass.p99_ms", "p99")],
}


async def run(options: LiveOptions, screen: Screen) -> Report:
    """Raises LoadFailed."""
    if not Path(live_glass.CHROMIUM).exists() or not HLS_JS.exists():
        raise LoadFailed(f"needs {live_glass.CHROMIUM} (apt-get install chromium) and {HLS_JS} (npm ci in clients/web-demo)")
    server_cores, _load_cores = processes.split_cores() if options.pin else (set[int](), set[int]())
    report = Report("hls-glass", asdict(options))
    report.notes.append(
        "from the drawing of a picture to its showing, encoder, decoder and the player's own delay included; 640x360, 30 a second."
    )
    async with (
        live.where(options, server_cores, screen) as there,
        live_glass.served({"/hls.mjs": HLS_JS}) as address,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=live_glass.CHROMIUM, args=list(live_glass.ARGUMENTS))
        try:
            publisher, viewer = await live_glass.page(browser, address), await live_glass.page(browser, address)
            await publisher.evaluate(
                "([url, token, codec]) => publish(url, token, codec)", [there.whip, there.publish_token, options.codec]
            )
            playlist = await _playlist(there)
            with screen.stage("watching by HLS", options.seconds) as advance:
                seen = await viewer.evaluate(
                    "([url, settleS, seconds]) => watchHls(url, settleS, seconds)", [playlist, SETTLE_S, options.seconds]
                )
                advance(options.seconds)
        except Error as exc:
            raise LoadFailed(f"chromium: {exc.message}") from exc
        finally:
            await browser.close()
    if not seen["delays"]:
        raise LoadFailed("no picture could be read")
    glass = Latencies()
    for delay_ms in seen["delays"]:
        glass.add(delay_ms)
    report.results.append({"codec": options.codec, "glass": glass.summary(), "unreadable": seen["unreadable"], "stalls": seen["stalls"]})
    return report


async def _playlist(there: live.Live) -> str:
    """The live's playlist, signed for a viewer."""
    live_id = there.whep.rpartition("/")[2]
    async with aiohttp.ClientSession(there.server.url) as http:
        found = await serving.call(http, "GET", f"/api/v1/lives/{live_id}", None, token=there.watch_tokens[0], status=200)
    if not found["hls"]:
        raise LoadFailed("this codec cannot be carried by HLS")
    return str(there.server.url + found["hls"])
