"""`livecore bench peers`: livecore, natively and in pure Python, and Janus from Debian's package, one after the other by the same tool."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from bench import janus, live, processes
from bench.live import LiveOptions
from bench.report import Report
from bench.screen import Screen


@contextlib.asynccontextmanager
async def _server(name: str, options: LiveOptions) -> AsyncIterator[LiveOptions]:
    if name != "janus":
        yield replace(options, name=name, native="off" if name == "livecore, Python" else "auto")
        return
    cores = processes.split_cores()[0] if options.pin else set[int]()
    async with janus.running(cores) as server:
        yield replace(options, name=name, whep=server.whep, pid=server.pid, rtp=server.rtp)


async def run(options: LiveOptions, screen: Screen, servers: Sequence[str] = ("livecore", "livecore, Python", "janus")) -> Report:
    """Measure each server by turns. Raises LoadFailed (JanusMissing when it is not installed) or NotLoopback."""
    whole: Report | None = None
    for name in servers:
        async with _server(name, options) as chosen:
            report = await live.run(chosen, screen)
        if whole is None:
            whole = report
        else:
            whole.results += report.results
            whole.notes += [note for note in report.notes if note not in whole.notes]
    assert whole is not None
    whole.notes.append("janus: plain RTP in with a key picture a second; its join ends with the first packet, not with a key picture.")
    return whole
