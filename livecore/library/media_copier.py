"""Runs `library.work.remux` for messages; keeps `ports.MediaCopier`. One child at a time: cores belong to those who are live."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from livecore import cores
from livecore.config import Settings
from livecore.library.children import Killed, NotShowable, run

log = structlog.get_logger("library")

# The child's own CPU limit is 20 s; on a busy machine that takes longer.
TIMEOUT_S = 60.0
# What a disk that is busy with something else still reads and writes.
SLOWEST_BYTES_PER_S = 8 << 20
# Behind those who are live, before transcodes: somebody waits for the message to go.
NICE = 10
# Another container's tables, beside what is copied.
TABLES_BYTES = 1 << 20


class ChildCopier:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._one = asyncio.Semaphore(1)

    async def copy(self, source: Path, target: Path, container: str) -> Mapping[str, int] | None:
        size = source.stat().st_size
        order: dict[str, Any] = {
            "name": target.name,
            "container": container,
            "output_bytes": 2 * size + TABLES_BYTES,
            "cores": cores.for_files(self._settings.worker_count()),
        }
        # A directory of its own: the child may write there, and read what lies there.
        with tempfile.TemporaryDirectory(prefix="made-", dir=target.parent) as directory:
            try:
                async with self._one, asyncio.timeout(TIMEOUT_S + size / SLOWEST_BYTES_PER_S):
                    found = await run("remux", source, Path(directory), nice=min(NICE, self._settings.transcode_nice), **order)
            except (TimeoutError, NotShowable, Killed) as exc:
                # The file goes as it is, or not at all; who asked says which. Here stays why.
                log.info("a message's media could not be copied", failure=type(exc).__name__, container=container, bytes=size)
                return None
            (Path(directory) / target.name).replace(target)
        return found
