"""Viewers' transport-wide feedback through a real worker, natively and in Python: taken in, believed, and heard again from another address."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from bench import rtp_header
from livecore.media.control import PublicationUp
from livecore.media.twcc import TransportFeedbackBuilder
from tests.media import payloads
from tests.media.scripted import LIVE, Watcher
from tests.media.worker_process import MediaProcess, media_process
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("both_ways")


class Teller(Watcher):
    """Tells of each packet that it came later than the one before: a queue that grows."""

    def __init__(self, peer: Any) -> None:
        super().__init__(peer)
        self._arrivals = TransportFeedbackBuilder()
        self._numbered = 0
        peer.on_rtp = self._packet

    def _packet(self, packet: bytes, _at: float) -> None:
        self.packets.append(packet)
        number = rtp_header.transport_number(packet, self.peer.answered.transport_id, len(packet))
        if number is not None:
            self._numbered += 1
            self._arrivals.add(number, time.monotonic() + 0.002 * self._numbered)

    def tell(self) -> None:
        message = self._arrivals.build(1, self.peer.answered.ssrcs["video"])
        if message is not None:
            self.peer.send_rtcp(message)


async def figures(media: MediaProcess) -> dict[str, Any]:
    told: dict[str, Any] = (await media.plane.stats(LIVE))["publications"]["main"]["viewers"][0]
    return told


async def test_first_viewer_of_a_live_that_may_have_layers_tells_of_its_path_and_is_believed(tmp_path: Path) -> None:
    async with media_process(tmp_path) as media:
        source = media.peer()
        answer = await media.plane.publish(LIVE, "main", source.offer_to_publish("vp8"), prefer="vp8", publisher="anna")
        source.accept(answer.sdp)
        await source.connect()
        await until(lambda: media.of(PublicationUp), "the publication to be up")
        peer = media.peer()
        answer = await media.plane.subscribe(LIVE, "main", peer.offer_to_watch(["vp8"]), viewer="bert")
        peer.accept(answer.sdp)
        assert "transport-cc" in answer.sdp, "before the first packet nobody knows"
        teller = Teller(peer)
        await peer.connect()
        sequence = 100

        async def watch() -> None:
            """Twenty milliseconds of the live, and what the viewer tells of them."""
            nonlocal sequence
            for index in range(4):
                payload = payloads.vp8(sequence & 0x7FFF, key=True, start=index == 0, size=600)
                source.send_rtp("video", sequence, 450 * sequence, payload, marker=index == 3)
                sequence += 1
            await asyncio.sleep(0.02)
            teller.tell()

        async def told() -> dict[str, Any]:
            await watch()
            return await figures(media)

        async def limited() -> bool:
            return bool((await told())["pace_bps"])

        await until(limited, "a limit")
        one = await figures(media)
        assert one["feedback"] > 5
        assert one["estimate_bps"] is not None
        assert one["drops"] == {}
        # From another address it is heard again; what the helper knew of the old one is forgotten.
        peer.move()

        async def heard_again() -> bool:
            return int((await told())["feedback"]) > one["feedback"] + 5

        await until(heard_again, "feedback from the new address")
        assert (await figures(media))["drops"] == {}
