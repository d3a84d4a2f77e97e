"""Fills `corpus/` with what Chromium really sends: `python -m tests.media.collect_corpus`. The tests only read what is there.

With names (`av1-L2T2 av1-L3T3_KEY`) only those are published.
"""

import asyncio
import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from livecore.media import publication, sessions
from livecore.media.client import MediaPlane
from livecore.media.drops import Drop
from livecore.media.packet import parse_header
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
    {"codec": "av1", "scalabilityMode": "L2T2", "width": 640, "height": 360},
    {"codec": "av1", "scalabilityMode": "L3T3_KEY", "width": 960, "height": 540},
]
# First packets of frames with spatial layers of AV1: the key picture's three frames, and those after it.
DESCRIBED = 10


class Kept:
    def __init__(self) -> None:
        self.name = ""
        self.spatial = False
        self.described: set[bytes] = set()  # frame numbers: a probe is copies of what has been sent
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

    on_rtp = publication.Publication.on_rtp

    def described(self: Any, data: bytes, at: float) -> None:
        header = parse_header(data, self._ids)
        dependency = None if isinstance(header, Drop) else header.dependency
        if (
            kept.spatial
            and dependency is not None
            and dependency[0] & 0x80
            and dependency[1:3] not in kept.described
            and len(kept.described) < DESCRIBED
        ):
            kept.described.add(dependency[1:3])
            (HERE / f"rtp-{kept.name}-d{len(kept.described)}.bin").write_bytes(data)
        on_rtp(self, data, at)

    publication.Publication.on_rtp = described  # type: ignore[method-assign]
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
        if len(sys.argv) > 1 and "-".join(str(options.get(key)) for key in ("codec", "scalabilityMode")) not in sys.argv[1:]:
            continue
        kept.__init__()  # type: ignore[misc]
        kept.spatial = options["codec"] == "av1" and options.get("scalabilityMode", "L1")[:2] != "L1"
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
                await asyncio.wait_for(viewer.evaluate(f"watch('live{number}', null, 0, {{ descriptor: {str(kept.spatial).lower()} }})"), 5)
            await asyncio.sleep(4)
            await browser.close()
        await plane.close()
        await worker.stop("done")


if __name__ == "__main__":
    asyncio.run(main())
