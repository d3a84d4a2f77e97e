"""The second stream with AAC sound: decodes as a player would, and its sound lies where it lay."""

import array
import io
import math
from fractions import Fraction
from pathlib import Path

import av
import pytest

from livecore.media.aac import AacCoder
from livecore.media.recording import Recording
from livecore.media.reorder import Packet
from livecore.media.segment_sink import SegmentSettings
from livecore.media.segmenter import Segmenter
from livecore.media.segmenters import Segmenters
from tests.conftest import StartServer
from tests.flows.broadcast import Broadcast
from tests.hls.player import Player
from tests.hls.reading import Kept, played
from tests.hls.test_segmenter import SOUND, picture_track, pictures
from tests.recording import packetise, tools

BEEPS_S = (1.0, 3.5)


def beeping(seconds: float) -> list[tuple[float, bytes]]:
    """Opus packets of silence, with a tone of 100 ms from each of `BEEPS_S` on."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.time_base = 48_000, "stereo", "s16", Fraction(1, 48_000)
    out: list[bytes] = []
    for index in range(round(seconds * 50)):
        samples = array.array("h")
        for n in range(960 * index, 960 * (index + 1)):
            is_on = any(start <= n / 48_000 < start + 0.1 for start in BEEPS_S)
            samples.extend([round(20_000 * math.sin(2 * math.pi * n / 48)) if is_on else 0] * 2)
        frame = av.AudioFrame("s16", "stereo", 960)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate, frame.pts, frame.time_base = 48_000, index * 960, Fraction(1, 48_000)
        out += [bytes(packet) for packet in encoder.encode(frame)]
    return [(index * 0.02, data) for index, data in enumerate(out)]


def onsets_s(data: bytes) -> list[float]:
    """When the sound of a file begins to be loud, seconds on its own line."""
    levels: list[tuple[float, float]] = []
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        for frame in container.decode(audio=0):
            wave = array.array("f", bytes(frame.planes[0])[: 4 * frame.samples])
            begin_s = float(frame.time or 0)
            levels += [(begin_s + at / 48_000, max(map(abs, wave[at : at + 48]))) for at in range(0, frame.samples, 48)]
    loudest = max(level for _, level in levels)
    found: list[float] = []
    for at, level in levels:
        if level > loudest / 4 and (not found or at - found[-1] > 1.0):
            found.append(at)
    return found


def both_streams(gap: tuple[float, float] = (0, 0)) -> tuple[Kept, Kept]:
    """The same five seconds with Opus and with AAC; sound is missing in `gap`."""
    opus, aac = Kept(), Kept()
    settings = SegmentSettings(aac=True)
    segmenters = Segmenters([Segmenter(settings, opus), Segmenter(settings, aac, make_coder=AacCoder)])
    recording = Recording([picture_track("h264"), SOUND], None, None, segmenter=segmenters)
    sound = [packet for packet in packetise.audio_packets(beeping(5.0)) if not gap[0] <= packet.at < gap[1]]
    packets = [*packetise.video_packets("h264", pictures("h264")), *sound]
    for sent in sorted(packets, key=lambda sent: sent.at):
        recording.packet(sent.track, Packet(sent.number, sent.timestamp, sent.marker, sent.payload, sent.at), sent.at)
    recording.close(5.0, "ended")
    return opus, aac


@pytest.mark.parametrize("gap", [(0, 0), (1.5, 2.2)])
def test_aac_lies_where_the_sound_lay_and_has_no_holes(tmp_path: Path, gap: tuple[float, float]) -> None:
    opus, aac = both_streams(gap)
    assert aac.stream.inits[0].codecs.endswith(",mp4a.40.2")
    read = aac.under(0)
    assert read.codecs == ["h264", "aac"]
    assert len(read.video_s) == len(opus.under(0).video_s)
    assert max(after - before for before, after in zip(read.audio_s, read.audio_s[1:], strict=False)) == pytest.approx(
        1024 / 48_000, abs=0.001
    )
    (tmp_path / "joined.mp4").write_bytes(aac.joined())
    assert tools.streams_of(tmp_path / "joined.mp4") == ["h264", "aac"]
    assert tools.complaints_of(tmp_path / "joined.mp4") == ""
    # Both streams have the same pictures, so the same difference holds against those.
    before, after = (onsets_s(kept.inits[0] + b"".join(kept.data[s.msn] for s in kept.segments)) for kept in (opus, aac))
    assert len(before) == len(after) == len(BEEPS_S)
    for at, was, now in zip(BEEPS_S, before, after, strict=True):
        assert now == pytest.approx(was, abs=0.015)
        assert now == pytest.approx(at, abs=0.04)


def test_what_is_no_opus_is_silence_of_its_length() -> None:
    coder = AacCoder(2, 480)
    frames = [sample for _ in range(50) for sample in coder.encode(b"\xff\xff\xff\x00", 960)]
    assert coder.undecodable > 0
    assert [sample.ticks for sample in frames] == [480 + 1024 * index for index in range(len(frames))]
    assert len(frames) >= 44


async def test_both_are_offered_by_their_codecs_and_aac_plays(start_server: StartServer) -> None:
    server = await start_server(media=True, hls_segment_s=1, hls_aac=True)
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna, codec="h264", record=False).start()
    try:
        live = dict((await ben.get(f"/api/v1/lives/{broadcast.id}")).json)
        player = await Player(ben, live).open()
        uris = [line for line in player.multivariant.splitlines() if line.startswith("/")]
        codecs = [line.partition('CODECS="')[2].partition('"')[0] for line in player.multivariant.splitlines() if "CODECS" in line]
        assert [names.partition(",")[2] for names in codecs] == ["opus", "mp4a.40.2"]
        player.place = uris[1].rpartition("/")[0]
        known = await player.playlist()
        for _ in range(6):
            known = await player.after(known)
        data = await player.bytes(known.maps[-1])
        for key in sorted(known.parts):
            data += await player.bytes(known.parts[key])
        read = played(data)
        assert read.codecs == ["h264", "aac"]
        assert len(read.video_s) > 20
        assert len(read.audio_s) > 20
    finally:
        await broadcast.end()
