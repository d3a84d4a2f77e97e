"""A lossy UDP path in user space, between a browser and the worker: what the browser takes for the server's port."""

import asyncio
import random
import re
from typing import Any


class Relay:
    """Loses a share of the datagrams towards the browser, with a seed; delays both ways alike."""

    def __init__(self, target: tuple[str, int], loss: float, seed: int = 1, delay_s: float = 0.0) -> None:
        self.target = target
        self.loss = loss
        self.delay_s = delay_s
        self.lost = 0
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
        if self._random.random() < self.loss:
            self.lost += 1
        elif self._browser is not None:
            assert self._front
            asyncio.get_running_loop().call_later(self.delay_s, self._front.sendto, data, self._browser)

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
