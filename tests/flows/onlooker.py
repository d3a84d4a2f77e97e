"""A viewer as browsers are: tells of its path, of its picture and its sound; and a publisher of made-up layers. Both over WHIP and WHEP."""

from typing import Any

from bench.live_publisher import Publisher
from bench.live_viewer import REPORT_S, Viewer
from livecore.media import rtcp
from livecore.media.transport import Certificate, generate_certificate
from tests.people import Person
from tests.waiting import until

SDP = {"Content-Type": "application/sdp"}


class Onlooker(Viewer):
    """`sounds_expected`, `sounds`: packets of sound by their sequence numbers, and those that came."""

    def __init__(self, certificate: Certificate) -> None:
        super().__init__(certificate)
        self.sounds = self.sounds_expected = 0
        self._sound_last: int | None = None
        self._sound_reported = (0, 0)

    def _media(self, data: bytearray, size: int, at_ns: int) -> None:
        before = self.received
        super()._media(data, size, at_ns)
        assert self.answered is not None
        if self.received == before or data[1] & 127 != self.answered.payload_types["audio"]:
            return
        sequence = data[2] << 8 | data[3]
        step = 1 if self._sound_last is None else sequence - self._sound_last & 0xFFFF
        self.sounds += 1
        if step < 0x8000:
            self.sounds_expected += step
            self._sound_last = sequence

    def _report(self, ssrc: int, now: float) -> None:
        super()._report(ssrc, now)
        assert self.answered is not None
        expected, counted = self.sounds_expected - self._sound_reported[0], self.sounds - self._sound_reported[1]
        self._sound_reported = self.sounds_expected, self.sounds
        # A path that lets nothing through is not silent to a browser either: it knows how much sound there is in a second.
        expected = max(expected, round(40 * REPORT_S))
        lost = max(0, min(255, 256 * (expected - counted) // expected))
        block = rtcp.ReportBlock(self.answered.ssrcs["audio"], lost, 0, self._sound_last or 0, 0, 0, 0)
        self.send_rtcp(rtcp.build_receiver_report(1, [block]))


async def publish(host: Person, live: dict[str, Any], codec: str = "vp8", kind: type[Publisher] = Publisher, **job: Any) -> Publisher:
    """`job`: `layers` ("none", "simulcast", "svc"), `packets` of the largest picture, …: see `bench.live_publisher`."""
    given = {"codec": codec, "packets": 6, "packet_bytes": 600, "rtp": None, "audio": True, "rate": 30, "token": live["token"]}
    publisher = kind({**given, "url": host.server.url + live["whip"], **job}, generate_certificate())
    await publisher.start()
    return publisher


async def look(viewer: Person, live_id: str, *, arrivals: bool = True) -> Onlooker:
    """`arrivals`: it offers transport-wide feedback; else its loss alone tells of its path."""
    peer = Onlooker(generate_certificate())
    offer = peer.offer_to_watch(arrivals=arrivals)

    async def answered() -> str | None:
        answer = await viewer.server.call("POST", f"/whep/{live_id}", data=offer, headers=SDP, token=viewer.access)
        assert answer.status in (201, 409), answer
        return answer.body.decode() if answer.status == 201 else None

    peer.accept(await until(answered, "somebody to watch"))
    await peer.connect()
    return peer
