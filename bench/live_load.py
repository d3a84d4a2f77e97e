"""The load side of the live bench: publishers (`live_publisher`) and viewers (`live_viewer`), and what is asked of them."""

import asyncio
import contextlib
import resource
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import aiohttp

from bench.last_mile import LastMile
from bench.latency import Latencies
from bench.live_peer import JOIN_TIMEOUT_S, exchange, why
from bench.live_publisher import Publisher
from bench.live_viewer import FEEDBACK_S, GIVE_UP_S, Viewer
from bench.load import Handler, LoadFailed, Progress
from livecore.media.transport import generate_certificate

# Viewers tell in turns, so many to a round.
SLICES = 10


class LiveLoad:
    def __init__(self) -> None:
        self.certificate = generate_certificate()
        self.publishers: list[Publisher] = []
        self.viewers: list[Viewer] = []
        self.sessions: list[tuple[str, str]] = []
        self.delays = Latencies()
        self.repairs = Latencies()
        self._reports: asyncio.Task[None] | None = None

    async def publish(self, given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        publisher = Publisher(given, self.certificate)
        await publisher.start()
        self.publishers.append(publisher)
        return {}

    async def published(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        return {
            "packets": sum(publisher.packets for publisher in self.publishers),
            "key_requests": sum(publisher.key_requests for publisher in self.publishers),
            "late_pictures": sum(publisher.late for publisher in self.publishers),
            "resent": sum(publisher.resent for publisher in self.publishers),
            "closed": sum(publisher.peer.closed.is_set() for publisher in self.publishers),
        }

    async def watch(self, given: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """`count` viewers join, `at_once` at a time; every `opened`-th opens what it gets, the first `narrow` have a link of `narrow_bps`,
        and each loses the share `loss` of what is sent to it."""
        told: dict[str, Latencies] = {"join": Latencies(), "request": Latencies(), "connect": Latencies()}
        numbers = iter(range(given["count"]))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

            async def some() -> None:
                for number in numbers:
                    rate_bps = given["narrow_bps"] if number < given["narrow"] else None
                    link = LastMile(rate_bps, given["loss"], number) if rate_bps is not None or given["loss"] else None
                    opens = rate_bps is None and (number - given["narrow"]) % max(1, given["opened"]) == 0
                    viewer = Viewer(self.certificate, self.delays if opens else None, link, self.repairs)
                    try:
                        await self._join(http, viewer, given, given["tokens"][number % len(given["tokens"])], told)
                    except (OSError, aiohttp.ClientError, TimeoutError) as exc:
                        raise LoadFailed(f"viewer {number + 1} of {given['count']}: {why(exc, viewer)}") from exc
                    self.viewers.append(viewer)
                    if len(self.viewers) % 5 == 0:
                        progress({"joined": len(self.viewers)})

            await asyncio.gather(*(some() for _ in range(given["at_once"])))
        if self._reports is None:
            self._reports = asyncio.create_task(self._report())
        return {name: latencies.tell() for name, latencies in told.items()}

    async def _join(
        self, http: aiohttp.ClientSession, viewer: Viewer, given: dict[str, Any], token: str, told: dict[str, Latencies]
    ) -> None:
        started = time.monotonic()
        answer, session = await exchange(http, given["url"], viewer.offer_to_watch([given["codec"]], arrivals=given["arrivals"]), token)
        told["request"].add((time.monotonic() - started) * 1e3)
        viewer.accept(answer)
        await viewer.connect(JOIN_TIMEOUT_S)
        told["connect"].add((viewer.connected_at - viewer.started_at) * 1e3)
        async with asyncio.timeout(JOIN_TIMEOUT_S):
            await viewer.first.wait()
        told["join"].add((viewer.first_at - started) * 1e3)
        if session:
            self.sessions.append((session, token))

    async def _report(self) -> None:
        """Each viewer tells every `FEEDBACK_S`, spread over that time."""
        loop = asyncio.get_running_loop()
        due, part = loop.time(), 0
        while True:
            now = time.monotonic()
            for viewer in self.viewers[part::SLICES]:
                viewer.tell(now)
            part = (part + 1) % SLICES
            due = max(due + FEEDBACK_S / SLICES, loop.time())
            await asyncio.sleep(due - loop.time())

    async def count(self, given: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """What comes within `seconds`."""
        before = [_numbers(viewer) for viewer in self.viewers]
        self.delays.clear()
        self.repairs.clear()
        started = time.monotonic()
        cpu = time.process_time()
        while (left := started + given["seconds"] - time.monotonic()) > 0:
            await asyncio.sleep(min(0.25, left))
            progress({"seconds": time.monotonic() - started, "p99_ms": self.delays.percentile(0.99)})
        took_s = time.monotonic() - started
        sums: Counter[str] = Counter()
        for viewer, earlier in zip(self.viewers, before, strict=True):
            sums.update({name: value - earlier[name] for name, value in _numbers(viewer).items()})
        return {
            "seconds": took_s,
            "sums": sums,
            "layers": [_layers(viewer for viewer in self.viewers if viewer.narrow == narrow) for narrow in (False, True)],
            "load_share": (time.process_time() - cpu) / took_s,
            "closed": sum(viewer.closed.is_set() for viewer in self.viewers),
            "delays": self.delays.tell(),
            "repairs": self.repairs.tell(),
            "awaited": sum(viewer.lost for viewer in self.viewers),
        }

    async def lost(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Of what was waited for at the end of the last count, what does not come; known when it is given up."""
        await asyncio.sleep(GIVE_UP_S + 2 * FEEDBACK_S)
        return {"lost": sum(viewer.lost for viewer in self.viewers)}

    async def leave(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Viewers end their sessions; publishers go on."""
        if self._reports is not None:
            self._reports.cancel()
            self._reports = None
        async with aiohttp.ClientSession() as http:
            for session, token in self.sessions:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.delete(session, headers=headers):
                        pass
        for viewer in self.viewers:
            viewer.close()
        self.viewers, self.sessions = [], []
        return {}

    async def stop(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        for publisher in self.publishers:
            await publisher.stop()
        self.publishers = []
        return {}


def _numbers(viewer: Viewer) -> dict[str, int]:
    return {
        "packets": viewer.received,
        "bytes": viewer.received_bytes,
        "video_expected": viewer.expected,
        "video_counted": viewer.counted,
        "repaired": viewer.repaired,
        "missing": viewer.missing(),
        "switches": viewer.switches,
    } | viewer.told


def _layers(viewers: Iterable[Viewer]) -> dict[str, int]:
    """How many are on each layer, by its number from the smallest."""
    return dict(Counter("none" if viewer.layer is None else str(viewer.layer) for viewer in viewers))


def handlers() -> dict[str, Handler]:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    load = LiveLoad()
    return {
        "publish": load.publish,
        "published": load.published,
        "watch": load.watch,
        "count": load.count,
        "lost": load.lost,
        "leave": load.leave,
        "stop": load.stop,
    }
