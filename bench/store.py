"""`livecore bench store`: messages accepted a second, durably and in order, and what one costs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench import processes
from bench.latency import Latencies
from bench.load import load_processes
from bench.report import Column, Report, ratio
from bench.screen import Advance, Screen

COLUMNS: list[Column] = [
    ("database", "database", 0),
    ("at_once", "messages at once", 0),
    ("accepted_per_s", "accepted/s", 0),
    ("cpu_ms_per_message", "CPU-ms a message", 3),
    ("took.p50_ms", "p50 ms", 2),
    ("took.p95_ms", "p95 ms", 2),
    ("took.p99_ms", "p99 ms", 2),
    ("held", "bodies left", 0),
]
PLOT: dict[str, Any] = {
    "label": "label",
    "bars": ("accepted_per_s", "messages accepted a second"),
    "lines": [("took.p50_ms", "p50"), ("took.p95_ms", "p95"), ("took.p99_ms", "p99")],
}


@dataclass(frozen=True)
class StoreOptions:
    """`database_url`: empty is SQLite in a temporary directory; a PostgreSQL database is left with the tables that it gets.

    `receipts`: every message is confirmed by its reader, so that its body is deleted and its key destroyed.
    """

    database_url: str = ""
    database_pid: int = 0
    conversations: int = 100
    at_once: Sequence[int] = (1, 100)
    seconds: float = 3.0
    text_bytes: int = 100
    receipts: bool = True
    pin: bool = True


async def run(options: StoreOptions, screen: Screen) -> Report:
    """Measure each number of messages at once. Raises LoadFailed."""
    server_cores, _load_cores = processes.split_cores() if options.pin else (set[int](), set[int]())
    shown = asdict(options) | {"database_url": options.database_url.partition(":")[0]}
    report = Report("store", shown)
    with_receipts = "confirmed, deleted and their keys destroyed" if options.receipts else "left"
    report.notes.append(f"Full synchronisation; messages are sealed, committed, {with_receipts}. CPU is that of the writer's process.")
    pids = [options.database_pid] if options.database_pid else []
    for at_once in options.at_once:
        async with load_processes("store_load", 1, server_cores) as (load,):
            opening = {"database_url": options.database_url, "conversations": options.conversations, "receipts": options.receipts}
            opened = await load.do("open", opening, 60.0)
            job = {"at_once": at_once, "seconds": options.seconds, "text_bytes": options.text_bytes}
            with screen.stage(f"{at_once} at once", options.seconds) as advance:

                def told(said: dict[str, Any], advance: Advance = advance) -> None:
                    advance(said["seconds"], f"{said['accepted']:,} accepted, p99 {said['p99_ms']:.1f} ms")

                before = processes.sample(pids)
                done = await load.do("run", job, 120.0 + options.seconds * 3, told)
                after = processes.sample(pids)
            closed = await load.do("close", {}, 60.0)
        took = Latencies()
        took.merge(done["took"])
        database_cpu_s = after.cpu_s() - before.cpu_s()
        cpu_s = done["cpu_s"] + database_cpu_s
        report.results.append(
            {
                "label": f"{at_once} at once",
                "database": opened["dialect"],
                "at_once": at_once,
                "accepted": done["accepted"],
                "seconds": round(done["seconds"], 3),
                "accepted_per_s": ratio(done["accepted"], done["seconds"]),
                "cpu_s": round(cpu_s, 3),
                "database_cpu_s": round(database_cpu_s, 3) if pids else None,
                "cpu_ms_per_message": ratio(cpu_s * 1000, done["accepted"], 4),
                "took": took.summary(),
                "held": closed["held"],
            }
        )
    return report
