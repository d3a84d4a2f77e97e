"""Whether each engine answers: the parts of `/readyz`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from livecore.errors import Unavailable

# Whoever asks decides within seconds where to send people: an engine that takes longer is as good as away.
PATIENCE_S = 2.0


async def check_all(parts: Mapping[str, Callable[[], Awaitable[None]]]) -> dict[str, bool]:
    """Ask all at once; True for each that answered in time."""
    answers = await asyncio.gather(*(_answers(check) for check in parts.values()))
    return dict(zip(parts, answers, strict=True))


async def _answers(check: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await check()
    except (Unavailable, TimeoutError):
        return False
    return True
