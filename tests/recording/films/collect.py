"""Makes the films: `python -m tests.recording.films.collect`. The tests only read what is there."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from livecore.media import publication
from livecore.media.client import MediaPlane
from livecore.media.settings import WorkerSettings
from livecore.media.worker import Worker
from tests.media.test_chromium import ARGUMENTS, CHROMIUM, page
from tests.media.whip_server import whip_server
from tests.media.worker_process import RealClock
from tests.recording.films import Shot, write

SECONDS = 4.5
KEYS_S = (1.5, 3.0)
FILMED: list[dict[str, Any]] = [
    {"codec": "vp9", "scalabilityMode": "L2T3_KEY", "width": 480, "height": 270},
    {"codec": "av1", "scalabilityMode": "L2T2", "width": 480, "height": 270},
]
# Small films: a quarter of a megabit.
SLOW_DOWN = """() => { const add = RTCPeerConnection.prototype.addTransceiver; RTCPeerConnection.prototype.addTransceiver = function (what, init) {
    for (const one of init?.sendEncodings ?? []) one.maxBitrate = 250_000;
    return add.call(this, what, init); }; }"""


async def film(options: dict[str, Any], directory: Path) -> list[Shot]:
    shots: dict[int, Shot] = {}
    began: float | None = None
    accept = publication.Publication._accept_packet

    def taken(self: Any, track: Any, layer: Any, header: Any, sequence: int, payload: bytes, at: float, resent: bool) -> None:
        nonlocal began
        if track.kind == "video" and payload and began is not None:
            key = Shot(at - began, sequence, header.timestamp, header.marker, header.dependency or b"", payload)
            shots.setdefault(layer.receiver.widen.nearest(sequence) if layer.receiver.highest is not None else sequence, key)
        accept(self, track, layer, header, sequence, payload, at, resent)

    publication.Publication._accept_packet = taken  # type: ignore[method-assign]
    socket = directory / "control.sock"
    worker = Worker(WorkerSettings(0, socket, udp_host="127.0.0.1", start_bitrate_kbps=300))
    await worker.start()
    plane = MediaPlane([socket], RealClock())
    await plane.start()
    await plane.ready()
    async with whip_server(plane) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        publisher = await page(browser, address)
        await publisher.evaluate(SLOW_DOWN)
        await publisher.evaluate("([live, options]) => publish(live, options)", ["live", options])
        await asyncio.sleep(2)
        loop = asyncio.get_running_loop()
        (published,) = worker.router.published.values()
        began = loop.time()
        for due in (0.0, *KEYS_S):
            await asyncio.sleep(max(0.0, began + due - loop.time()))
            for track, layer in published.publication.layers():
                if track.kind == "video":
                    published.publication.request_key(layer, loop.time())
        await asyncio.sleep(max(0.0, began + SECONDS - loop.time()))
        began = None
        await browser.close()
    publication.Publication._accept_packet = accept  # type: ignore[method-assign]
    await plane.close()
    await worker.stop("done")
    return [shots[number] for number in sorted(shots)]


async def main() -> None:
    for options in FILMED:
        with tempfile.TemporaryDirectory() as directory:
            shots = await film(options, Path(directory))
        write(f"{options['codec']}-{options['scalabilityMode']}", shots)


if __name__ == "__main__":
    asyncio.run(main())
