"""A lossy UDP path in user space, between a browser and the worker: what the browser takes for the server's port."""

import asyncio
import random
import re
from typing import Any

QUEUE_S = 0.3


class Relay:
    """Loses a share of the datagrams towards the browser, with a seed; delays both ways alike.

    `rate_bps` 0: unlimited; else the path towards the browser has a queue of 300 ms in front of it.
    """

    def __init__(self, target: tuple[str, int], loss: float, seed: int = 1, delay_s: float = 0.0, rate_bps: float = 0.0) -> None:
        self.target = target
        self.loss = loss
        self.delay_s = delay_s
        self.rate_bps = rate_bps
        self.lost = 0
        self._free_at = 0.0
        self._random = random.Random(seed)
        self._browser: Any = None
        self._front: asyncio.DatagramTransport | None = None
        self._back: asyncio.DatagramTransport | None = None

    async def start(self) -> int:
        """The port to tell the browser."""
        loop = asyncio.get_running_loop()
        self._front, _ = await loop.create_datagram_endpoint(lambda: _Side(self._from_browser), local_addr=("127.0.0.1", 0))
        self._back, _ = await loop.create_datagram_endpoint(lambda: _Side(self._from_worker), remote_addr=self.target)
        return int(self._front.get_extra_info("sockname")[1])

    def _from_browser(self, data: bytes, address: Any) -> None:
        self._browser = address
        assert self._back
        asyncio.get_running_loop().call_later(self.delay_s, self._back.sendto, data)

    def _from_worker(self, data: bytes, _address: Any) -> None:
        loop = asyncio.get_running_loop()
        wait = 0.0
        if self.rate_bps:
            wait = max(0.0, self._free_at - loop.time()) + len(data) * 8 / self.rate_bps
        if self._random.random() < self.loss or wait > QUEUE_S:
            self.lost += 1
            return
        if self.rate_bps:
            self._free_at = loop.time() + wait
        if self._browser is not None:
            assert self._front
            loop.call_later(self.delay_s + wait, self._front.sendto, data, self._browser)

    def close(self) -> None:
        for side in (self._front, self._back):
            if side is not None:
                side.close()


class _Side(asyncio.DatagramProtocol):
    def __init__(self, received: Any) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._received(data, addr)


def target_of(answer: str) -> tuple[str, int]:
    found = re.search(r"a=candidate:1 1 udp \d+ (\S+) (\d+) typ host", answer)
    assert found
    return found[1], int(found[2])


def through(answer: str, port: int) -> str:
    """The answer with the relay's port in place of the worker's."""
    _, own = target_of(answer)
    return re.sub(rf"(m=\w+ |udp \d+ \S+ ){own} ", rf"\g<1>{port} ", answer)
