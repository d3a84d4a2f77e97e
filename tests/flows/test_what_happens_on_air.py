"""What a camera and its network do in one live, through WHIP into the downloaded file and into what a player of HLS gets.

The camera codes a key frame only when it is asked, as a browser's does; its picture grows, a packet is lost for good, its sound and then its
picture are away for a while.
"""

import asyncio
import itertools
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av

from livecore.media import rtcp
from tests.conftest import StartServer
from tests.flows.broadcast import Broadcast
from tests.flows.test_layers_of_a_recording import by_hls, decoded, sizes_of
from tests.flows.test_parts_of_a_live import finished
from tests.hls.player import Player
from tests.hls.test_watching import opened
from tests.recording import packetise
from tests.waiting import until

SMALL, LARGE = (160, 90), (320, 180)
RATE = 30
SEGMENT_S = 1
# Seconds of the live: when the picture grows, a packet is lost, the sound is away, the picture is away, and the end.
GROWS_S, LOST_S, SILENT_S, DARK_S, END_S = 1.5, 3.0, (4.5, 5.5), (6.0, 7.2), 8.5
# A loss is waited for (half a second), then a key frame is asked for, at most once a second. The rest is for a busy machine.
TORN_S = 3.0


class Encoder:
    """One size of the picture; a key frame at its begin and where `is_asked`."""

    def __init__(self, size: tuple[int, int]) -> None:
        context: Any = av.CodecContext.create("libx264", "w")
        context.width, context.height = self.size = size
        context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, RATE), Fraction(RATE, 1)
        context.gop_size, context.options = 10_000, packetise.ENCODERS["h264"][1] | {"forced-idr": "1"}
        self._context = context

    def coded(self, index: int, is_asked: bool) -> bytes:
        frame = packetise.picture(index, *self.size)
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        frame.pict_type = av.video.frame.PictureType.I if is_asked else av.video.frame.PictureType.NONE
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


@dataclass
class Camera(Broadcast):
    """Sends until `END_S`, then `is_over`. `asked_s`: what second of it was taken when a key frame was asked for; `pictures`: what it sent."""

    host: Any
    codec: str = "h264"
    asked_s: list[float] = field(default_factory=list)
    pictures: int = 0

    def __post_init__(self) -> None:
        super().__init__(self.host, codec=self.codec)
        self.is_over = asyncio.Event()

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        is_asked, at_s = True, 0.0

        def hear(message: rtcp.Message) -> None:
            nonlocal is_asked
            if isinstance(message, rtcp.KeyFrameRequest):
                is_asked = True
                self.asked_s.append(at_s)

        self.peer.on_rtcp = hear
        encoder, sounds = Encoder(SMALL), itertools.cycle(packetise.coded_audio(2.0))
        number, heard, has_lost = 1000, 0, False
        for index in range(round(END_S * RATE)):
            at_s = index / RATE
            await asyncio.sleep(max(0.0, began + at_s - loop.time()))
            if at_s >= GROWS_S and encoder.size == SMALL:
                encoder = Encoder(LARGE)
            while heard * 0.02 <= at_s:
                _, sound = next(sounds)
                if not SILENT_S[0] <= heard * 0.02 < SILENT_S[1]:
                    self.peer.send_rtp("audio", 50 + heard, heard * 960, sound)
                    self.sent["audio"] += 1
                heard += 1
            if DARK_S[0] <= at_s < DARK_S[1]:
                continue
            payloads = packetise.h264(encoder.coded(index, is_asked), is_asked)
            is_key, is_asked = is_asked, False
            self.pictures += 1
            for payload in payloads:
                is_lost = at_s >= LOST_S and not has_lost and not is_key
                has_lost = has_lost or is_lost
                if not is_lost:
                    self.peer.send_rtp("video", number, index * 3000, payload, marker=payload is payloads[-1])
                    self.sent["video"] += 1
                number += 1
            if index % RATE == 0:
                for kind, timestamp in (("video", index * 3000), ("audio", round(at_s * 48_000))):
                    ntp = rtcp.ntp_from_unix(1_700_000_000 + at_s)
                    report = rtcp.SenderReport(self.peer.ssrcs[kind], ntp, timestamp, self.sent[kind], 0)
                    self.peer.send_rtcp(rtcp.build_sender_report(report))
        self.is_over.set()


async def _has_ended(player: Player) -> bool:
    return (await player.playlist()).is_ended


async def test_07_sizes_losses_silence_and_a_dark_camera_leave_a_whole_file_and_a_whole_stream(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = await start_server(media=True, hls_segment_s=SEGMENT_S)
    anna, ben = await server.person("anna"), await server.person("ben")
    camera = Camera(anna)
    await camera.start()
    try:
        player = await opened(ben, camera)
        await asyncio.wait_for(camera.is_over.wait(), 60)
    finally:
        await camera.end()

    # Asked at the start, for segments, and after the loss.
    assert camera.asked_s[0] < GROWS_S
    assert any(LOST_S < at < LOST_S + TORN_S for at in camera.asked_s), camera.asked_s
    assert len(camera.asked_s) >= 3, camera.asked_s

    [video] = await finished(ben, camera.id)
    file = await decoded((await ben.get(f"/api/v1/videos/{video['id']}/download")).body, tmp_path / "file.mp4")
    await until(lambda: _has_ended(player), "the end of the stream")
    streams = await by_hls(player, tmp_path)
    for found in ([file], streams):
        assert sizes_of(found) == [SMALL, LARGE]
        pictures = [at for one in found for at in one.video_s]
        assert all(after > before for before, after in pairwise(pictures))
        # Of what was sent all but what the loss tore, up to the key frame that was asked for.
        assert camera.pictures - TORN_S * RATE < len(pictures) < camera.pictures, (camera.pictures, len(pictures))
    # The file says when nothing was shown; the picture of HLS stays, and its sound is silence, since players stop at a hole.
    dark_s = DARK_S[1] - DARK_S[0]
    assert any(abs(after - before - dark_s) < 0.2 for before, after in pairwise(file.video_s)), file.video_s
    assert max(one.largest_hole_in_sound_s() for one in streams) < 0.03
    assert abs(file.audio_s[-1] - file.video_s[-1]) < 0.3
    known = await player.playlist()
    assert known.discontinuities == 1
    # Each segment begins with a key frame that was asked for, but those while the camera was dark or its picture torn.
    assert len(known.segments) >= 4
