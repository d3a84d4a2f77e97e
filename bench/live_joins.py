"""`livecore bench live --joins N`: what joining and leaving cost, by process, with next to nothing forwarded in between."""

import asyncio
import time
from dataclasses import asdict, replace
from typing import Any

from bench import live, processes
from bench.latency import Latencies
from bench.live import JOIN_TIMEOUT_S, LiveOptions
from bench.load import LoadProcess, do_all, load_processes
from bench.report import Column, Report, ratio
from bench.screen import Screen

# So many join first and are not counted: imports, caches and the first growth of memory are theirs.
WARM_UP = 40
# So many join, then leave, before the next come: those who are there already cost checks and packets.
ROUND = 50
# What the processes do anyway (sweeps, timers) is measured for so long before, and taken off: it costs the same without joins.
IDLE_S = 2.0
# One packet a second to each: a join still ends with a picture, and what forwarding takes is below what can be measured.
QUIET: dict[str, Any] = {"packets_per_picture": 1, "audio": False, "rate": 1.0}
ROLES = ("main", "media")
COLUMNS: list[Column] = [
    ("server", "server", 0),
    ("joins", "joins", 0),
    ("at_once", "at the same time", 0),
    ("joins_per_cpu_s", "joins per CPU-s, main and media", 0),
    ("main_ms", "main process, CPU-ms a join", 2),
    ("media_ms", "media worker, CPU-ms a join", 2),
    ("leave_main_ms", "main process, CPU-ms a leave", 2),
    ("leave_media_ms", "media worker, CPU-ms a leave", 2),
    ("idle_main_share", "main process, idle", 3),
    ("idle_media_share", "media worker, idle", 3),
    ("request.p50_ms", "request p50 ms", 1),
    ("connect.p50_ms", "ICE and DTLS p50 ms", 1),
]
PLOT: dict[str, Any] = {
    "label": "server",
    "bars": ("joins_per_cpu_s", "joins per CPU-second"),
    "lines": [("request.p50_ms", "request p50"), ("request.p99_ms", "p99"), ("connect.p50_ms", "ICE and DTLS p50")],
}


async def run(options: LiveOptions, joins: int, screen: Screen) -> Report:
    """Raises LoadFailed or NotLoopback."""
    options = replace(options, **QUIET)
    server_cores, load_cores = processes.split_cores() if options.pin else (set[int](), set[int]())
    report = Report("joins", asdict(options) | {"joins": joins})
    report.notes.append(f"{WARM_UP} joined before and are not counted; {ROUND} join, then leave, again and again. Idle work is taken off.")
    async with (
        live.where(options, server_cores, screen) as there,
        load_processes("live_load", 1, load_cores) as publishers,
        load_processes("live_load", options.loads, load_cores) as loads,
    ):
        await publishers[0].do("publish", live.to_publish(options, there), 30.0)
        await _measure(options, there, loads, WARM_UP, screen)
        report.results.append(await _measure(options, there, loads, joins, screen))
        await publishers[0].do("stop", {}, 10.0)
    return report


async def _measure(options: LiveOptions, there: live.Live, loads: list[LoadProcess], joins: int, screen: Screen) -> dict[str, Any]:
    idle = await _idle_shares(there)
    took = {name: Latencies() for name in ("request", "connect")}
    joining_ms, leaving_ms = dict.fromkeys(ROLES, 0.0), dict.fromkeys(ROLES, 0.0)
    with screen.stage(f"{joins} joins", joins) as advance:
        for begun in range(0, joins, ROUND):
            count = min(ROUND, joins - begun)
            before = _Moment(there)
            for told in await _join(options, there, loads, count):
                for name, latencies in took.items():
                    latencies.merge(told[name])
            between = _Moment(there)
            await do_all(loads, "leave", [{}] * len(loads), 60.0 + count * JOIN_TIMEOUT_S)
            after = _Moment(there)
            for role in ROLES:
                joining_ms[role] += between.spent_ms(before, role, idle)
                leaving_ms[role] += after.spent_ms(between, role, idle)
            advance(begun + count)
    result: dict[str, Any] = {"server": options.name, "joins": joins, "at_once": options.joins_at_once}
    result |= {name: latencies.summary() for name, latencies in took.items()}
    if there.server.pids:
        for role in ROLES:
            result[f"{role}_ms"] = round(joining_ms[role] / joins, 3)
            result[f"leave_{role}_ms"] = round(leaving_ms[role] / joins, 3)
            result[f"idle_{role}_share"] = round(idle[role], 4)
        result["joins_per_cpu_s"] = ratio(joins * 1e3, sum(joining_ms.values()))
    return result


async def _join(options: LiveOptions, there: live.Live, loads: list[LoadProcess], joins: int) -> list[dict[str, Any]]:
    jobs = live.to_watch(options, there, joins, joins + 1)
    return await do_all(loads, "watch", jobs, 60.0 + joins * JOIN_TIMEOUT_S)


class _Moment:
    def __init__(self, there: live.Live) -> None:
        self.at = time.monotonic()
        self.sample = there.server.sample()

    def spent_ms(self, before: "_Moment", role: str, idle: dict[str, float] | None = None) -> float:
        """CPU of a role since then, without what it takes when nothing happens."""
        anyway_s = idle[role] * (self.at - before.at) if idle else 0.0
        return (self.sample.cpu_s(role) - before.sample.cpu_s(role) - anyway_s) * 1e3


async def _idle_shares(there: live.Live) -> dict[str, float]:
    """Of a core, by role."""
    before = _Moment(there)
    await asyncio.sleep(IDLE_S)
    after = _Moment(there)
    return {role: after.spent_ms(before, role) / 1e3 / (after.at - before.at) for role in ROLES}
