"""A viewer behind a real bad link: its leg is a pair of virtual cables into a network namespace.

What the kernel has is found out by trying: netem loses (and delays) where there is one, else nftables drops; tbf has the rate.
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.media import payloads
from tests.media.scripted import LIVE
from tests.media.worker_process import MediaProcess, media_process
from tests.waiting import until

TOOLS = all(shutil.which(tool) for tool in ("ip", "nft", "tc"))
pytestmark = pytest.mark.skipif(not TOOLS or os.geteuid() != 0, reason="needs root, iproute2 and nftables")


def run(command: str) -> str:
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout


@dataclass
class Cable:
    """`host` is the worker's end, `guest` the viewer's, inside namespace `name`."""

    name: str
    host: str
    guest: str
    by: str = ""  # what loses packets: "netem" or "nftables"

    def inside(self, command: str) -> str:
        return run(f"ip netns exec {self.name} {command}")

    def lose(self, permille: int, delay_ms: int = 20) -> None:
        """On the way to the viewer. Only netem delays."""
        try:
            run(f"tc qdisc add dev {self.name}h root netem loss {permille / 10}% delay {delay_ms}ms")
            self.by = "netem"
        except subprocess.CalledProcessError as refused:  # a kernel without sch_netem, which containers often have
            if "qdisc kind is unknown" not in refused.stderr:
                raise
            self.by = "nftables"
            self.inside("nft add table inet bad")
            self.inside("nft add chain inet bad in { type filter hook input priority 0 ; }")
            self.inside(f"nft add rule inet bad in meta l4proto udp numgen random mod 1000 < {permille} counter drop")

    def lost(self) -> int:
        """Packets, so far."""
        if self.by == "netem":
            (told,) = [one for one in json.loads(run(f"tc -s -j qdisc show dev {self.name}h")) if one["kind"] == "netem"]
            return int(told["drops"])
        rules = json.loads(self.inside("nft -j list table inet bad"))["nftables"]
        counters = [part["counter"] for rule in rules for part in rule.get("rule", {}).get("expr", []) if "counter" in part]
        return int(counters[0]["packets"])

    def narrow(self, kbit: int) -> None:
        run(f"tc qdisc add dev {self.name}h root tbf rate {kbit}kbit burst 16kb latency 300ms")


@pytest.fixture
def cable() -> Any:
    number = os.getpid() % 16_000
    name, net = f"lc{number}", f"10.77.{number // 64}"
    made = Cable(name, f"{net}.{number % 64 * 4 + 1}", f"{net}.{number % 64 * 4 + 2}")
    try:
        run(f"ip netns add {name}")
        run(f"ip link add {name}h type veth peer name {name}g")
    except subprocess.CalledProcessError as refused:
        pytest.skip(f"no namespaces here: {refused.stderr.decode().strip()}")
    try:
        run(f"ip link set {name}g netns {name}")
        run(f"ip addr add {made.host}/30 dev {name}h")
        # Each datagram by itself, not a run of them as it was handed to the kernel: a network loses them one by one.
        run(f"ip link set {name}h gso_max_segs 1")
        run(f"ip link set {name}h up")
        made.inside(f"ip addr add {made.guest}/30 dev {name}g")
        made.inside(f"ip link set {name}g up")
        yield made
    finally:
        run(f"ip netns del {name}")


class Publisher:
    """Simulcast of three layers, as `Sender` sends one, in real time."""

    LAYERS = (("l", 11, 1, 300), ("m", 12, 2, 700), ("h", 13, 6, 1000))

    def __init__(self, media: MediaProcess, host: str, rids: bool) -> None:
        self.peer = media.peer(local=(host, 0))
        self.pictures = 0
        self._rids = rids
        self._media = media

    async def start(self) -> None:
        offer = self.peer.offer_to_publish(rids=[rid for rid, *_ in self.LAYERS] if self._rids else None)
        self.peer.accept((await self._media.plane.publish(LIVE, "main", offer, prefer="vp8")).sdp)
        await self.peer.connect()
        self.task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        began, numbers = loop.time(), {ssrc: 100 for _, ssrc, _, _ in self.LAYERS}
        while True:
            at = loop.time() - began
            layers = self.LAYERS if self._rids else (("", self.peer.ssrcs["video"], 4, 900),)
            for rid, ssrc, packets, size in layers:
                for index in range(packets):
                    # A key frame each half second: whoever changes layer need not ask.
                    payload = payloads.vp8(
                        self.pictures & 0x7FFF, key=self.pictures % 15 == 0, start=index == 0, tl0=self.pictures & 0xFF, size=size
                    )
                    number = numbers[ssrc] = numbers.get(ssrc, 100) + 1
                    self.peer.send_rtp("video", number, self.pictures * 3000, payload, marker=index == packets - 1, ssrc=ssrc, rid=rid)
            self.pictures += 1
            await asyncio.sleep(max(0.0, began + self.pictures / 30 - loop.time()) if at < 600 else 0)


@contextlib.asynccontextmanager
async def stage(directory: Path, cable: Cable, *, rids: bool) -> AsyncIterator[tuple[MediaProcess, Publisher]]:
    async with media_process(directory, udp_host="0.0.0.0", advertised_hosts=(cable.host,)) as media:
        publisher = Publisher(media, cable.host, rids)
        await publisher.start()
        try:
            await until(lambda: publisher.pictures > (60 if rids else 10), "pictures to be sent")
            yield media, publisher
        finally:
            publisher.task.cancel()
            await asyncio.gather(publisher.task, return_exceptions=True)


async def watch(media: MediaProcess, cable: Cable, seconds: float) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", cable.name, sys.executable, "-m", "tests.media.namespaced_viewer", str(seconds), cable.guest,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2], limit=1 << 20,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    offer = json.loads(await process.stdout.readline())
    answer = await media.plane.subscribe(LIVE, "main", offer)
    process.stdin.write(json.dumps(answer.sdp).encode() + b"\n")
    await process.stdin.drain()
    told: dict[str, Any] = json.loads(await process.stdout.readline())
    assert await process.wait() == 0
    return told


async def test_viewer_whose_leg_loses_one_packet_in_twenty_sees_nearly_every_picture(tmp_path: Path, cable: Cable) -> None:
    async with stage(tmp_path, cable, rids=False) as (media, publisher):
        cable.lose(50)
        before = publisher.pictures
        seen = await watch(media, cable, 4)
        assert 0.02 < cable.lost() / seen["received"] < 0.1, cable.by
        # It joins within the first part of that time; four packets a picture without resends would leave four of five.
        assert seen["shown"] > 0.85 * 4 * 30 * min(1.0, (publisher.pictures - before) / 120)


@pytest.mark.deep
async def test_viewer_whose_leg_is_narrow_gets_a_smaller_picture(tmp_path: Path, cable: Cable) -> None:
    async with stage(tmp_path, cable, rids=True) as (media, _):
        cable.narrow(700)
        seen = await watch(media, cable, 10)
        # 1.5 Mb/s do not fit; the middle layer of 340 kb/s does.
        assert seen["shown"] > 150
        assert set(seen["sizes"][-60:]) <= {305, 705}, seen["sizes"][-60:]
