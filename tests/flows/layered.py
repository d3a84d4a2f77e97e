"""A host whose picture has layers, of which one goes and comes back: pictures that decoders decode, two sizes of them."""

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from livecore.media import rtcp
from tests.flows.broadcast import Broadcast
from tests.people import Person
from tests.recording import films
from tests.recording.packetise import audio_packets, coded_audio, coded_video, video_packets

# The larger size goes at some picture, and comes back with a key picture.
GOES_S, RETURNS_S = 1.0, 2.95
# A simulcast stream is gone for long enough that the other one is taken for it also on a busy machine, and there again until it has been
# measured and chosen.
STREAM_RETURNS_S, SIMULCAST_S = 3.95, 6.5
# Who takes the pictures asks for the first of them, on a busy machine late; a publisher whose streams are not known yet begins by itself.
ASKED_WITHIN_S, BEGINS_BY_ITSELF_S = 20.0, 1.0
FIRST_SSRC = 7000


@dataclass(frozen=True)
class Take:
    """A packet to be sent `at` [s]; `rid` "" is a stream's that is not simulcast."""

    at: float
    rid: str
    timestamp: int
    marker: bool
    payload: bytes
    dependency: bytes = b""


def simulcast(codec: str) -> list[Take]:
    """Two streams, each with a clock of its own; a key picture each half second."""
    takes: list[Take] = []
    for rid, size, bps, timestamp in (("l", (160, 90), 150_000, 5), ("h", (320, 180), 800_000, 3_000_000_000)):
        coded = coded_video(codec, SIMULCAST_S, size=size, gop=15, bps=bps)
        takes += [
            Take(one.at, rid, one.timestamp, one.marker, one.payload)
            for one in video_packets(codec, coded, timestamp=timestamp)
            if rid == "l" or not GOES_S <= one.at < STREAM_RETURNS_S
        ]
    return sorted(takes, key=lambda take: take.at)


def scalable(name: str) -> list[Take]:
    """A film of Chromium's whose encoder leaves its larger size out for a while."""
    shots = [shot for picture in films.pictures(name, (GOES_S, RETURNS_S)) for shot in picture]
    return [Take(shot.at, "", shot.timestamp, shot.marker, shot.payload, shot.dependency) for shot in shots]


class Layered(Broadcast):
    """Plays its takes once, and sound beside them."""

    def __init__(self, host: Person, codec: str, takes: list[Take], **fields: Any) -> None:
        super().__init__(host, codec, **fields)
        self._takes = takes
        # Captured, in whatever sizes.
        self.pictures = len({take.timestamp for take in takes if take.rid != "h"})
        self._rids = sorted({take.rid for take in takes} - {""})
        self._counts: Counter[int] = Counter()
        self._reported: dict[int, float] = {}
        self.is_over = asyncio.Event()

    def offer(self) -> str:
        return self.peer.offer_to_publish(self.codec, rids=self._rids)

    def _ssrc(self, rid: str) -> int:
        return FIRST_SSRC + self._rids.index(rid) if rid else self.peer.ssrcs["video"]

    async def _send(self) -> None:
        first = asyncio.create_task(self._pictures())
        try:
            await asyncio.gather(first, self._sounds(first))
        finally:
            first.cancel()

    async def _pictures(self) -> None:
        asked = asyncio.Event()
        self.peer.on_rtcp = lambda message: asked.set() if isinstance(message, rtcp.KeyFrameRequest) else None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), BEGINS_BY_ITSELF_S if self._rids else ASKED_WITHIN_S)
        await self._play("video", self._takes)
        self.is_over.set()

    async def _sounds(self, pictures: "asyncio.Task[None]") -> None:
        while not pictures.done():
            number = self.sent["audio"]
            await self._play(
                "audio", [Take(s.at, "", s.timestamp + 960 * number, s.marker, s.payload) for s in audio_packets(coded_audio(1.0))]
            )

    async def _play(self, kind: str, takes: list[Take]) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for take in takes:
            await asyncio.sleep(max(0.0, start + take.at - loop.time()))
            ssrc = self._ssrc(take.rid) if kind == "video" else self.peer.ssrcs["audio"]
            if start + take.at - self._reported.get(ssrc, -1.0) >= 0.5:
                self._reported[ssrc] = start + take.at
                report = rtcp.SenderReport(
                    ssrc, rtcp.ntp_from_unix(1_700_000_000 + start + take.at), take.timestamp & 0xFFFFFFFF, self._counts[ssrc], 0
                )
                self.peer.send_rtcp(rtcp.build_sender_report(report))
            self._counts[ssrc] += 1
            dependency = take.dependency if self.codec == "av1" else b""
            self.peer.send_rtp(
                kind, self._counts[ssrc], take.timestamp, take.payload, marker=take.marker, ssrc=ssrc, rid=take.rid, dependency=dependency
            )
            self.sent[kind] += 1
