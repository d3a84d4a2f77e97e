"""`livecore bench live`: one publisher, N viewers, over real DTLS and SRTP: packets per CPU-second, joins, loss, forwarding delay.

Any WHIP and WHEP server on this machine can be measured by the same tool, so that figures of two servers compare.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from bench import loopback, processes, serving
from bench.latency import Latencies
from bench.load import LoadProcess, do_all, load_processes, share
from bench.processes import Sample
from bench.report import Column, Report, ratio
from bench.screen import Screen
from bench.serving import Server

# Of the viewers, about so many open what they get and time it; the rest only count, which costs a third.
OPENED = 10
ACCOUNTS = 4
JOIN_TIMEOUT_S = 0.5
# Packets of the joining's key pictures are let pass before counting.
SETTLE_S = 0.5
COLUMNS: list[Column] = [
    ("server", "server", 0),
    ("viewers", "viewers", 0),
    ("codec", "codec", 0),
    ("packets_per_picture", "packets a picture", 0),
    ("packets_per_s", "packets/s forwarded", 0),
    ("mbit_per_s", "Mb/s", 0),
    ("packets_per_cpu_s", "packets per media CPU-s", 0),
    ("media_cpu_share", "media CPU", 2),
    ("lost_percent", "lost %", 3),
    ("delay.p50_ms", "forwarding p50 ms", 2),
    ("delay.p95_ms", "forwarding p95 ms", 2),
    ("delay.p99_ms", "forwarding p99 ms", 2),
    ("join.p50_ms", "join p50 ms", 1),
    ("join.p99_ms", "join p99 ms", 1),
    ("request.p50_ms", "of it the request p50 ms", 1),
    ("connect.p50_ms", "of it ICE and DTLS p50 ms", 1),
    ("joins_per_cpu_s", "joins per CPU-s", 0),
    ("joins_per_media_cpu_s", "of it the media worker's", 0),
    ("kb_per_viewer", "KB/viewer", 1),
    ("load_share", "load's CPU", 2),
]
PLOT: dict[str, Any] = {
    "label": "label",
    "bars": ("packets_per_cpu_s", "packets forwarded per media CPU-second"),
    "lines": [("delay.p50_ms", "forwarding p50"), ("delay.p95_ms", "p95"), ("delay.p99_ms", "p99")],
}


@dataclass(frozen=True)
class LiveOptions:
    """`whip`, `whep`: addresses of another server's, with `token` if it asks for one; empty starts a livecore.

    `rtp`: (host, audio port, video port) of one that takes plain RTP in place of WHIP.
    """

    whip: str = ""
    whep: str = ""
    token: str = ""
    pid: int = 0
    viewers: Sequence[int] = (10, 50)
    codec: str = "vp8"
    packets_per_picture: int = 5
    audio: bool = True
    rate: float = 30.0
    packet_bytes: int = 1200
    seconds: float = 5.0
    joins_at_once: int = 4
    loads: int = 1
    pin: bool = True
    native: str = "auto"
    rtp: tuple[str, int, int] | None = None
    name: str = "livecore"


@dataclass
class Live:
    """Where to publish and watch. `media`: the role of the processes that forward ("" = all)."""

    server: Server
    whip: str
    whep: str
    publish_token: str
    watch_tokens: list[str]
    media: str


@contextlib.asynccontextmanager
async def where(options: LiveOptions, cores: set[int], screen: Screen) -> AsyncIterator[Live]:
    if options.whep:
        for url in filter(None, (options.whip, options.whep)):
            loopback.check_url(url)
        server = Server(options.whep, [options.pid] if options.pid else [])
        yield Live(server, options.whip, options.whep, options.token, [options.token], "")
        return
    async with serving.livecore(cores, native=options.native) as server:
        with screen.stage(f"{ACCOUNTS} accounts", ACCOUNTS) as advance:
            people = await serving.sign_up(server, ACCOUNTS, advance)
        body = {"title": "Bench", "visibility": "everyone", "record": False, "codec": options.codec}
        async with aiohttp.ClientSession(server.url) as http:
            made = await serving.call(http, "POST", "/api/v1/lives", body, token=people[0].access, status=201)
        tokens = [person.access for person in people[1:]]
        yield Live(server, server.url + made["whip"], server.url + made["whep"], made["token"], tokens, "media")


def to_publish(options: LiveOptions, live: Live) -> dict[str, Any]:
    """What a load process is told to publish."""
    return {
        "url": live.whip,
        "token": live.publish_token,
        "codec": options.codec,
        "packets": options.packets_per_picture,
        "audio": options.audio,
        "packet_bytes": options.packet_bytes,
        "rate": options.rate,
        "rtp": options.rtp,
    }


async def run(options: LiveOptions, screen: Screen) -> Report:
    """Measure each number of viewers. Raises LoadFailed or NotLoopback."""
    server_cores, load_cores = processes.split_cores() if options.pin else (set[int](), set[int]())
    report = Report("live", asdict(options))
    report.notes.append("forwarding: from the publisher's send to the arrival in the kernel at a viewer, over loopback; no decoding.")
    async with (
        where(options, server_cores, screen) as live,
        load_processes("live_load", 1, load_cores) as publishers,
        load_processes("live_load", options.loads, load_cores) as loads,
    ):
        with screen.stage("publishing", 1) as advance:
            await publishers[0].do("publish", to_publish(options, live), 30.0)
            advance(1)
        for viewers in options.viewers:
            report.results.append(await _point(options, live, publishers[0], loads, viewers, screen))
        await publishers[0].do("stop", {}, 10.0)
    if not live.server.pids:
        report.notes.append("CPU and memory are missing: --pid names the server's process.")
    return report


async def _point(
    options: LiveOptions, live: Live, publisher: LoadProcess, loads: list[LoadProcess], viewers: int, screen: Screen
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "server": options.name,
        "viewers": viewers,
        "codec": options.codec,
        "packets_per_picture": options.packets_per_picture,
        "label": f"{options.name}\n{viewers} viewers\n{options.packets_per_picture} a picture",
    }
    result |= await _join(options, live, loads, viewers, screen)
    jobs = [{"seconds": options.seconds}] * len(loads)
    await do_all(loads, "count", [{"seconds": SETTLE_S}] * len(loads), 30.0)
    with screen.stage(f"{viewers} viewers", options.seconds) as advance:

        def told(_index: int, said: dict[str, Any]) -> None:
            p99 = said["p99_ms"]
            advance(said["seconds"], "" if p99 is None else f"p99 {p99:.2f} ms")

        published = await publisher.do("published", {}, 10.0)
        before = live.server.sample()
        counted = await do_all(loads, "count", jobs, 60.0 + options.seconds, told)
        after = live.server.sample()
        published_after = await publisher.do("published", {}, 10.0)
    await do_all(loads, "leave", [{}] * len(loads), 60.0)
    result["published_packets"] = published_after["packets"] - published["packets"]
    result["late_pictures"] = published_after["late_pictures"] - published["late_pictures"]
    return result | _counted(counted, live, before, after)


async def _join(options: LiveOptions, live: Live, loads: list[LoadProcess], viewers: int, screen: Screen) -> dict[str, Any]:
    jobs = [
        {
            "url": live.whep,
            "tokens": live.watch_tokens,
            "count": count,
            "codec": options.codec,
            "at_once": min(options.joins_at_once, max(1, count)),
            "opened": max(1, viewers // OPENED),
        }
        for count in share(viewers, len(loads))
    ]
    joined = [0] * len(loads)
    before = live.server.sample()
    with screen.stage(f"{viewers} joins", viewers) as advance:

        def told(index: int, said: dict[str, Any]) -> None:
            joined[index] = said["joined"]
            advance(sum(joined))

        done = await do_all(loads, "watch", jobs, 60.0 + viewers * JOIN_TIMEOUT_S, told)
    after = live.server.sample()
    result: dict[str, Any] = {}
    for name in ("join", "request", "connect"):
        took = Latencies()
        for each in done:
            took.merge(each[name])
        result[name] = took.summary()
    if live.server.pids:
        # Forwarding to those who already joined is in it: the more viewers, the lower this figure reads.
        result["joins_per_cpu_s"] = ratio(viewers, after.cpu_s() - before.cpu_s())
        result["joins_per_media_cpu_s"] = ratio(viewers, after.cpu_s(live.media) - before.cpu_s(live.media))
        result["kb_per_viewer"] = round((after.rss_bytes(live.media) - before.rss_bytes(live.media)) / 1024 / viewers, 1)
    return result


def _counted(counted: list[dict[str, Any]], live: Live, before: Sample, after: Sample) -> dict[str, Any]:
    packets = sum(each["packets"] for each in counted)
    seconds = max(each["seconds"] for each in counted)
    expected, came = (sum(each[key] for each in counted) for key in ("video_expected", "video_counted"))
    delays = Latencies()
    for each in counted:
        delays.merge(each["delays"])
    result: dict[str, Any] = {
        "seconds": round(seconds, 3),
        "packets": packets,
        "packets_per_s": round(packets / seconds, 1),
        "mbit_per_s": round(sum(each["bytes"] for each in counted) * 8e-6 / seconds, 2),
        "lost_percent": round(100 * max(0, expected - came) / expected, 4) if expected else None,
        "delay": delays.summary(),
        "closed": sum(each["closed"] for each in counted),
        "load_share": round(max(each["load_share"] for each in counted), 3),
    }
    if live.server.pids:
        media_cpu_s = after.cpu_s(live.media) - before.cpu_s(live.media)
        result["media_cpu_s"] = round(media_cpu_s, 3)
        result["media_cpu_share"] = round(media_cpu_s / seconds, 3)
        result["cpu_by_role"] = after.cpu_by_role(before)
        result["packets_per_cpu_s"] = ratio(packets, media_cpu_s)
    return result
