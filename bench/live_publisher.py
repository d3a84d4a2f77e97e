"""The publisher of the live bench: made-up pictures in one stream, several (simulcast) or one of several layers, and sound."""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench import rtcp_client, rtp_source
from bench.live_peer import JOIN_TIMEOUT_S, Peer, PlainPeer, exchange
from bench.load import LoadFailed
from bench.offer import CODECS
from bench.rtp_source import Part
from bench.scalable_source import HEIGHTS, ScalableSource
from livecore.media import rtcp
from livecore.media.transport import Certificate

REPORT_S = 1.0
# At the most this often a key picture, whatever is asked: an encoder would not do more either.
KEY_INTERVAL_S = 0.05
PLAIN_KEY_INTERVAL_S = 1.0
# RTP's own 12 bytes, and the extension that carries the transport-wide number; with mid and rid 8 more.
HEADER_BYTES = 20
RID_BYTES = 8
# What is kept to answer NACKs: some seconds of the largest layer.
KEPT = 1024
RIDS = ("l", "m", "h")
# How the packets of the largest picture compare with those of the next smaller one, as the rates of browsers' simulcast do.
STEP = 3


def shares(packets: int, count: int) -> list[int]:
    """Packets a picture of each of `count` layers, from the smallest; the largest has `packets`."""
    return [max(1, round(packets / STEP ** (count - 1 - index))) for index in range(count)]


@dataclass
class Stream:
    """One SSRC: what it sends next, what it has sent."""

    kind: str
    ssrc: int
    rid: str = ""
    sequence: int = 2000
    count: int = 0
    octets: int = 0
    first_timestamp: int = field(default_factory=lambda: secrets.randbits(32))  # each stream's clock begins anywhere (RFC 3550)
    rtx_ssrc: int = 0
    rtx_sequence: int = 100
    source: rtp_source.Source | None = None  # None for sound
    key_wanted: bool = True
    key_at: float = 0.0
    kept: "OrderedDict[int, tuple[int, Part, bool]]" = field(default_factory=OrderedDict)


def sources(given: dict[str, Any]) -> list[tuple[str, rtp_source.Source]]:
    """(rid, source) of each video stream that a job asks for."""
    codec, packets, layers = given["codec"], given["packets"], given.get("layers", "none")
    payload_bytes = given["packet_bytes"] - HEADER_BYTES
    count = given.get("layer_count", len(HEIGHTS))
    if layers == "simulcast":
        each = zip(RIDS[:count], shares(packets, count), HEIGHTS[-count:], strict=True)
        return [
            (rid, rtp_source.VideoSource(codec, share, payload_bytes - RID_BYTES, height, index))
            for index, (rid, share, height) in enumerate(each)
        ]
    if layers == "svc":
        lower = shares(packets, count)[:-1]
        return [("", ScalableSource(codec, [*lower, max(1, packets - sum(lower))], payload_bytes))]
    if codec in ("vp9", "av1"):
        return [("", ScalableSource(codec, [packets], payload_bytes, temporal=1))]
    return [("", rtp_source.VideoSource(codec, packets, payload_bytes))]


class Publisher:
    """Sends pictures and sound at their times until it is stopped, a key picture when one is asked for, and again what is missed."""

    def __init__(self, given: dict[str, Any], certificate: Certificate) -> None:
        self.peer: Peer | PlainPeer = PlainPeer(*given["rtp"]) if given["rtp"] else Peer(certificate=certificate)
        self.packets = 0
        self.key_requests = 0
        self.resent = 0
        self.late = 0
        self._given = given
        self._audio = Stream("audio", self.peer.ssrcs["audio"], sequence=1000)
        self._videos: list[Stream] = []
        for index, (rid, source) in enumerate(sources(given)):
            ssrc = self.peer.ssrcs["video"] + index
            rtx_ssrc = self.peer.rtx_ssrc + index if isinstance(self.peer, Peer) else 0
            self._videos.append(Stream("video", ssrc, rid, source=source, rtx_ssrc=rtx_ssrc))
        self._transport_sequence = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        if isinstance(self.peer, Peer):
            await self._connect(self.peer)
        self._tasks = [asyncio.create_task(work) for work in (self._pictures(), self._reports())]
        if self._given["audio"]:
            self._tasks.append(asyncio.create_task(self._sounds()))

    async def _connect(self, peer: Peer) -> None:
        peer.on_rtcp = self._on_rtcp
        rids = [stream.rid for stream in self._videos if stream.rid]
        offer = peer.offer_to_publish(self._given["codec"], rids=rids, audio=self._given["audio"])
        async with aiohttp.ClientSession() as http:
            answer, _session = await exchange(http, self._given["url"], offer, self._given["token"])
        peer.accept(answer)
        if peer.answered is None or peer.answered.address is None or "video" not in peer.answered.payload_types:
            raise LoadFailed("the answer to the publisher has no candidate or refuses the video")
        if rids and "a=simulcast:" not in answer:
            raise LoadFailed("the answer to the publisher refuses simulcast")
        await peer.connect(JOIN_TIMEOUT_S)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self.peer.closed.is_set():
            self.peer.send_rtcp(rtcp_client.build_goodbye([stream.ssrc for stream in (self._audio, *self._videos)]))
        self.peer.close()

    def _on_rtcp(self, message: rtcp.Message) -> None:
        if not isinstance(message, rtcp.KeyFrameRequest | rtcp.Nack):
            return
        stream = next((stream for stream in self._videos if stream.ssrc == message.ssrc), None)
        if stream is None:
            return
        if isinstance(message, rtcp.KeyFrameRequest):
            self.key_requests += 1
            stream.key_wanted = True
        else:
            self._send_again(stream, message.lost)

    def _send_again(self, stream: Stream, lost: Sequence[int]) -> None:
        for wire in lost:
            kept = stream.kept.get(wire)
            if kept is None or not isinstance(self.peer, Peer):
                continue
            timestamp, part, marker = kept
            self.resent += 1
            stream.rtx_sequence += 1
            self.peer.send_rtp(
                "video",
                stream.rtx_sequence,
                timestamp,
                wire.to_bytes(2, "big") + part.payload,
                marker=marker,
                ssrc=stream.rtx_ssrc,
                rid=stream.rid,
                repairs=True,
                payload_type=CODECS[self._given["codec"]][0] + 1,
                transport_sequence=self._next_transport_sequence(),
                dependency=part.dependency,
            )

    def _next_transport_sequence(self) -> int:
        self._transport_sequence += 1
        return self._transport_sequence

    def _send(self, stream: Stream, timestamp: int, part: Part, marker: bool) -> None:
        number = self._next_transport_sequence()
        timestamp += stream.first_timestamp
        if isinstance(self.peer, Peer):
            self.peer.send_rtp(
                stream.kind,
                stream.sequence,
                timestamp,
                part.payload,
                marker=marker,
                ssrc=stream.ssrc,
                rid=stream.rid,
                transport_sequence=number,
                dependency=part.dependency,
            )
        else:
            self.peer.send_rtp(stream.kind, stream.sequence, timestamp, part.payload, marker=marker)
        if stream.source is not None:
            stream.kept[stream.sequence & 0xFFFF] = timestamp, part, marker
            if len(stream.kept) > KEPT:
                stream.kept.popitem(last=False)
        stream.sequence += 1
        stream.count += 1
        stream.octets += len(part.payload)
        self.packets += 1

    async def _pictures(self) -> None:
        loop = asyncio.get_running_loop()
        started, number, rate = loop.time(), 0, self._given["rate"]
        while not self.peer.closed.is_set():
            for stream in self._videos:
                self._picture(stream, loop.time(), started)
            number += 1
            due = started + number / rate
            if loop.time() > due + 1 / rate:
                # A whole picture behind: the load side is too busy, and figures of this run say so.
                self.late += 1
                number = int((loop.time() - started) * rate) + 1
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _picture(self, stream: Stream, now: float, started: float) -> None:
        assert stream.source is not None
        # Who cannot be asked sends one a second, as encoders for such servers are set.
        wanted = stream.key_wanted or (isinstance(self.peer, PlainPeer) and now - stream.key_at >= PLAIN_KEY_INTERVAL_S)
        key = wanted and now - stream.key_at > KEY_INTERVAL_S
        if key:
            stream.key_wanted, stream.key_at = False, now
        parts = stream.source.parts(key, time.time_ns())
        for index, part in enumerate(parts):
            self._send(stream, round((now - started) * rtp_source.VIDEO_CLOCK_HZ), part, index == len(parts) - 1)

    async def _sounds(self) -> None:
        loop = asyncio.get_running_loop()
        started, number = loop.time(), 0
        while not self.peer.closed.is_set():
            timestamp = round(number * rtp_source.AUDIO_FRAME_S * rtp_source.AUDIO_CLOCK_HZ)
            self._send(self._audio, timestamp, Part(rtp_source.sound(time.time_ns())), True)
            number += 1
            await asyncio.sleep(max(0.0, started + number * rtp_source.AUDIO_FRAME_S - loop.time()))

    async def _reports(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not self.peer.closed.is_set():
            await asyncio.sleep(REPORT_S)
            for stream in (self._audio, *self._videos):
                if not stream.count:
                    continue
                clock_hz = rtp_source.AUDIO_CLOCK_HZ if stream.kind == "audio" else rtp_source.VIDEO_CLOCK_HZ
                report = rtcp.SenderReport(
                    stream.ssrc,
                    rtcp.ntp_from_unix(time.time()),
                    stream.first_timestamp + round((loop.time() - started) * clock_hz) & 0xFFFFFFFF,
                    stream.count & 0xFFFFFFFF,
                    stream.octets & 0xFFFFFFFF,
                )
                self.peer.send_rtcp(rtcp.build_sender_report(report))
