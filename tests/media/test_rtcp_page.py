"""docs/rtcp.md says of every RTCP message what livecore does with it: here each is sent from both sides, and what is sent is read."""

import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import rtcp_client, rtp_header
from livecore.media import rtcp, statistics
from livecore.media.twcc import TransportFeedbackBuilder
from tests.media.actors import Camera
from tests.media.virtual import VirtualPeer, VirtualPlane

PAGE = Path(__file__).parents[2] / "docs/rtcp.md"
COLUMNS = ("from a publisher", "from a viewer", "to a publisher", "to a viewer")
# Types of which a second number says more, and how many there are of it.
PARTED = {rtcp.RTPFB: 32, rtcp.PSFB: 32, rtcp.XR: 256}
# A key picture that is asked for too early is asked for at the end of this time.
THROTTLE_S = 0.6
Number = tuple[int, int | None]


def expanded(text: str) -> Iterator[int]:
    for part in text.split(","):
        low, _, high = part.strip().partition("–")
        yield from range(int(low), int(high or low) + 1)


def rows() -> list[tuple[list[Number], dict[str, str]]]:
    found = []
    section = PAGE.read_text().partition("## Every message by its number")[2].partition("\n## ")[0]
    for line in section.splitlines():
        if not line.startswith("| ") or line.startswith(("| number", "| ---")):
            continue
        numbers, _, *said = [cell.strip() for cell in line.strip("|").split("|")]
        kinds, _, formats = numbers.partition("/")
        found.append(
            (
                [(kind, number) for kind in expanded(kinds) for number in (expanded(formats) if formats else (None,))],
                dict(zip(COLUMNS, said, strict=True)),
            )
        )
    return found


def numbers_of(compound: bytes) -> Iterator[Number]:
    at = 0
    while at < len(compound):
        kind, size = compound[at + 1], 4 + 4 * int.from_bytes(compound[at + 2 : at + 4], "big")
        yield (
            kind,
            {rtcp.RTPFB: compound[at] & 31, rtcp.PSFB: compound[at] & 31, rtcp.XR: compound[at + 8]}.get(kind) if kind in PARTED else None,
        )
        at += size


class Stage:
    """A live in two sizes with one viewer, its packets numbered for transport-wide feedback."""

    def __init__(self) -> None:
        self.plane = VirtualPlane(seed=3)
        self.source = self.plane.publish(rids=["l", "h"])
        counted, send = itertools.count(1), self.source.send_rtp
        self.source.send_rtp = lambda *one, **more: send(*one, **more, transport_sequence=next(counted))  # type: ignore[method-assign]
        self.cameras = [
            Camera(self.source, rid=rid, ssrc=ssrc, size=size, sound=rid == "l") for rid, ssrc, size in (("l", 71, 300), ("h", 72, 900))
        ]
        self.run(1.0)
        self.viewer = self.plane.subscribe()
        self.run(1.0)
        self.cameras[1].sequence += 1  # a packet that is lost on the way
        self.run(1.0)
        for camera in self.cameras:
            camera._next_report = float("inf")
        self.publication = self.plane.router.published["live", "main"].publication

    def run(self, seconds: float) -> None:
        self.plane.run(seconds, lambda now: [camera.on_time(now) for camera in self.cameras] and None)

    def seen(self) -> dict[str, Any]:
        """Everything that a message may change."""
        told = statistics.of_live(self.plane.router, "live", self.plane.now)["publications"]["main"]
        (viewer,) = told["viewers"]
        return {
            "totals": self.plane.router.totals() + self.plane.demux.drops,
            "round trip": told["round_trip_ms"],
            "viewer": [viewer[name] for name in ("state", "estimate_bps", "feedback", "drops")],
            "watched": [
                [one[name] for name in ("layer", "resent", "fraction_lost", "jitter_ms", "round_trip_ms", "drops")]
                for one in viewer["subscriptions"]
            ],
            "asked": sum(isinstance(one, rtcp.KeyFrameRequest) for one in self.source.messages),
            "reports": sum(isinstance(one, rtcp.SenderReport) for one in self.viewer.messages),
            "alive": [peer.closed for peer in (self.source, self.viewer)],
        }

    def message(self, number: Number, by: VirtualPeer) -> bytes:
        """One that is well made, and about what there is, so that nothing but its kind decides."""
        assert self.viewer.peer.answered
        kind, form = number
        about = self.viewer.peer.answered.ssrcs["video"] if by is self.viewer else self.publication.ssrc
        if number == (rtcp.SR, None):
            own = self.cameras[1].ssrc if by is self.source else about
            return rtcp.build_sender_report(rtcp.SenderReport(own, rtcp.ntp_from_unix(self.plane.now), self.cameras[1].timestamp, 1, 1))
        if number == (rtcp.RR, None):
            return rtcp.build_receiver_report(1, [rtcp.ReportBlock(about, 9, 9, 9, 900, 0, 0)])
        if number == (rtcp.SDES, None):
            return rtcp.build_cname(about, "somebody")
        if number == (rtcp.BYE, None):
            return rtcp_client.build_goodbye([self.source.peer.ssrcs["audio"], about])
        if number == (rtcp.RTPFB, rtcp.NACK):
            pictures = [packet for _, packet in self.viewer.packets if struct.unpack_from("!L", packet, 8)[0] == about]
            return rtcp.build_nack(1, about, [int.from_bytes(pictures[-1][2:4], "big")] if pictures else [1])
        if number == (rtcp.RTPFB, rtcp.TRANSPORT_FEEDBACK):
            arrivals = TransportFeedbackBuilder()
            for at, packet in self.viewer.packets[-20:]:
                told = rtp_header.transport_number(packet, self.viewer.peer.answered.transport_id, len(packet))
                if told is not None:
                    arrivals.add(told, at)
            built = arrivals.build(1, about)
            assert built, "the viewer's packets have numbers"
            return built
        if number == (rtcp.PSFB, rtcp.FIR):
            return rtcp.build(kind, rtcp.FIR, struct.pack("!LLLBxxx", 1, 0, about, 7))
        if number == (rtcp.PSFB, rtcp.AFB):
            return rtcp_client.build_remb(1, 5_000_000, [about])
        if number == (rtcp.XR, rtcp.DLRR):
            assert self.publication._asked is not None
            return rtcp_client.build_echo(1, about, self.publication._asked[0], 0)
        if kind in (rtcp.RTPFB, rtcp.PSFB):
            assert form is not None
            return rtcp.build(kind, form, struct.pack("!LL8x", 1, about))
        if kind == rtcp.XR:
            return rtcp.build(kind, 0, struct.pack("!LBxH8x", 1, form, 2))
        return rtcp.build(kind, 1, struct.pack("!L4s4x", about, b"name"))


def test_page_has_every_number_once() -> None:
    numbers = sorted(((kind, form or 0) for some, _ in rows() for kind, form in some))
    whole = {(kind, form) for kind in range(192, 224) for form in range(PARTED.get(kind, 1))}
    assert numbers == sorted(whole)


def test_what_is_used_changes_something_and_what_is_ignored_nothing() -> None:
    stage = Stage()
    for numbers, said in rows():
        for column, by in zip(COLUMNS[:2], (stage.source, stage.viewer), strict=True):
            if said[column] == "used":
                stage.run(THROTTLE_S)
            before = stage.seen()
            for number in numbers:
                by.send_rtcp(stage.message(number, by))
            stage.run(0.06)
            changed = [name for name, value in stage.seen().items() if value != before[name]]
            assert {"used": bool(changed), "ignored": not changed}[said[column]], (numbers, column, changed)
    other_application = rtcp.build(rtcp.PSFB, rtcp.AFB, struct.pack("!LL4s4x", 1, 1, b"else"))
    before = stage.seen()
    for by in (stage.source, stage.viewer):
        by.send_rtcp(other_application)
    stage.run(0.06)
    assert stage.seen() == before


def test_only_what_the_page_says_is_sent() -> None:
    stage = Stage()
    for number in ((rtcp.PSFB, rtcp.PLI), (rtcp.RR, None), (rtcp.RTPFB, rtcp.NACK)):
        stage.viewer.send_rtcp(stage.message(number, stage.viewer))
        stage.run(0.5)
    for column, peer in zip(COLUMNS[2:], (stage.source, stage.viewer), strict=True):
        said = {number for numbers, row in rows() for number in numbers if row[column] == "sent"}
        assert {number for compound in peer.compounds for number in numbers_of(compound)} == said
