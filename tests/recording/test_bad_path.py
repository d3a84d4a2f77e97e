"""A publisher on a bad path, recorded: real coded pictures and sound over the emulated network, through the media plane's repair, into a file."""

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import pytest

from bench import packetise
from bench.offer import CODECS
from bench.packetise import Sent
from bench.record import CODED_S, rounds
from livecore.media import rtcp
from livecore.media.file_parts import open_writer
from livecore.media.intake import Track
from livecore.media.mux import Layout
from livecore.media.recording import Recording
from livecore.media.repair import finish
from livecore.media.settings import MESSAGE_S
from tests.media.netem import Conditions
from tests.media.virtual import VirtualPeer, VirtualPlane
from tests.recording import tools

SECONDS = 8.0
RATE = 30
# A picture that cannot be shown ends with the next key picture.
GOP = 30
PATHS = {
    "lost at random": Conditions(loss=0.05, delay_s=0.03),
    "lost in bursts": Conditions(loss=0.05, burst=6, delay_s=0.03),
    "late and out of order": Conditions(loss=0.01, delay_s=0.03, jitter_s=0.04, reorder=0.1, duplicate=0.05),
}


@dataclass
class Film:
    """Publishes packets at their times, with sender reports; what is asked for again it sends over RTX, unless it is `deaf`."""

    peer: VirtualPeer
    packets: list[Sent]
    begins_at: float
    kind: int  # payload type of its picture; that of what is sent again is the next
    deaf: bool = False
    resent: int = 0
    _next: int = 0
    _report_at: float = 0.0
    _rtx_sequence: int = 0
    _sent: dict[int, Sent] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.peer.on_message = self._heard

    def on_time(self, now: float) -> None:
        ssrcs = self.peer.peer.ssrcs
        while self._next < len(self.packets) and self.packets[self._next].at <= now - self.begins_at:
            one = self.packets[self._next]
            self._next += 1
            if one.track == 0:
                self._sent[one.number & 0xFFFF] = one
            kind, ssrc = (111, ssrcs["audio"]) if one.track else (self.kind, ssrcs["video"])
            self.peer.send_rtp(kind, one.number, one.timestamp, one.payload, ssrc, marker=one.marker)
        if now >= self._report_at:
            self._report_at = now + 1.0
            for name, hz in (("video", 90_000), ("audio", 48_000)):
                ticks = round((now - self.begins_at) * hz) & 0xFFFFFFFF
                self.peer.send_rtcp(rtcp.build_sender_report(rtcp.SenderReport(ssrcs[name], rtcp.ntp_from_unix(now), ticks, 1, 1)))

    def _heard(self, message: rtcp.Message, now: float) -> None:
        if self.deaf or not isinstance(message, rtcp.Nack) or message.ssrc != self.peer.peer.ssrcs["video"]:
            return
        for number in message.lost:
            if number in self._sent:
                one = self._sent[number]
                self._rtx_sequence += 1
                self.resent += 1
                payload = number.to_bytes(2, "big") + one.payload
                self.peer.send_rtp(self.kind + 1, self._rtx_sequence, one.timestamp, payload, self.peer.peer.rtx_ssrc, marker=one.marker)


@dataclass
class Recorded:
    """What a full decode of the file found: times in seconds."""

    pictures: list[float]
    sounds: list[float]
    complaints: str


@functools.cache
def film(codec: str) -> list[Sent]:
    coded = packetise.coded_video(codec, CODED_S, gop=GOP), packetise.coded_audio(CODED_S)
    return [one for packets in rounds(codec, coded, SECONDS) for one in packets]


def recorded(codec: str, path: Conditions, directory: Path, *, deaf: bool = False) -> tuple[Film, Recorded]:
    plane = VirtualPlane(seed=3)
    source = plane.publish(up=path, down=Conditions(loss=path.loss / 2, delay_s=path.delay_s), codec=codec)
    plane.router.start_recording("live", "main", "rec", ["file"], plane.now)
    sender = Film(source, film(codec), plane.now, CODECS[codec][0], deaf)
    recording: Recording | None = None

    def take(message: dict[str, Any], now: float) -> None:
        nonlocal recording
        if message["t"] == "open":
            assert recording is None
            tracks = [Track(one["track"], one["kind"], one["codec"], one["clock"], one.get("channels", 1)) for one in message["tracks"]]

            def open_part(_part: int, layout: Layout, _start_s: float) -> Any:
                return open_writer(directory / "open", layout)

            recording = Recording(tracks, open_part, lambda _part, _reason: None, message_s=MESSAGE_S)
        elif message["t"] == "rtp":
            assert recording is not None
            recording.runs(message["p"], now)
        elif message["t"] == "sr" and recording is not None:
            recording.report(message["track"], message["ntp"], message["rtp"])

    def each(now: float) -> None:
        sender.on_time(now)
        for message in plane.to_recorder:
            take(message, now)
        plane.to_recorder.clear()
        if recording is not None:
            recording.tick(now)

    plane.run(SECONDS + 2, each)
    assert recording is not None
    recording.close(plane.now, "ended")
    finish(directory / "open", directory / "done", "webm" if codec == "vp8" else "mp4")
    with av.open(str(directory / "done")) as container:
        pictures = [float(frame.time or 0) for frame in container.decode(video=0)]
    with av.open(str(directory / "done")) as container:
        sounds = [float(frame.time or 0) for frame in container.decode(audio=0)]
    return sender, Recorded(pictures, sounds, tools.complaints_of(directory / "done"))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("codec", ["vp8", "h264", pytest.param("vp9", marks=pytest.mark.deep)])
def test_what_a_bad_path_loses_is_in_the_file_all_the_same(codec: str, path: str, tmp_path: Path) -> None:
    sender, found = recorded(codec, PATHS[path], tmp_path)
    assert sender.peer.up.lost > 5
    assert sender.resent > 5
    assert found.complaints == ""
    # From the first key picture on, which may itself have been lost, at most a few are missing, and nothing stands still.
    assert len(found.pictures) >= 0.97 * (SECONDS - GOP / RATE) * RATE
    gaps = [later - sooner for sooner, later in zip(found.pictures, found.pictures[1:], strict=False)]
    assert max(gaps) < 0.3
    # Sound is not sent again: what comes is there, and lies where it belongs.
    assert len(found.sounds) >= 0.9 * 50 * (SECONDS - GOP / RATE)
    assert abs(found.pictures[-1] - found.sounds[-1]) < 0.1


def test_without_what_is_sent_again_half_of_it_would_be_missing(tmp_path: Path) -> None:
    """So that the test above shows repair and not a kind network."""
    _, found = recorded("vp8", PATHS["lost at random"], tmp_path, deaf=True)
    assert len(found.pictures) < 0.8 * SECONDS * RATE
