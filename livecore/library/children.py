"""Running a child of `library.work` on a file: its progress, its answer, its end."""

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from livecore.ports import Storage

# A child that says nothing for this long hangs, whatever its processor time says; on a busy machine the idle class waits long.
SILENCE_LIMIT_S = 3600.0

Told = Callable[[float], Awaitable[None]]


class NotShowable(Exception):
    """The file is no film that can be shown; trying again changes nothing."""


class Killed(Exception):
    """Somebody else ended the child (an operator, a machine out of memory): that says nothing of the file."""


async def run(work: str, source: Path, target: Path | None, *, nice: int, told: Told | None = None, **order: Any) -> dict[str, Any]:
    """What the child found. Raises NotShowable when it refuses, ends at a limit, or hangs; Killed when somebody ended it."""
    order |= {"source": str(source.absolute()), "target": str(target.absolute()) if target else None, "nice": nice}
    with tempfile.TemporaryFile() as complaints:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"livecore.library.work.{work}", json.dumps(order)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        )
        assert child.stdout is not None
        found: dict[str, Any] = {}
        try:
            while True:
                async with asyncio.timeout(SILENCE_LIMIT_S):
                    line = await child.stdout.readline()
                if not line:
                    break
                said = json.loads(line)
                found = said.get("found", found)
                if told is not None and "done" in said:
                    await told(float(said["done"]))
            status = await child.wait()
        except TimeoutError as late:
            raise NotShowable("timeout") from late
        finally:
            if child.returncode is None:
                child.send_signal(signal.SIGKILL)
                await child.wait()
        if status == -signal.SIGKILL:
            raise Killed(work)
        if status != 0:
            complaints.seek(0)
            lines = complaints.read(4096).decode(errors="replace").strip().splitlines()
            raise NotShowable(lines[-1][:80] if lines else f"status {status}")
        return found


@contextlib.asynccontextmanager
async def local_copy(storage: Storage, key: str) -> AsyncIterator[Path]:
    """The object as a file: the store's own, or a temporary copy. Raises KeyError."""
    path = storage.local_path(key)
    if path is not None:
        yield path
        return
    await storage.head(key)
    with tempfile.TemporaryDirectory(prefix="livecore-") as directory:
        copy = Path(directory) / Path(key).name
        file = await asyncio.to_thread(copy.open, "wb")
        try:
            async for chunk in storage.stream(key):
                await asyncio.to_thread(file.write, chunk)
        finally:
            await asyncio.to_thread(file.close)
        yield copy
