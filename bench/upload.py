"""`livecore bench upload`: files sent by tus, as fast as the server takes them: throughput, CPU and memory while they come."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from bench import processes, serving
from bench.load import LoadFailed, load_processes
from bench.report import Column, Report, ratio
from bench.screen import Advance, Screen

MIB = 1 << 20
# How often the server's memory is looked at while bytes come.
LOOK_EVERY_S = 0.2
COLUMNS: list[Column] = [
    ("mib", "MiB a file", 0),
    ("at_once", "files at once", 0),
    ("part_mib", "MiB a request", 0),
    ("mib_per_s", "MiB/s", 1),
    ("mib_per_cpu_s", "MiB per main CPU-s", 1),
    ("main_cpu_share", "main CPU", 2),
    ("rss_before_mib", "main memory before, MiB", 1),
    ("rss_most_mib", "at most, MiB", 1),
    ("load_share", "load's CPU", 2),
]
PLOT: dict[str, Any] = {
    "label": "label",
    "bars": ("mib_per_cpu_s", "MiB per CPU-second of the main process"),
    "lines": [("rss_before_mib", "memory before, MiB"), ("rss_most_mib", "at most, MiB")],
}


@dataclass(frozen=True)
class UploadOptions:
    """`part_mib`: bytes of one PATCH request; 0 sends the whole file in one."""

    mib: Sequence[int] = (64,)
    at_once: int = 1
    part_mib: int = 0
    checksum: bool = False
    pin: bool = True


async def run(options: UploadOptions, screen: Screen) -> Report:
    """Measure each size. Raises LoadFailed."""
    server_cores, load_cores = processes.split_cores() if options.pin else (set[int](), set[int]())
    report = Report("upload", asdict(options))
    report.notes.append(
        "Each byte is flushed to the disk and recorded before it is acknowledged; the last one is withheld, so that nothing is processed."
    )
    async with serving.livecore(server_cores) as server, load_processes("upload_load", 1, load_cores) as (load,):
        [person] = await serving.sign_up(server, 1, lambda _done: None)
        async with aiohttp.ClientSession(server.url) as http:
            await serving.call(http, "GET", "/api/v1/me", token=person.access)
        for mib in options.mib:
            before, most = server.sample(), 0
            job = {
                "url": server.url,
                "token": person.access,
                "bytes": mib * MIB,
                "at_once": options.at_once,
                "part_bytes": options.part_mib * MIB,
                "checksum": options.checksum,
            }

            async def look() -> None:
                nonlocal most
                while True:
                    most = max(most, server.sample().rss_bytes("main"))
                    await asyncio.sleep(LOOK_EVERY_S)

            with screen.stage(f"{options.at_once} × {mib} MiB", mib * options.at_once) as advance:

                def told(said: dict[str, Any], advance: Advance = advance) -> None:
                    advance(said["mib"], f"{said['mib']:,.0f} MiB")

                looking = asyncio.create_task(look())
                try:
                    done = await load.do("send", job, 60 + mib * options.at_once, told)
                finally:
                    looking.cancel()
            after = server.sample()
            cpu_s = after.cpu_s("main") - before.cpu_s("main")
            sent = mib * options.at_once
            report.results.append(
                {
                    "label": f"{options.at_once} × {mib} MiB",
                    "mib": mib,
                    "at_once": options.at_once,
                    "part_mib": options.part_mib,
                    "mib_per_s": ratio(sent, done["seconds"]),
                    "mib_per_cpu_s": ratio(sent, cpu_s),
                    "main_cpu_share": ratio(cpu_s, done["seconds"]),
                    "rss_before_mib": round(before.rss_bytes("main") / MIB, 1),
                    "rss_most_mib": round(max(most, after.rss_bytes("main")) / MIB, 1),
                    "load_share": ratio(done["cpu_s"], done["seconds"]),
                    "seconds": round(done["seconds"], 3),
                }
            )
            if done["refused"]:
                raise LoadFailed(f"the server answered {done['refused']}")
    return report
