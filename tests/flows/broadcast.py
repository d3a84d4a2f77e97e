"""Somebody goes live with real coded pictures and sound, and others watch, through WHIP and WHEP alone."""

import asyncio
import functools
import time
from typing import Any

from bench.rtcpeer import RtcPeer
from livecore.media import rtcp
from tests.people import Person
from tests.recording.packetise import Sent, audio_packets, coded_audio, coded_video, video_packets
from tests.serving import Answer
from tests.waiting import until

SDP = {"Content-Type": "application/sdp"}
CODED_S = 2.0


@functools.cache
def _coded(codec: str) -> tuple[list[tuple[float, bytes, bool]], list[tuple[float, bytes]]]:
    # A key frame twice a second, so that whoever joins sees something at once.
    return coded_video(codec, CODED_S, gop=15), coded_audio(CODED_S)


class Broadcast:
    """A host's live. `start` makes it, publishes and goes on sending until `stop`."""

    def __init__(self, host: Person, codec: str = "vp8", **fields: Any) -> None:
        self.host = host
        self.codec = codec
        self.fields = {"title": "Testing", "codec": codec} | fields
        self.live: dict[str, Any] = {}
        self.peer = RtcPeer()
        self.level: int | None = None  # of the sound, as RFC 6464 has it: 0 is the loudest; None does not tell
        self.has_camera = True  # False: sound alone, from the next two seconds on
        self.session = ""  # the WHIP resource
        self._task: asyncio.Task[None] | None = None
        self.sent = {"audio": 0, "video": 0}  # packets
        self.newest_s = 0.0  # the Unix time at which the last packet was due: earlier than it was sent where the machine is slow

    @property
    def id(self) -> str:
        return str(self.live["id"])

    async def start(self) -> "Broadcast":
        answer = await self.host.post("/api/v1/lives", self.fields)
        assert answer.status == 201, answer
        self.live = answer.json
        try:
            await self.publish()
            await self.on_the_air()
        except BaseException:
            # The test that fails here has nothing to stop yet; its socket would be found in another's.
            await self.stop()
            raise
        return self

    async def publish(self) -> None:
        """Also after the connection was lost: the same right to publish, a new session."""
        self.peer = RtcPeer()
        offer = self.offer()
        answer = await until(lambda: self._offered(offer), "the offer to be taken")
        self.session = answer.headers["Location"]
        self.peer.accept(answer.body.decode())
        await self.peer.connect()
        self._task = asyncio.create_task(self._send())

    def offer(self) -> str:
        return self.peer.offer_to_publish(self.codec)

    async def _offered(self, offer: str) -> Answer | None:
        answer = await self.host.server.call("POST", self.live["whip"], data=offer, headers=SDP, token=self.live["token"])
        assert answer.status in (201, 503), answer
        return answer if answer.status == 201 else None

    async def on_the_air(self) -> None:
        async def is_live() -> bool:
            return bool((await self.host.get(f"/api/v1/lives/{self.id}")).json["state"] == "live")

        await until(is_live, "the live to be on the air")

    async def send_more(self, packets: int) -> None:
        """Until so many more video packets have left: some 110 a second."""
        goal = self.sent["video"] + packets
        await until(lambda: self.sent["video"] >= goal, f"{packets} packets to be sent", 60)

    async def _send(self) -> None:
        video, audio = _coded(self.codec)
        loop = asyncio.get_running_loop()
        start, round_number = loop.time(), 0
        began_s = time.time()
        numbers = {"video": 1000, "audio": 50}
        while True:
            offset_s = round_number * CODED_S
            packets: list[Sent] = [
                *video_packets(
                    self.codec, video if self.has_camera else [], number=numbers["video"], timestamp=int(offset_s * 90000), at=offset_s
                ),
                *audio_packets(audio, number=numbers["audio"], timestamp=int(offset_s * 48000), at=offset_s),
            ]
            for packet in sorted(packets, key=lambda p: p.at):
                ahead_s = start + packet.at - loop.time()
                if ahead_s > 0.002:
                    await asyncio.sleep(ahead_s)
                kind = ("video", "audio")[packet.track]
                numbers[kind] = packet.number + 1
                level = self.level if kind == "audio" else None
                self.peer.send_rtp(kind, packet.number & 0xFFFF, packet.timestamp, packet.payload, marker=packet.marker, level=level)
                self.sent[kind] += 1
                self.newest_s = began_s + packet.at
                if self.sent[kind] % 50 == 1:
                    self._report(kind, packet)
            round_number += 1

    def _report(self, kind: str, packet: Sent) -> None:
        ntp = rtcp.ntp_from_unix(1_700_000_000 + packet.at)
        self.peer.send_rtcp(rtcp.build_sender_report(rtcp.SenderReport(self.peer.ssrcs[kind], ntp, packet.timestamp, self.sent[kind], 0)))

    async def stop(self) -> None:
        """The connection breaks; nobody is told."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self.peer.close()

    async def end(self) -> Answer:
        await self.stop()
        return await self.host.post(f"/api/v1/lives/{self.id}/end")

    async def replay(self) -> dict[str, Any]:
        """The recording once it is a video that plays."""

        async def ready() -> dict[str, Any] | None:
            live = (await self.host.get(f"/api/v1/lives/{self.id}")).json
            if not live["video_id"]:
                return None
            video: dict[str, Any] = (await self.host.get(f"/api/v1/videos/{live['video_id']}")).json
            assert video["status"] != "failed", video
            return video if video["status"] == "ready" else None

        return await until(ready, "the replay to be ready", 40)


async def watch(viewer: Person, live_id: str, *, open_packets: bool = True, local: tuple[str, int] = ("127.0.0.1", 0)) -> RtcPeer:
    """A viewer's connected peer; asks again while there is no publisher yet."""
    peer = RtcPeer(open_packets=open_packets, local=local)
    offer = peer.offer_to_watch()

    async def offered() -> Answer | None:
        answer = await viewer.server.call("POST", f"/whep/{live_id}", data=offer, headers=SDP, token=viewer.access)
        assert answer.status in (201, 409), answer
        return answer if answer.status == 201 else None

    answer = await until(offered, "somebody to watch")
    peer.accept(answer.body.decode())
    await peer.connect()
    return peer
