"""One recording in virtual time: what the network does to packets, and what then lies in the file."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.record import runs
from livecore.media.file_parts import PartWriter, open_writer
from livecore.media.intake import KEY_REQUEST_INTERVAL_S, Track
from livecore.media.mux import Layout, WriteFailed
from livecore.media.recording import Recording
from livecore.media.reorder import Packet
from livecore.media.repair import finish
from tests.recording import packetise, tools
from tests.recording.packetise import Sent
from tests.recording.reading import decode

SOUND = packetise.coded_audio(6.0)


def video_track(codec: str = "vp8") -> Track:
    return Track(0, "video", codec, 90_000)


AUDIO_TRACK = Track(1, "audio", "opus", 48_000, 2)


@dataclass
class Desk:
    """A recording whose parts go into real files of a directory."""

    directory: Path
    tracks: list[Track]
    part_limit_s: float = float("inf")
    layouts: list[Layout] = field(default_factory=list)
    closed: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recording = Recording(
            self.tracks, self.open_part, lambda part, reason: self.closed.append((part, reason)), part_limit_s=self.part_limit_s
        )

    def open_part(self, part: int, layout: Layout, start_s: float) -> PartWriter:
        self.layouts.append(layout)
        return open_writer(self.path(part), layout)

    def path(self, part: int) -> Path:
        return self.directory / f"{part}.open"

    def feed(self, packets: Iterable[Sent], ticks: bool = True) -> None:
        ticked = 0.0
        for sent in packets:
            self.recording.packet(sent.track, Packet(sent.number, sent.timestamp, sent.marker, sent.payload, sent.at), sent.at)
            if ticks and sent.at > ticked + 0.1:
                ticked = sent.at
                self.recording.tick(sent.at)

    def finished(self, part: int = 0) -> Path:
        target = self.directory / f"{part}.done"
        finish(self.path(part), target, self.layouts[part].container)
        return target


def merged(*streams: Iterable[Sent]) -> list[Sent]:
    return sorted((sent for stream in streams for sent in stream), key=lambda sent: sent.at)


@pytest.mark.parametrize("codec", ["vp8", "vp9", "h264", "av1"])
def test_each_codec_ends_in_a_file_that_decodes_completely_and_knows_its_length(tmp_path: Path, codec: str) -> None:
    desk = Desk(tmp_path, [video_track(codec), AUDIO_TRACK])
    frames = packetise.coded_video(codec, 3.0)
    desk.feed(merged(packetise.video_packets(codec, frames), packetise.audio_packets(SOUND[:150])))
    desk.recording.close(3.0, "ended")
    read = decode(desk.finished())
    assert read.codecs == {"video": codec, "audio": "opus"}
    assert len(read.video_s) == 90
    assert len(read.audio_s) in (149, 150)
    assert read.sizes == [(320, 180)]
    assert read.duration_s == pytest.approx(3.0, abs=0.05)
    assert desk.closed == [(0, "ended")]
    assert +desk.recording.drops == {}


def test_sound_alone_is_a_webm_of_opus(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [AUDIO_TRACK])
    desk.feed(packetise.audio_packets(SOUND))
    desk.recording.close(6.0, "ended")
    assert desk.layouts[0].container == "webm"
    assert len(decode(desk.finished()).audio_s) == pytest.approx(300, abs=2)


def test_picture_alone_works_and_an_announced_but_silent_track_is_left_out(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [video_track("h264"), AUDIO_TRACK])
    desk.feed(packetise.video_packets("h264", packetise.coded_video("h264", 2.0)))
    desk.recording.close(2.0, "ended")
    read = decode(desk.finished())
    assert read.codecs == {"video": "h264"}
    assert len(read.video_s) == 60


def test_sender_reports_put_flash_and_beep_together(tmp_path: Path) -> None:
    """The picture is 300 ms longer on its way than the sound; reports say that both left in the same instant."""
    desk = Desk(tmp_path, [video_track(), AUDIO_TRACK])
    frames = packetise.coded_video("vp8", 3.0)
    packets = merged(packetise.video_packets("vp8", frames, at=10.3), packetise.audio_packets(SOUND[:150], at=10.0))
    early = [sent for sent in packets if sent.at < 10.5]
    desk.feed(early)
    desk.recording.report(0, 3_900_000_000 << 32, 0xFFFFF000)
    desk.recording.report(1, 3_900_000_000 << 32, 12345)
    desk.feed(packets[len(early) :])
    desk.recording.close(13.5, "ended")
    read = decode(desk.finished())
    assert read.video_s[0] == pytest.approx(0.0, abs=0.01)
    # Sound from before the first picture is left out; what is left starts with it.
    assert read.audio_s[0] == pytest.approx(0.0, abs=0.021)
    assert read.audio_s[-1] == pytest.approx(SOUND[149][0], abs=0.021)


@pytest.mark.parametrize("seed", range(4))
def test_loss_and_reordering_with_retransmission_lose_no_frame(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    frames = packetise.coded_video("vp8", 4.0)
    sent = merged(packetise.video_packets("vp8", frames), packetise.audio_packets(SOUND[:200]))
    # The numbering begins with the first packet that is seen, so what is before it cannot be missed.
    for packet in sent[10:]:
        packet.at += dice.expovariate(200)
        if dice.random() < 0.05:
            packet.at += dice.uniform(0.05, 0.3)
    desk = Desk(tmp_path, [video_track(), AUDIO_TRACK])
    desk.feed(sorted(sent, key=lambda packet: packet.at))
    desk.recording.close(5.0, "ended")
    assert len(decode(desk.finished()).video_s) == 120
    assert desk.recording.drops["lost"] == 0


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_loss_for_good_costs_up_to_the_next_key_frame_and_the_file_still_decodes(tmp_path: Path, codec: str) -> None:
    dice = random.Random(11)
    frames = packetise.coded_video(codec, 6.0, gop=15)
    sent = [p for p in packetise.video_packets(codec, frames) if dice.random() > 0.02 or p.number == 1000]
    desk = Desk(tmp_path, [video_track(codec)])
    desk.feed(sent)
    desk.recording.close(6.5, "ended")
    read = decode(desk.finished())
    assert desk.recording.drops["lost"] > 0
    assert 60 < len(read.video_s) < 180
    assert read.end_s > 5.0


def test_key_frames_are_asked_for_at_the_start_and_on_a_gap_once_a_second(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [video_track(), AUDIO_TRACK])
    packets = list(packetise.video_packets("vp8", packetise.coded_video("vp8", 2.0)))
    assert desk.recording.key_requests(0.0) == [0]
    assert desk.recording.key_requests(KEY_REQUEST_INTERVAL_S - 0.01) == []
    assert desk.recording.key_requests(KEY_REQUEST_INTERVAL_S) == [0]
    desk.feed(packets[:20])
    assert desk.recording.key_requests(5.0) == []
    desk.feed(packets[21:30])
    desk.recording.tick(packets[30].at + 0.6)
    assert desk.recording.key_requests(5.0) == [0]


def test_a_publisher_that_returns_goes_on_in_the_same_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [video_track(), AUDIO_TRACK])
    frames = packetise.coded_video("vp8", 2.0)
    desk.feed(merged(packetise.video_packets("vp8", frames), packetise.audio_packets(SOUND[:100])))
    desk.recording.reopen([video_track(), AUDIO_TRACK], 7.0)
    assert desk.recording.key_requests(7.0) == [0]
    again = merged(
        packetise.video_packets("vp8", frames, number=9, timestamp=77, at=7.0), packetise.audio_packets(SOUND[:100], 7, 5, at=7.0)
    )
    desk.feed(again)
    desk.recording.close(9.5, "ended")
    read = decode(desk.finished())
    assert len(read.video_s) == 120
    assert read.video_s[60] == pytest.approx(7.0, abs=0.05)
    assert read.duration_s == pytest.approx(9.0, abs=0.1)
    assert desk.closed == [(0, "ended")]


def test_another_codec_begins_the_next_part(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [video_track("vp8"), AUDIO_TRACK])
    desk.feed(packetise.video_packets("vp8", packetise.coded_video("vp8", 1.5)))
    desk.recording.reopen([video_track("h264"), AUDIO_TRACK], 4.0)
    desk.feed(packetise.video_packets("h264", packetise.coded_video("h264", 1.5), at=4.0))
    desk.recording.close(6.0, "ended")
    assert desk.closed == [(0, "codec_changed"), (1, "ended")]
    assert [len(decode(desk.finished(part)).video_s) for part in (0, 1)] == [45, 45]


@pytest.mark.parametrize("codec", ["vp8", "h264", "vp9", "av1"])
def test_a_change_of_size_in_mid_stream_is_recorded(tmp_path: Path, codec: str) -> None:
    desk = Desk(tmp_path, [video_track(codec)])
    desk.feed(packetise.video_packets(codec, packetise.coded_video(codec, 1.0)))
    small = packetise.coded_video(codec, 1.0, size=(160, 120))
    desk.feed(packetise.video_packets(codec, small, number=5000, timestamp=0xFFFFF000 + 90000 & 0xFFFFFFFF, at=1.0))
    desk.recording.tick(3.0)
    desk.recording.close(3.0, "ended")
    read = decode(desk.finished())
    assert read.sizes == [(320, 180), (160, 120)]
    assert len(read.video_s) == 60


def test_a_camera_that_stays_off_is_recorded_as_sound_until_it_comes_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [video_track(), AUDIO_TRACK])
    desk.feed(packetise.audio_packets(SOUND))
    assert desk.layouts[0].video is None
    desk.feed(packetise.video_packets("vp8", packetise.coded_video("vp8", 1.0), at=6.0))
    desk.recording.close(7.5, "ended")
    assert desk.closed == [(0, "picture_came"), (1, "ended")]
    assert len(decode(desk.finished(1)).video_s) == 30


def test_a_long_recording_rotates_at_a_key_frame_which_it_asks_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [video_track(), AUDIO_TRACK], part_limit_s=1.5)
    frames = packetise.coded_video("vp8", 4.0, gop=30)
    packets = merged(packetise.video_packets("vp8", frames), packetise.audio_packets(SOUND[:200]))
    desk.feed([sent for sent in packets if sent.at < 1.95])
    assert desk.recording.key_requests(10.0) == [0]
    desk.feed([sent for sent in packets if sent.at >= 1.95])
    desk.recording.close(5.0, "ended")
    assert desk.closed == [(0, "part_limit"), (1, "ended")]
    assert [len(decode(desk.finished(part)).video_s) for part in (0, 1)] == [60, 60]


def test_a_pause_of_the_sender_is_a_pause_in_the_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [video_track(), AUDIO_TRACK])
    frames = packetise.coded_video("vp8", 2.0)
    paused = [(t if t < 1.0 else t + 3.0, data, key) for t, data, key in frames]
    desk.feed(merged(packetise.video_packets("vp8", paused), packetise.audio_packets(SOUND[:250])))
    desk.recording.close(6.0, "ended")
    read = decode(desk.finished())
    assert read.video_s[30] - read.video_s[29] == pytest.approx(3.033, abs=0.01)
    assert len(read.audio_s) == pytest.approx(250, abs=2)


class FullDisk:
    """/dev/full refuses each byte, as a full file system does."""

    def __call__(self, part: int, layout: Layout, start_s: float) -> PartWriter:
        return open_writer(Path("/dev/full"), layout)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_full_disk_ends_the_recording_with_its_reason(codec: str) -> None:
    closed: list[str] = []
    recording = Recording([video_track(codec)], FullDisk(), lambda part, reason: closed.append(reason))

    def record() -> None:
        for sent in packetise.video_packets(codec, packetise.coded_video(codec, 4.0)):
            recording.packet(0, Packet(sent.number, sent.timestamp, sent.marker, sent.payload, sent.at), sent.at)

    with pytest.raises(WriteFailed) as failed:
        record()
    assert failed.value.reason == "disk_full"
    recording.abandon(failed.value.reason)
    assert closed == ["disk_full"]


@pytest.mark.parametrize(
    "tracks",
    [
        [],
        [Track(0, "video", "theora", 90_000)],
        [Track(0, "audio", "vp8", 90_000)],
        [Track(0, "video", "vp8", 0)],
        [Track(0, "data", "vp8", 90_000)],
    ],
)
def test_tracks_that_cannot_be_recorded_are_refused(tracks: list[Track], tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        Desk(tmp_path, tracks)


def test_packets_of_a_track_that_was_not_announced_are_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [AUDIO_TRACK])
    desk.recording.packet(7, Packet(1, 1, False, b"x", 0.0), 0.0)
    assert desk.recording.drops["no_track"] == 1


@pytest.mark.parametrize("codec", ["vp8", "vp9", "h264", "av1", None])
def test_ffprobe_and_ffmpeg_find_nothing_wrong_as_written_and_finished(tmp_path: Path, codec: str | None) -> None:
    """Strangers to our own library: what a person's own tools say of a downloaded recording."""
    desk = Desk(tmp_path, [video_track(codec), AUDIO_TRACK] if codec else [AUDIO_TRACK])
    pictures = list(packetise.video_packets(codec, packetise.coded_video(codec, 3.0))) if codec else []
    desk.feed(merged(pictures, packetise.audio_packets(SOUND[:300] if codec is None else SOUND[:150])))
    desk.recording.close(6.0, "ended")
    for path in (desk.path(0), desk.finished()):
        assert tools.streams_of(path) == ([codec, "opus"] if codec else ["opus"])
        assert tools.complaints_of(path) == ""


@pytest.mark.parametrize("loss", [0.0, 0.03])
def test_what_comes_in_runs_is_recorded_as_packet_by_packet(tmp_path: Path, loss: float) -> None:
    """A worker sends runs (sounds at one pace share one) of what arrived together; late and lost packets break them."""
    dice = random.Random(2)
    packets = merged(packetise.video_packets("h264", packetise.coded_video("h264", 4.0)), packetise.audio_packets(SOUND[:200]))
    arrived = [sent for sent in packets if dice.random() >= loss]
    read = []
    for name, step in (("one", 1), ("many", 90)):
        (tmp_path / name).mkdir()
        desk = Desk(tmp_path / name, [video_track("h264"), AUDIO_TRACK])
        for start in range(0, len(arrived), step):
            together = runs(arrived[start : start + step])
            now = arrived[min(start + step, len(arrived)) - 1].at
            assert step == 1 or len(together) < step / 2
            desk.recording.runs(together, now)
            desk.recording.tick(now)
        desk.recording.close(4.0, "ended")
        read.append(decode(desk.finished()))
        assert desk.recording.drops["lost"] == len(packets) - len(arrived)
    one, many = read
    assert many.video_s == pytest.approx(one.video_s, abs=0.001)
    # A sound of the very first instant may lie just before the first picture, which begins the file.
    first = next(at for at in one.audio_s if at > 0.01)
    assert [at for at in many.audio_s if at > 0.01] == pytest.approx([at for at in one.audio_s if at >= first], abs=0.001)
