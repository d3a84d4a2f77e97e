"""`livecore bench hls`: one publisher, N players of low-latency HLS: requests and viewers per CPU-second, delay behind the source.

Each player blocks for the next playlist (`_HLS_msn`, `_HLS_part`, delta updates) and fetches each new part, over two connections of its own, the next reload blocked meanwhile.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from bench import processes, serving
from bench.latency import Latencies
from bench.load import do_all, load_processes, share
from bench.report import Column, Report, ratio
from bench.screen import Screen

ACCOUNTS = 8
# Of the players, so many look into what they get.
OPENED = 20
# A key frame, the first segment and everybody's first playlist.
SETTLE_S = 3.0
COLUMNS: list[Column] = [
    ("viewers", "viewers", 0),
    ("codec", "codec", 0),
    ("requests_per_s", "requests/s", 0),
    ("mbit_per_s", "Mb/s", 0),
    ("main_cpu_share", "main process's CPU", 3),
    ("viewers_per_core", "viewers a core", 0),
    ("recorder_cpu_ms_per_s", "recorder, CPU-ms a second of live", 2),
    ("parts_share", "parts that came", 3),
    ("delay.p50_ms", "behind the source p50 ms", 0),
    ("delay.p95_ms", "p95 ms", 0),
    ("delay.p99_ms", "p99 ms", 0),
    ("failed", "failed", 0),
]
PLOT: dict[str, Any] = {
    "label": "label",
    "bars": ("viewers_per_core", "viewers that one core answers"),
    "lines": [("delay.p50_ms", "behind the source p50"), ("delay.p95_ms", "p95"), ("delay.p99_ms", "p99")],
}


@dataclass(frozen=True)
class HlsOptions:
    """`packets_per_picture` of `packet_bytes` at `rate` a second make the live's bit rate."""

    viewers: Sequence[int] = (100, 500)
    part_s: float = 0.2
    packets_per_picture: int = 5
    packet_bytes: int = 1200
    rate: float = 30.0
    seconds: float = 5.0
    loads: int = 1
    pin: bool = True


async def run(options: HlsOptions, screen: Screen) -> Report:
    """Measure each number of viewers. Raises LoadFailed."""
    server_cores, load_cores = processes.split_cores() if options.pin else (set[int](), set[int]())
    report = Report("hls", asdict(options))
    report.notes.append(
        "viewers a core: viewers per CPU-second of the main process that a second took. delay: from the sending of a part's last picture to "
        "the part's last byte at a player; a player shows it three parts later."
    )
    async with (
        serving.livecore(server_cores, hls_part_s=options.part_s) as server,
        load_processes("live_load", 1, load_cores) as publishers,
        load_processes("hls_load", options.loads, load_cores) as loads,
    ):
        with screen.stage(f"{ACCOUNTS} accounts", ACCOUNTS) as advance:
            people = await serving.sign_up(server, ACCOUNTS, advance)
        body = {"title": "Bench", "visibility": "everyone", "record": False, "codec": "h264"}
        async with aiohttp.ClientSession(server.url) as http:
            made = await serving.call(http, "POST", "/api/v1/lives", body, token=people[0].access, status=201)
        publish = {
            "url": server.url + made["whip"],
            "token": made["token"],
            "codec": "h264",
            "packets": options.packets_per_picture,
            "audio": True,
            "packet_bytes": options.packet_bytes,
            "rate": options.rate,
            "rtp": None,
        }
        with screen.stage("publishing", 1) as advance:
            await publishers[0].do("publish", publish, 30.0)
            advance(1)
        for viewers in options.viewers:
            jobs = [
                {
                    "url": server.url,
                    "path": f"/live/{made['id']}/index.m3u8",
                    "tokens": [person.access for person in people[1:]],
                    "viewers": count,
                    "opened": min(count, OPENED),
                }
                for count in share(viewers, len(loads))
            ]
            with screen.stage(f"{viewers} players", 1) as advance:
                await do_all(loads, "connect", jobs, 60.0 + viewers * 0.1)
                await do_all(loads, "measure", [{"seconds": SETTLE_S}] * len(loads), 60.0)
                advance(1)
            with screen.stage(f"{viewers} viewers", options.seconds) as advance:
                before = server.sample()
                counted = await do_all(
                    loads,
                    "measure",
                    [{"seconds": options.seconds}] * len(loads),
                    60.0 + options.seconds,
                    lambda _index, said, advance=advance: advance(said["seconds"], f"{said['parts']:,} parts"),  # type: ignore[misc]
                )
                after = server.sample()
            await do_all(loads, "leave", [{}] * len(loads), 60.0)
            report.results.append(_point(options, viewers, counted, before, after))
        await publishers[0].do("stop", {}, 10.0)
    return report


def _point(
    options: HlsOptions, viewers: int, counted: list[dict[str, Any]], before: processes.Sample, after: processes.Sample
) -> dict[str, Any]:
    seconds = max(each["seconds"] for each in counted)
    playlists, parts, size, failed = (sum(each[key] for each in counted) for key in ("playlists", "parts", "received", "failed"))
    delays = Latencies()
    for each in counted:
        delays.merge(each["delay"])
    main_cpu_s = after.cpu_s("main") - before.cpu_s("main")
    recorder_cpu_s = after.cpu_s("recorder") - before.cpu_s("recorder")
    return {
        "label": f"{viewers} viewers",
        "viewers": viewers,
        "codec": "h264",
        "seconds": round(seconds, 3),
        "requests_per_s": round((playlists + parts) / seconds, 1),
        "mbit_per_s": round(size * 8e-6 / seconds, 1),
        "main_cpu_share": round(main_cpu_s / seconds, 4),
        "viewers_per_core": ratio(viewers * seconds, main_cpu_s),
        "recorder_cpu_ms_per_s": round(1000 * recorder_cpu_s / seconds, 3),
        "parts_share": round(parts * options.part_s / (viewers * seconds), 3),
        "delay": delays.summary(),
        "failed": failed + sum(each["dead"] for each in counted),
        "cpu_by_role": after.cpu_by_role(before),
    }
