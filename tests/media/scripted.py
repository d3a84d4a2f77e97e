"""A publisher and a viewer that follow a script, over real DTLS and SRTP, and what they say of the packets they got."""

import asyncio
import struct

from bench.rtcpeer import RtcPeer
from livecore.media import rtcp
from livecore.media.control import PublicationUp
from tests.media import payloads
from tests.media.worker_process import MediaProcess
from tests.waiting import until

LIVE = "live-1"


class Sender:
    """Sends VP8 pictures of three packets, 30 a second of media time, and Opus beside it."""

    def __init__(self, peer: RtcPeer, *, sequence: int = 1000, picture_id: int = 7) -> None:
        self.peer = peer
        self.sequence = sequence
        self.timestamp = 90_000
        self.picture_id = picture_id
        self.audio_sequence = 500
        self.datagrams: list[bytes] = []

    def picture(self, *, key: bool = False, skip: tuple[int, ...] = ()) -> None:
        for index in range(3):
            payload = payloads.vp8(self.picture_id, key=key, start=index == 0, size=300, fill=index + 1)
            if index not in skip:
                self.datagrams.append(self.peer.send_rtp("video", self.sequence, self.timestamp, payload, marker=index == 2))
            self.sequence += 1
        self.timestamp += 3000
        self.picture_id = self.picture_id + 1 & 0x7FFF

    def sound(self) -> None:
        self.peer.send_rtp("audio", self.audio_sequence, 960 * self.audio_sequence, bytes([self.audio_sequence & 0xFF]) * 40)
        self.audio_sequence += 1


class Watcher:
    """What a viewer received, by SSRC."""

    def __init__(self, peer: RtcPeer) -> None:
        self.peer = peer
        self.packets: list[bytes] = []
        self.reports: list[rtcp.Message] = []
        peer.on_rtp = lambda packet, _at: self.packets.append(packet)
        peer.on_rtcp = self.reports.append

    def of(self, kind: str) -> list[bytes]:
        assert self.peer.answered
        return [p for p in self.packets if ssrc(p) == self.peer.answered.ssrcs[kind]]

    def resent(self) -> list[bytes]:
        assert self.peer.answered
        return [p for p in self.packets if ssrc(p) == self.peer.answered.rtx_ssrcs["video"]]


def ssrc(packet: bytes) -> int:
    return int(struct.unpack_from("!L", packet, 8)[0])


def sequence(packet: bytes) -> int:
    return packet[2] << 8 | packet[3]


def timestamp(packet: bytes) -> int:
    return int(struct.unpack_from("!L", packet, 4)[0])


def payload(packet: bytes) -> bytes:
    start = 12
    if packet[0] & 0x10:
        start += 4 + 4 * (packet[14] << 8 | packet[15])
    end = len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
    return packet[start:end]


async def publisher(media: MediaProcess, **options: object) -> tuple[RtcPeer, str]:
    peer = media.peer()
    answer = await media.plane.publish(LIVE, "main", peer.offer_to_publish(**options), prefer="vp8", publisher="anna")  # type: ignore[arg-type]
    peer.accept(answer.sdp)
    ups = len(media.of(PublicationUp))
    await peer.connect()
    await until(lambda: len(media.of(PublicationUp)) > ups, "the publication to be up")
    return peer, answer.session_id


async def viewer(media: MediaProcess, *, rtx: bool = True, account: str = "bert") -> tuple[Watcher, str]:
    peer = media.peer()
    answer = await media.plane.subscribe(LIVE, "main", peer.offer_to_watch(rtx=rtx), viewer=account)
    peer.accept(answer.sdp)
    watcher = Watcher(peer)
    await peer.connect()
    return watcher, answer.session_id


async def show(sender: Sender, watcher: Watcher, pictures: int = 1) -> None:
    """Send pictures until the watcher gets some, beginning with a key frame."""
    before = len(watcher.of("video"))
    async with asyncio.timeout(10):
        while len(watcher.of("video")) < before + 3 * pictures:
            sender.picture(key=True)
            sender.sound()
            await asyncio.sleep(0.02)
