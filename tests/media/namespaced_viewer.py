"""A viewer in a process of its own, for a network namespace: an offer on stdout, the answer on stdin, what was seen on stdout.

`python -m tests.media.namespaced_viewer SECONDS`
"""

import asyncio
import json
import sys
import time
from types import SimpleNamespace
from typing import Any

from bench.rtcpeer import RtcPeer
from tests.media.actors import Screen


class _Peer:
    """An `RtcPeer` as `Screen` knows its peers."""

    def __init__(self, peer: RtcPeer, address: str) -> None:
        self.peer = peer
        self.on_packet: Any = None
        peer._local = (address, 0)
        peer.on_rtp = lambda packet, at: self.on_packet(packet, at)

    def send_rtcp(self, packet: bytes) -> None:
        self.peer.send_rtcp(packet)


async def main(seconds: float, address: str) -> None:
    peer = RtcPeer()
    sys.stdout.write(json.dumps(peer.offer_to_watch()) + "\n")
    sys.stdout.flush()
    peer.accept(json.loads(sys.stdin.readline()))
    adapted = _Peer(peer, address)
    screen = Screen(adapted)  # type: ignore[arg-type]
    await peer.connect()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.01)
        screen.on_time(time.monotonic())
    peer.close()
    found = SimpleNamespace(shown=len(screen.shown), sizes=screen.sizes(), sounds=len(screen.sounds), received=peer.received)
    sys.stdout.write(json.dumps(vars(found)) + "\n")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2]))
