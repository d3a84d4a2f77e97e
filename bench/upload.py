"""`livecore bench upload`: files sent by tus, as fast as the server takes them: throughput, CPU and memory while they come.

With `nginx`, the same bytes by one PUT to nginx by turns: what it costs to take bytes and write them, and nothing else.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from bench import nginx_peer, processes, serving
from bench.load import LoadFailed, LoadProcess, load_processes
from bench.memory import MIB, watched
from bench.report import Column, Report, ratio
from bench.screen import Advance, Screen

COLUMNS: list[Column] = [
    ("label", "what", 0),
    ("mib", "MiB a file", 0),
    ("at_once", "files at once", 0),
    ("part_mib", "MiB a request", 0),
    ("mib_per_s", "MiB/s", 1),
    ("mib_per_cpu_s", "MiB per server CPU-s", 1),
    ("cpu_share", "server's CPU", 2),
    ("rss_before_mib", "server's memory before, MiB", 1),
    ("rss_most_mib", "at most, MiB", 1),
    ("load_share", "load's CPU", 2),
]
PLOT: dict[str, Any] = {
    "label": "label",
    "bars": ("mib_per_cpu_s", "MiB per CPU-second of the process that takes them"),
    "lines": [],
    "over_time": ("memory", "MiB resident"),
}


@dataclass(frozen=True)
class UploadOptions:
    """`part_mib`: bytes of one PATCH request; 0 sends the whole file in one. `nginx`: by turns with nginx."""

    mib: Sequence[int] = (64,)
    at_once: int = 1
    part_mib: int = 0
    checksum: bool = False
    nginx: bool = False
    pin: bool = True


async def run(options: UploadOptions, screen: Screen) -> Report:
    """Measure each size. Raises LoadFailed."""
    server_cores, load_cores = processes.split_cores() if options.pin else (set[int](), set[int]())
    report = Report("upload", asdict(options))
    report.notes.append(
        "Each byte is flushed to the disk and recorded before it is acknowledged; the last one is withheld, so that nothing is processed."
    )
    if options.nginx:
        report.notes.append("nginx takes the same bytes by PUT; it flushes nothing and keeps nothing of a request that breaks off.")
    async with (
        serving.livecore(server_cores) as server,
        _peer(options, server_cores) as peer,
        load_processes("upload_load", 1, load_cores) as (load,),
    ):
        [person] = await serving.sign_up(server, 1, lambda _done: None)
        async with aiohttp.ClientSession(server.url) as http:
            await serving.call(http, "GET", "/api/v1/me", token=person.access)
        for mib in options.mib:
            job = {"token": person.access, "bytes": mib * MIB, "at_once": options.at_once}
            tus = {"part_bytes": options.part_mib * MIB, "checksum": options.checksum}
            report.results.append(await _point(server, "send", job | tus, load, screen) | {"part_mib": options.part_mib})
            if peer is not None:
                report.results.append(await _point(peer, "put", job, load, screen))
    return report


@contextlib.asynccontextmanager
async def _peer(options: UploadOptions, cores: set[int]) -> AsyncIterator[serving.Server | None]:
    if not options.nginx:
        yield None
        return
    async with nginx_peer.nginx(cores) as peer:
        yield peer


async def _point(server: serving.Server, command: str, job: dict[str, Any], load: LoadProcess, screen: Screen) -> dict[str, Any]:
    """What the server spent on these bytes: the main process of livecore, or all of nginx."""
    role = "main" if command == "send" else ""
    mib, at_once = job["bytes"] // MIB, job["at_once"]
    label = f"{'livecore' if role else 'nginx'} {at_once} × {mib} MiB"
    before = server.sample()
    with screen.stage(label, mib * at_once) as advance:

        def told(said: dict[str, Any], advance: Advance = advance) -> None:
            advance(said["mib"], f"{said['mib']:,.0f} MiB")

        async with watched(server, role) as memory:
            done = await load.do(command, job | {"url": server.url}, 60 + mib * at_once, told)
    if done["refused"]:
        raise LoadFailed(f"the server answered {done['refused']}")
    cpu_s = server.sample().cpu_s(role) - before.cpu_s(role)
    return {
        "label": label,
        "mib": mib,
        "at_once": at_once,
        "mib_per_s": ratio(mib * at_once, done["seconds"]),
        "mib_per_cpu_s": ratio(mib * at_once, cpu_s),
        "cpu_share": ratio(cpu_s, done["seconds"], 2),
        "rss_before_mib": round(before.rss_bytes(role) / MIB, 1),
        "rss_most_mib": memory.most_mib,
        "load_share": ratio(done["cpu_s"], done["seconds"], 2),
        "seconds": round(done["seconds"], 3),
        "memory": memory.thinned(),
    }
