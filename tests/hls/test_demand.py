"""Who plays by HLS, and what is made of it: parts at once, or the same parts from longer messages."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from bench.record import runs
from livecore.media.file_parts import open_writer
from livecore.media.hls_demand import Asked, HlsDemand, linger_s
from livecore.media.intake import Track
from livecore.media.playlist import Facts, Stream
from livecore.media.recording import Recording
from livecore.media.segment_sink import SegmentSettings
from livecore.media.segment_store import StoredStream
from livecore.media.segmenter import Segmenter
from livecore.media.settings import MESSAGE_S
from tests.recording import packetise

SECONDS = 5.0
PART_S = 0.2


def test_parts_are_wanted_at_first_and_as_long_as_somebody_asks_within_the_time_that_a_request_may_wait() -> None:
    assert linger_s(4) == 12.0
    demand = HlsDemand(12.0, now=100.0)
    assert demand.is_wanted
    assert demand.turn(111.9) is None
    demand.asked(111.9)
    assert demand.turn(123.8) is None
    assert demand.turn(123.9) is False
    assert demand.turn(200.0) is None
    demand.asked(300.0)
    assert demand.turn(300.0) is True
    assert demand.turn(300.1) is None
    assert demand.turn(312.0) is False


def test_the_recorder_is_told_of_players_a_few_times_within_that_time_however_many_ask() -> None:
    asked = Asked(4)
    assert not asked.is_fresh(0.0)
    told = [now / 10 for now in range(240) if asked.is_due(now / 10)]
    assert told == pytest.approx([0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 21.0])
    assert asked.is_fresh(32.9)
    assert not asked.is_fresh(33.0)
    assert asked.is_due(33.0)


def made(directory: Path, codec: str, message_s: float) -> dict[str, Any]:
    """What the recorder makes of a stream that comes in messages of this length: all that is in its files."""
    directory.mkdir()
    events: list[Any] = []
    journal = (directory / "journal").open("wb", buffering=0)
    stream = Stream(Facts("live", "stream", 4, 0.224, 1800.0))
    stored = StoredStream(
        "stream", directory, stream, journal, lambda _id, told: events.extend(told), lambda position_s: round(1000 * position_s)
    )
    recording = Recording(
        [Track(0, "video", codec, 90_000), Track(1, "audio", "opus", 48_000, 2)],
        lambda _part, layout, _start_s: open_writer(directory / "file", layout),
        lambda _part, _reason: None,
        segmenter=Segmenter(SegmentSettings(), stored),
    )
    recording.pace(message_s == PART_S)
    video, audio = packetise.coded_video(codec, SECONDS, gop=20), packetise.coded_audio(SECONDS)
    packets = sorted([*packetise.video_packets(codec, video), *packetise.audio_packets(audio)], key=lambda sent: sent.at)
    for index, group in itertools.groupby(packets, key=lambda sent: round(1000 * sent.at) // round(1000 * message_s)):
        recording.runs(runs(group), (index + 1) * message_s)
        if not index:
            for track, timestamp in ((0, 0xFFFFF000), (1, 12345)):
                recording.report(track, 3_900_000_000 << 32, timestamp)
        recording.tick((index + 1) * message_s)
    before_the_end = stream.playlist()
    recording.close(SECONDS, "ended")
    segments = {path.name: path.read_bytes() for path in sorted(directory.glob("*.m4s"))}
    return {"events": events, "segments": segments, "playlist": stream.playlist(), "window": before_the_end}


@pytest.mark.parametrize("codec", ["h264", "vp9", "av1"])
def test_a_stream_that_nobody_plays_is_cut_into_the_very_same_parts(tmp_path: Path, codec: str) -> None:
    """Boundaries, bytes, journal and playlist: whoever goes back in it later finds what would have been there."""
    by_part, seldom = made(tmp_path / "parts", codec, PART_S), made(tmp_path / "seldom", codec, MESSAGE_S)
    assert seldom == by_part
    lengths = [event[1] for event in by_part["events"] if event[0] == "part"]
    assert len(lengths) >= 24
    assert max(lengths) < 0.224
    assert (tmp_path / "seldom" / "journal").read_bytes() == (tmp_path / "parts" / "journal").read_bytes()
