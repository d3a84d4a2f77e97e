"""Fills `corpus/` with what Chromium really sends: `python -m tests.media.collect_corpus`. The tests only read what is there."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from livecore.media import publication, sessions
from livecore.media.client import MediaPlane
from livecore.media.router import Router
from livecore.media.settings import WorkerSettings
from livecore.media.worker import Worker
from tests.media.test_chromium import ARGUMENTS, CHROMIUM, page
from tests.media.whip_server import whip_server
from tests.media.worker_process import RealClock

HERE = Path(__file__).parent / "corpus"
# Of each kind: a few, the large ones (key frames) among them.
KEPT = 6
PUBLISHED: list[dict[str, Any]] = [
    {"codec": "vp8"},
    {"codec": "h264"},
    {"codec": "vp8", "simulcast": True, "width": 1280, "height": 720},
    {"codec": "vp9", "scalabilityMode": "L3T3_KEY", "width": 1280, "height": 720},
    {"codec": "av1", "scalabilityMode": "L1T3"},
]


class Kept:
    def __init__(self) -> None:
        self.name = ""
        self._count: Counter[str] = Counter()

    def keep(self, kind: str, data: bytes, ending: str = "bin") -> None:
        # The first ones, and then now and again one: they should differ.
        number = self._count[kind] = self._count[kind] + 1
        if number <= KEPT // 2 or (number % 97 == 0 and number < 97 * KEPT // 2):  # sound comes first: the later ones are pictures
            (HERE / f"{kind}-{self.name}-{number}.{ending}").write_bytes(data)


def listen(kept: Kept) -> None:
    """Everything on its way into the parsers is kept first."""

    def before(owner: Any, method: str, kind: str) -> None:
        original = getattr(owner, method)

        def both(self: Any, data: Any, *rest: Any) -> Any:
            kept.keep(kind, data if isinstance(data, bytes) else data.encode())
            return original(self, data, *rest)

        setattr(owner, method, both)

    before(publication.Publication, "on_rtp", "rtp")
    before(publication.Publication, "on_rtcp", "rtcp-publisher")
    before(sessions.ViewerSession, "on_rtcp", "rtcp-viewer")
    publish, subscribe = Router.publish, Router.subscribe

    def published(self: Router, live: str, one: str, offer: str, *rest: Any) -> Any:
        kept.keep("offer-publish", offer.encode(), "sdp")
        return publish(self, live, one, offer, *rest)

    def subscribed(self: Router, live: str, one: str, offer: str, *rest: Any) -> Any:
        kept.keep("offer-watch", offer.encode(), "sdp")
        return subscribe(self, live, one, offer, *rest)

    Router.publish, Router.subscribe = published, subscribed  # type: ignore[method-assign]


async def main() -> None:
    HERE.mkdir(exist_ok=True)
    kept = Kept()
    listen(kept)
    for number, options in enumerate(PUBLISHED):
        kept.__init__()  # type: ignore[misc]
        kept.name = "-".join(str(value) for value in options.values() if isinstance(value, str)) + (
            "-simulcast" * bool(options.get("simulcast"))
        )
        path = HERE / "control.sock"
        worker = Worker(WorkerSettings(0, path, udp_host="127.0.0.1"))
        await worker.start()
        received = worker.demux.on_datagram

        def on_datagram(data: bytes, *rest: Any, received: Any = received) -> None:
            if data and data[0] < 4:
                kept.keep("stun", data)
            received(data, *rest)

        worker.endpoint._received = on_datagram
        plane = MediaPlane([path], RealClock())
        await plane.start()
        await plane.ready()
        async with whip_server(plane) as address, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            publisher, viewer = await page(browser, address), await page(browser, address)
            await publisher.evaluate("([live, options]) => publish(live, options)", [f"live{number}", options])
            await asyncio.sleep(1)
            with contextlib.suppress(Exception):
                await asyncio.wait_for(viewer.evaluate(f"watch('live{number}')"), 5)
            await asyncio.sleep(4)
            await browser.close()
        await plane.close()
        await worker.stop("done")


if __name__ == "__main__":
    asyncio.run(main())
