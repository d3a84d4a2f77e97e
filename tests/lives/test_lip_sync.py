"""Sound and picture towards a viewer over changes of layers, through the real server: by what it says of their clocks, as a player takes it."""

import asyncio
import struct
from itertools import pairwise

from bench import rtp_source
from bench.live_publisher import Publisher, Stream
from bench.rtcpeer import RtcPeer
from bench.rtp_source import Part
from livecore.media import rtcp
from tests.conftest import StartServer
from tests.flows.broadcast import SDP
from tests.flows.onlooker import publish
from tests.people import Person
from tests.serving import Answer
from tests.waiting import until

# People notice 40 ms (ITU-R BT.1359). What is told is arithmetic; what differs is how long the test's own sounds are late.
WITHIN_S = 0.02
# An encoder has its largest picture later than its smallest: by arrival alone, picture and sound would be so far apart after a change.
LARGEST_LATER_S = 0.08
LARGEST = 2
CLOCKS_HZ = {"audio": rtp_source.AUDIO_CLOCK_HZ, "video": rtp_source.VIDEO_CLOCK_HZ}


class Slow(Publisher):
    """Its largest simulcast stream leaves later than it was captured; each packet carries the moment of its capture."""

    def _send(self, stream: Stream, timestamp: int, part: Part, marker: bool) -> None:
        if stream.rid != "h":
            super()._send(stream, timestamp, part, marker)
        elif not self.peer.closed.is_set():
            asyncio.get_running_loop().call_later(LARGEST_LATER_S, super()._send, stream, timestamp, part, marker)


class Player:
    """Places each packet on the timeline of the latest sender report of its stream."""

    def __init__(self, viewer: Person, live_id: str) -> None:
        self._viewer, self._live_id = viewer, live_id
        self.peer = RtcPeer()
        self.session = ""
        self.layer: int | None = None
        self._reports: dict[str, rtcp.SenderReport] = {}
        self.told: dict[str, list[float]] = {"audio": [], "video": []}  # how much later than its capture each packet is told to be [s]
        self.numbers: list[int] = []

    async def start(self) -> None:
        offer = self.peer.offer_to_watch(arrivals=False)

        async def offered() -> Answer | None:
            answer = await self._viewer.server.call("POST", f"/whep/{self._live_id}", data=offer, headers=SDP, token=self._viewer.access)
            return answer if answer.status == 201 else None

        answer = await until(offered, "somebody to watch")
        self.session = answer.headers["Location"]
        self.peer.accept(answer.body.decode())
        self.peer.on_rtp, self.peer.on_rtcp = self._packet, self._message
        await self.peer.connect()

    async def offered(self, rid: str) -> None:
        """Until this layer has been measured: before that it is not known to be there."""

        async def known() -> bool:
            layers = (await self._viewer.get(f"{self.session}/layers")).json
            return rid in [one["rid"] for one in layers["layers"] if one["bitrate_bps"]] or rid.startswith("S2")

        await until(known, f"{rid} to be offered")

    async def wish(self, rid: str) -> None:
        assert (await self._viewer.put(f"{self.session}/layers", {"rid": rid, "max_height": None})).status == 204
        for told in self.told.values():
            told.clear()

    def _kind(self, ssrc: int) -> str | None:
        assert self.peer.answered
        return next((kind for kind, one in self.peer.answered.ssrcs.items() if one == ssrc), None)

    def _message(self, message: rtcp.Message) -> None:
        if isinstance(message, rtcp.SenderReport) and (kind := self._kind(message.ssrc)):
            self._reports[kind] = message

    def _packet(self, packet: bytes, _at: float) -> None:
        sequence, timestamp, ssrc = struct.unpack_from("!HLL", packet, 2)
        kind, stamp = self._kind(ssrc), rtp_source.sent_ns(packet)
        if kind is None or stamp is None:
            return
        if kind == "video":
            self.numbers.append(sequence)
            self.layer = rtp_source.layer_of(packet) if packet[1] & 0x80 else self.layer
        report = self._reports.get(kind)
        if report is not None:
            apart = (timestamp - report.timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
            self.told[kind].append(report.ntp / 2**32 + apart / CLOCKS_HZ[kind] - rtcp.ntp_from_unix(stamp / 1e9) / 2**32)

    def apart_s(self) -> float:
        """How far the picture furthest off is told to be from sound that was captured at the same moment. A sound may have left late; not early."""
        sound = max(self.told["audio"])
        return max(abs(one - sound) for one in self.told["video"])


async def test_sound_stays_with_the_picture_over_changes_of_layers(start_server: StartServer) -> None:
    """Simulcast, whose streams have clocks and delays of their own, and a scalable stream of several sizes."""
    server = await start_server(media=True, media_late_s=30)
    hosts = [await server.person(name) for name in ("anna", "ben")]
    viewer = await server.person("cora")
    lives = [(await host.post("/api/v1/lives", {"title": "Lips", "keep_replay": False})).json for host in hosts]
    publishers = [
        await publish(hosts[0], lives[0], "vp8", Slow, layers="simulcast"),
        await publish(hosts[1], lives[1], "vp9", layers="svc"),
    ]
    players = [Player(viewer, live["id"]) for live in lives]

    async def changes(player: Player, wishes: list[tuple[str, int]]) -> None:
        await player.start()
        await until(lambda: player.layer == LARGEST, "the largest picture")
        for rid, layer in wishes:
            await player.offered(rid)
            await player.wish(rid)
            await until(lambda layer=layer: player.layer == layer, rid)  # type: ignore[misc]
            heard, seen = (len(player.told[kind]) for kind in ("audio", "video"))
            await until(
                lambda heard=heard, seen=seen: len(player.told["audio"]) > heard + 25 and len(player.told["video"]) > seen + 25,  # type: ignore[misc]
                "sound and pictures of it",
            )
            assert player.apart_s() < WITHIN_S, rid
        assert all((b - a) % 65536 == 1 for a, b in pairwise(player.numbers)), "one unbroken stream"

    try:
        await asyncio.gather(changes(players[0], [("l", 0), ("h", LARGEST)]), changes(players[1], [("S0T2", 0), ("S2T2", LARGEST)]))
    finally:
        for player in players:
            player.peer.close()
        for publisher in publishers:
            await publisher.stop()
