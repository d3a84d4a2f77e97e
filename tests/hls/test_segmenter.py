"""Frames into parts and segments, in virtual time; each stretch is decoded as a player would."""

import functools
from collections.abc import Iterable
from pathlib import Path

import pytest

from livecore.media.cmaf import read_fragments
from livecore.media.intake import Track
from livecore.media.recording import Recording
from livecore.media.reorder import Packet
from livecore.media.segment_sink import SegmentSettings
from livecore.media.segmenter import Segmenter
from tests.hls.reading import Kept
from tests.recording import packetise, tools
from tests.recording.packetise import Sent

CODECS = {"h264": "avc1.", "vp9": "vp09.00.", "av1": "av01.0."}
SOUND = Track(1, "audio", "opus", 48_000, 2)


@functools.cache
def pictures(codec: str, seconds: float = 5.0, size: tuple[int, int] = (320, 180), gop: int = 30) -> list[tuple[float, bytes, bool]]:
    return packetise.coded_video(codec, seconds, size=size, gop=gop)


@functools.cache
def sounds(seconds: float = 5.0) -> list[tuple[float, bytes]]:
    return packetise.coded_audio(seconds)


class Desk:
    """A recording without a file; `kept` is what main processes would know."""

    def __init__(self, tracks: list[Track], window_s: float = 600.0) -> None:
        self.kept = Kept(window_s)
        self.segmenter = Segmenter(SegmentSettings(), self.kept)
        self.recording = Recording(tracks, None, None, segmenter=self.segmenter)
        self.keys: list[float] = []

    def feed(self, packets: Iterable[Sent]) -> "Desk":
        ticked = 0.0
        for sent in packets:
            self.recording.packet(sent.track, Packet(sent.number, sent.timestamp, sent.marker, sent.payload, sent.at), sent.at)
            if sent.at > ticked + 0.1:
                ticked = sent.at
                self.recording.tick(sent.at)
                self.keys += [sent.at] * len(self.recording.key_requests(sent.at))
        return self

    def end(self, now: float) -> Kept:
        self.recording.close(now, "ended")
        return self.kept


def picture_track(codec: str) -> Track:
    return Track(0, "video", codec, 90_000)


def stream(codec: str, seconds: float = 5.0, at: float = 0.0) -> list[Sent]:
    video = [frame for frame in pictures(codec) if frame[0] < seconds]
    audio = [packet for packet in sounds() if packet[0] < seconds]
    return sorted([*packetise.video_packets(codec, video, at=at), *packetise.audio_packets(audio, at=at)], key=lambda sent: sent.at)


def without_sound_between(packets: list[Sent], start_s: float, end_s: float) -> list[Sent]:
    """The sender is silent for a while: its numbers go on, its timestamps leap."""
    kept = [sent for sent in packets if sent.track == 0 or not start_s <= sent.at < end_s]
    number = 50
    for sent in kept:
        if sent.track == 1:
            sent.number, number = number, number + 1
    return kept


@pytest.mark.parametrize("codec", CODECS)
def test_what_goes_in_comes_out_in_parts_and_segments(tmp_path: Path, codec: str) -> None:
    kept = Desk([picture_track(codec), SOUND]).feed(stream(codec)).end(5.0)
    read = kept.under(0)
    assert read.codecs == [codec, "opus"]
    assert len(read.video_s) == 150
    assert read.sizes == [(320, 180)]
    assert read.largest_hole_in_sound_s() < 0.011
    (tmp_path / "joined.mp4").write_bytes(kept.joined())
    assert tools.streams_of(tmp_path / "joined.mp4") == [codec, "opus"]
    assert tools.complaints_of(tmp_path / "joined.mp4") == ""
    init = kept.stream.inits[0]
    assert init.codecs.startswith(CODECS[codec])
    assert init.codecs.endswith(",opus")
    assert (init.width, init.height) == (320, 180)
    segments = kept.segments
    assert [round(segment.duration_s) for segment in segments[:2]] == [2, 2]
    for segment in segments[:2]:
        assert segment.parts[0].is_independent
        assert all(0.85 * 0.224 <= part.duration_s <= 0.224 for part in segment.parts[:-1])
        # Each segment can be joined at: it begins with a key frame.
        alone = kept.inits[0] + kept.data[segment.msn]
        assert len(alone) > 1000
    assert kept.stream.is_ended


def test_a_key_frame_is_asked_for_when_a_segment_is_due_and_a_segment_without_one_does_not_outgrow_its_target() -> None:
    frames = pictures("h264", 5.0, gop=1000)
    packets = [*packetise.video_packets("h264", frames), *packetise.audio_packets(sounds())]
    desk = Desk([picture_track("h264"), SOUND]).feed(sorted(packets, key=lambda sent: sent.at))
    assert desk.keys[0] == pytest.approx(2.0, abs=0.3)
    kept = desk.end(5.0)
    assert [segment.duration_s <= 4.001 for segment in kept.segments] == [True, True]
    assert [segment.is_discontinuity for segment in kept.segments] == [False, False]
    assert len(kept.under(0).video_s) == 150


def test_a_change_of_size_begins_anew_with_a_discontinuity() -> None:
    small = list(packetise.video_packets("h264", pictures("h264", 2.0)))
    last = small[-1].number
    large = list(packetise.video_packets("h264", pictures("h264", 2.0, (640, 360)), number=last + 1, timestamp=0xFFFFF000 + 180000, at=2.0))
    audio = list(packetise.audio_packets([packet for packet in sounds() if packet[0] < 4.0]))
    kept = Desk([picture_track("h264"), SOUND]).feed(sorted([*small, *large, *audio], key=lambda sent: sent.at)).end(4.0)
    assert [(init.width, init.height) for init in kept.stream.inits.values()] == [(320, 180), (640, 360)]
    assert [segment.is_discontinuity for segment in kept.segments][:2] == [False, True]
    assert kept.under(0).sizes == [(320, 180)]
    assert kept.under(1).sizes == [(640, 360)]


def test_a_publisher_who_comes_back_in_another_codec_goes_on_with_a_discontinuity() -> None:
    desk = Desk([picture_track("h264"), SOUND]).feed(stream("h264", 3.0))
    desk.recording.reopen([picture_track("vp9"), SOUND], 10.0)
    kept = desk.feed(stream("vp9", 3.0, at=10.0)).end(13.0)
    assert [init.codecs.split(".")[0] for init in kept.stream.inits.values()] == ["avc1", "vp09"]
    assert [segment.is_discontinuity for segment in kept.segments] == [False, False, True, False]
    assert kept.positions[2] - kept.positions[0] == pytest.approx(10.0, abs=0.1)
    assert len(kept.under(0).video_s) == len(kept.under(1).video_s) == 90


def test_silence_is_filled_so_that_players_find_no_hole() -> None:
    kept = Desk([picture_track("h264"), SOUND]).feed(without_sound_between(stream("h264"), 1.0, 3.5)).end(5.0)
    read = kept.under(0)
    assert read.largest_hole_in_sound_s() < 0.03
    assert read.audio_s[-1] > 4.9
    assert len(read.video_s) == 150


def test_a_microphone_that_never_speaks_does_not_hold_the_picture_back() -> None:
    video = list(packetise.video_packets("h264", pictures("h264")))
    kept = Desk([picture_track("h264"), SOUND]).feed(video).end(5.0)
    read = kept.under(0)
    assert len(read.video_s) == 150
    assert read.audio_s[-1] > 3.9


@pytest.mark.parametrize(("codec", "back_s"), [("h264", 8.0), ("vp9", 8.003), ("av1", 7.99), ("h264", 8.1)])
def test_a_camera_that_is_off_stands_still_beside_the_sound_and_goes_on_without_a_discontinuity(
    tmp_path: Path, codec: str, back_s: float
) -> None:
    first = [sent for sent in stream(codec) if sent.track == 1 or sent.at < 0.5]
    later = list(packetise.audio_packets(sounds(), number=300, timestamp=12345 + 240000, at=5.0))
    number = max(sent.number for sent in first if sent.track == 0) + 1
    again = list(
        packetise.video_packets(codec, pictures(codec, 2.0), number=number, timestamp=0xFFFFF000 + round(90000 * back_s), at=back_s)
    )
    desk = Desk([picture_track(codec), SOUND]).feed(sorted([*first, *later, *again], key=lambda sent: sent.at))
    kept = desk.end(10.0)
    assert len(kept.inits) == 1
    assert not any(segment.is_discontinuity for segment in kept.segments)
    read = kept.under(0)
    assert read.largest_hole_in_sound_s() < 0.011
    assert read.audio_s[-1] > 9.9
    before, still, after = (
        [at for at in read.video_s if low <= at < high] for low, high in ((0, 0.5), (0.5, back_s - 0.06), (back_s - 0.06, 11))
    )
    assert len(before) == 15
    assert len(after) == 60
    # From two seconds on, once a second, with a picture for a player that joins there in each segment.
    assert still[0] == pytest.approx(2.5, abs=0.3)
    assert max(late - early for early, late in zip(still, [*still[1:], after[0]], strict=True)) < 1.1
    assert all(segment.parts[0].is_independent for segment in kept.segments)
    lengths_s = [part.duration_s for segment in kept.segments for part in segment.parts][:-1]
    assert 0.03 < min(lengths_s) <= max(lengths_s) <= 0.224
    assert max(segment.duration_s for segment in kept.segments) <= 4.0
    # A key frame is asked for meanwhile.
    assert len([at for at in desk.keys if 3 < at < 8]) >= 4
    (tmp_path / "joined.mp4").write_bytes(kept.joined())
    assert tools.complaints_of(tmp_path / "joined.mp4") == ""


def test_a_camera_that_comes_back_in_another_size_begins_anew() -> None:
    first = [sent for sent in stream("h264") if sent.track == 1 or sent.at < 0.5]
    number = max(sent.number for sent in first if sent.track == 0) + 1
    small = pictures("h264", 1.0, (160, 90))
    again = list(packetise.video_packets("h264", small, number=number, timestamp=0xFFFFF000 + 90000 * 4, at=4.0))
    kept = Desk([picture_track("h264"), SOUND]).feed(sorted([*first, *again], key=lambda sent: sent.at)).end(5.0)
    assert [(init.width, init.height) for init in kept.stream.inits.values()] == [(320, 180), (160, 90)]
    assert [segment.is_discontinuity for segment in kept.segments if segment.init == 1] == [True]
    assert len(kept.under(1).video_s) == 30
    assert kept.under(1).largest_hole_in_sound_s() < 0.011


def test_sound_alone_is_carried() -> None:
    kept = Desk([SOUND]).feed(packetise.audio_packets(sounds())).end(5.0)
    assert kept.stream.inits[0].codecs == "opus"
    assert all(part.is_independent for segment in kept.segments for part in segment.parts)
    assert len(kept.under(0).audio_s) == 250


def test_vp8_cannot_be_carried() -> None:
    desk = Desk([picture_track("vp8"), SOUND])
    desk.feed(packetise.audio_packets(sounds()))
    assert desk.segmenter.drops["codec_not_carried"]
    kept = desk.end(5.0)
    assert not kept.stream.is_playable


def test_a_lost_packet_leaves_no_torn_picture() -> None:
    packets = stream("h264")
    lost = next(index for index, sent in enumerate(packets) if sent.track == 0 and sent.at > 1.2)
    del packets[lost]
    kept = Desk([picture_track("h264"), SOUND]).feed(packets).end(5.0)
    # From the hole to the next key frame pictures are missing; nothing else is.
    assert 120 <= len(kept.under(0).video_s) < 150


def test_the_parts_of_a_torn_segment_are_read_back_from_its_bytes() -> None:
    kept = Desk([picture_track("h264"), SOUND]).feed(stream("h264")).end(5.0)
    for segment in kept.segments:
        data = kept.data[segment.msn]
        found = read_fragments(data)
        assert [(part.size, part.is_independent) for part in found] == [(part.size, part.is_independent) for part in segment.parts]
        assert [part.duration_s for part in found] == pytest.approx([part.duration_s for part in segment.parts], abs=0.001)
        assert read_fragments(data[:-1]) == found[:-1]
    alone = Desk([SOUND]).feed(packetise.audio_packets(sounds())).end(5.0)
    whole = alone.segments[0]
    assert [part.size for part in read_fragments(alone.data[whole.msn])] == [part.size for part in whole.parts]
    assert read_fragments(b"") == read_fragments(b"moof" * 20) == []
