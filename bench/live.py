"""`livecore bench live`: one publisher, N viewers, over real DTLS and SRTP: packets per CPU-second, joins, loss, forwarding delay.

Any WHIP and WHEP server on this machine can be measured by the same tool, so that figures of two servers compare.
"""

import contextlib
from collections import Counter
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
# With layers: until their rates are known, and until whoever has a narrow path is on the layer that fits.
SETTLE_LAYERS_S = 4.0
LAYERS = ("none", "simulcast", "svc")
# What each can be made of here; the first unless another is asked for.
CODECS = {"none": ("vp8", "h264", "vp9", "av1"), "simulcast": ("vp8", "h264"), "svc": ("vp9", "av1")}
COLUMNS: list[Column] = [
    ("server", "server", 0),
    ("viewers", "viewers", 0),
    ("codec", "codec", 0),
    ("layers", "layers sent", 0),
    ("packets_per_picture", "packets a picture", 0),
    ("packets_per_s", "packets/s forwarded", 0),
    ("mbit_per_s", "Mb/s", 0),
    ("packets_per_cpu_s", "packets per media CPU-s", 0),
    ("media_cpu_share", "media CPU", 2),
    ("missed_percent", "video lost on the way %", 3),
    ("lost_percent", "lost after repair %", 3),
    ("on_layers", "viewers on each layer", 0),
    ("narrow_on_layers", "of them the narrow ones", 0),
    ("switches", "layer switches seen", 0),
    ("feedback", "feedback messages told", 0),
    ("feedback_handled", "of it handled", 0),
    ("nacks", "NACKs told", 0),
    ("repaired", "packets repaired", 0),
    ("resent_by_server", "sent again by the server", 0),
    ("key_requests", "key pictures asked for", 0),
    ("repair.p50_ms", "repaired after p50 ms", 1),
    ("repair.p99_ms", "p99 ms", 1),
    ("paced", "viewers paced", 0),
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
    """`whip`, `whep`: addresses of another server's, with `token` (and `watch_token`, where another is needed to watch) if it asks for
    one; empty starts a livecore.

    `rtp`: (host, audio port, video port) of one that takes plain RTP in place of WHIP. `codec`: empty is the first that fits `layers`.
    `packets_per_picture`: of the largest layer. `narrow`: the share of viewers whose path carries `narrow_kbps` (sound included).
    `feedback`: whether viewers offer transport-wide feedback. `loss`: the share of packets lost on each viewer's way.
    """

    whip: str = ""
    whep: str = ""
    token: str = ""
    watch_token: str = ""
    pid: int = 0
    viewers: Sequence[int] = (10, 50)
    codec: str = ""
    layers: str = "none"
    layer_count: int = 3
    narrow: float = 0.0
    narrow_kbps: float = 1200.0
    feedback: bool = True
    loss: float = 0.0
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

    def __post_init__(self) -> None:
        if not self.codec:
            object.__setattr__(self, "codec", CODECS[self.layers][0])


@dataclass
class Live:
    """Where to publish and watch. `media`: the role of the processes that forward ("" = all). `figures`: where a livecore's host reads
    its live's figures, and the host's token; empty elsewhere."""

    server: Server
    whip: str
    whep: str
    publish_token: str
    watch_tokens: list[str]
    media: str
    figures: str = ""
    host_token: str = ""


@contextlib.asynccontextmanager
async def where(options: LiveOptions, cores: set[int], screen: Screen) -> AsyncIterator[Live]:
    if options.whep:
        for url in filter(None, (options.whip, options.whep)):
            loopback.check_url(url)
        server = Server(options.whep, [options.pid] if options.pid else [])
        yield Live(server, options.whip, options.whep, options.token, [options.watch_token or options.token], "")
        return
    async with serving.livecore(cores, native=options.native) as server:
        with screen.stage(f"{ACCOUNTS} accounts", ACCOUNTS) as advance:
            people = await serving.sign_up(server, ACCOUNTS, advance)
        body = {"title": "Bench", "visibility": "everyone", "record": False, "codec": options.codec}
        async with aiohttp.ClientSession(server.url) as http:
            made = await serving.call(http, "POST", "/api/v1/lives", body, token=people[0].access, status=201)
        tokens = [person.access for person in people[1:]]
        figures = f"{server.url}/api/v1/lives/{made['id']}/stats"
        yield Live(server, server.url + made["whip"], server.url + made["whep"], made["token"], tokens, "media", figures, people[0].access)


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
        "layers": options.layers,
        "layer_count": options.layer_count,
    }


def to_watch(options: LiveOptions, live: Live, viewers: int, opened: int) -> list[dict[str, Any]]:
    """What each load process is told to watch; every `opened`-th opens what it gets."""
    narrow = share(round(viewers * options.narrow), options.loads)
    return [
        {
            "url": live.whep,
            "tokens": live.watch_tokens,
            "count": count,
            "codec": options.codec,
            "at_once": min(options.joins_at_once, max(1, count)),
            "opened": opened,
            "narrow": narrow[index],
            "narrow_bps": options.narrow_kbps * 1000,
            "arrivals": options.feedback,
            "loss": options.loss,
        }
        for index, count in enumerate(share(viewers, options.loads))
    ]


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
        "layers": options.layers,
        "packets_per_picture": options.packets_per_picture,
        "label": f"{options.name}\n{viewers} viewers\n{options.packets_per_picture} a picture",
    }
    result |= await _join(options, live, loads, viewers, screen)
    jobs = [{"seconds": options.seconds}] * len(loads)
    settle_s = SETTLE_S if options.layers == "none" else SETTLE_LAYERS_S
    await do_all(loads, "count", [{"seconds": settle_s}] * len(loads), 30.0)
    with screen.stage(f"{viewers} viewers", options.seconds) as advance:

        def told(_index: int, said: dict[str, Any]) -> None:
            p99 = said["p99_ms"]
            advance(said["seconds"], "" if p99 is None else f"p99 {p99:.2f} ms")

        published, figures = await publisher.do("published", {}, 10.0), await _figures(live)
        before = live.server.sample()
        counted = await do_all(loads, "count", jobs, 60.0 + options.seconds, told)
        after = live.server.sample()
        published_after, figures_after = await publisher.do("published", {}, 10.0), await _figures(live)
    lost = 0
    if any(each["awaited"] for each in counted):
        lost = sum(each["lost"] for each in await do_all(loads, "lost", [{}] * len(loads), 30.0))
    await do_all(loads, "leave", [{}] * len(loads), 60.0)
    result["published_packets"] = published_after["packets"] - published["packets"]
    result["late_pictures"] = published_after["late_pictures"] - published["late_pictures"]
    if figures_after:
        result |= {"feedback_handled": figures_after["feedback"] - figures["feedback"], "paced": figures_after["paced"]}
        result["switches_of_server"] = figures_after["switches"] - figures["switches"]
        result["resent_by_server"] = figures_after["resent"] - figures["resent"]
    return result | _counted(counted, lost, live, before, after)


async def _figures(live: Live) -> dict[str, int]:
    """What the server says of its viewers, added up; empty where it does not say."""
    if not live.figures:
        return {}
    async with aiohttp.ClientSession() as http:
        found = await serving.call(http, "GET", live.figures, token=live.host_token)
    viewers = [viewer for publication in found["media"]["publications"].values() for viewer in publication["viewers"]]
    return {
        "feedback": sum(viewer["feedback"] for viewer in viewers),
        "paced": sum(viewer["pace_bps"] is not None for viewer in viewers),
        "switches": sum(subscription["switches"] for viewer in viewers for subscription in viewer["subscriptions"]),
        "resent": sum(subscription["resent"] for viewer in viewers for subscription in viewer["subscriptions"]),
    }


async def _join(options: LiveOptions, live: Live, loads: list[LoadProcess], viewers: int, screen: Screen) -> dict[str, Any]:
    jobs = to_watch(options, live, viewers, max(1, viewers // OPENED))
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


def _counted(counted: list[dict[str, Any]], lost: int, live: Live, before: Sample, after: Sample) -> dict[str, Any]:
    """`lost`: of what was still waited for at the end of the count, what never came."""
    sums: Counter[str] = Counter()
    for each in counted:
        sums.update(each["sums"])
    packets, expected = sums["packets"], sums["video_expected"]
    missed = max(0, expected - sums["video_counted"])
    left = max(0, missed - sums["repaired"] - sums["missing"] + lost)
    seconds = max(each["seconds"] for each in counted)
    delays, repairs = Latencies(), Latencies()
    for each in counted:
        delays.merge(each["delays"])
        repairs.merge(each["repairs"])
    result: dict[str, Any] = {
        "seconds": round(seconds, 3),
        "packets": packets,
        "packets_per_s": round(packets / seconds, 1),
        "mbit_per_s": round(sums["bytes"] * 8e-6 / seconds, 2),
        "delay": delays.summary(),
        "closed": sum(each["closed"] for each in counted),
        "load_share": round(max(each["load_share"] for each in counted), 3),
    }
    if expected:
        result["missed_percent"], result["lost_percent"] = (round(100 * count / expected, 4) for count in (missed, left))
    if repairs.count:
        result["repair"] = repairs.summary()
    result |= {name: sums[name] for name in ("feedback", "reports", "remb", "nacks", "key_requests", "repaired", "switches")}
    for index, name in enumerate(("on_layers", "narrow_on_layers")):
        found = Counter[str]()
        for each in counted:
            found.update(each["layers"][index])
        if found:
            result[name] = " ".join(f"{layer}:{count}" for layer, count in sorted(found.items()))
    if live.server.pids:
        media_cpu_s = after.cpu_s(live.media) - before.cpu_s(live.media)
        result["media_cpu_s"] = round(media_cpu_s, 3)
        result["media_cpu_share"] = round(media_cpu_s / seconds, 3)
        result["cpu_by_role"] = after.cpu_by_role(before)
        result["packets_per_cpu_s"] = ratio(packets, media_cpu_s)
    return result
