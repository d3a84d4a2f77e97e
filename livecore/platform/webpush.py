"""Pushes over HTTP (RFC 8030) without content; keeps the promise of `ports.PushSender`."""

from collections.abc import Mapping
from typing import Literal

import aiohttp
import structlog

log = structlog.get_logger("push")

# A push service answers within a second; one that does not is tried again by the next message.
TIMEOUT_S = 10.0


class HttpPushSender:
    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None  # made at the first push

    async def push(self, endpoint: str, headers: Mapping[str, str]) -> Literal["sent", "gone", "failed"]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._session.post(endpoint, headers=headers, data=b"", allow_redirects=False) as response:
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            log.warning("push not handed over", failure=type(exc).__name__, category="push", purpose="provide")
            return "failed"
        if 200 <= status < 300:
            log.info("push handed over", category="push", purpose="provide")
            return "sent"
        # RFC 8030, 7.3: the subscription has ended.
        if status in (404, 410):
            return "gone"
        log.warning("push not handed over", failure=f"status {status}", category="push", purpose="provide")
        return "failed"

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
