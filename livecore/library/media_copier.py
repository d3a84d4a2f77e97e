"""Runs `livecore.library.remux` for messages; keeps `ports.MediaCopier`. One child at a time: cores belong to those who are live."""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

# The child's own CPU limit is 20 s; on a busy machine that takes longer.
TIMEOUT_S = 60.0
# What a disk that is busy with something else still reads and writes.
SLOWEST_BYTES_PER_S = 8 << 20


class ChildCopier:
    def __init__(self) -> None:
        self._one = asyncio.Semaphore(1)

    async def copy(self, source: Path, target: Path, container: str) -> Mapping[str, int] | None:
        async with self._one:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "livecore.library.remux",
                str(source),
                str(target),
                container,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(TIMEOUT_S + source.stat().st_size / SLOWEST_BYTES_PER_S):
                    output, _ = await child.communicate()
            except TimeoutError:
                return None
            finally:
                if child.returncode is None:
                    child.send_signal(signal.SIGKILL)
                    await child.wait()
        if child.returncode != 0:
            return None
        found: Mapping[str, int] = json.loads(output)
        return found
