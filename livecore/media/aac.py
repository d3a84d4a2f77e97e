"""Opus into AAC, for players of HLS that know no Opus: the one place where sound is decoded, and only by setting.

The encoder's own delay is taken out: a frame of 1,024 samples lies where its sound lay.
"""

from fractions import Fraction

import av
from av.audio.codeccontext import AudioCodecContext

from livecore.media.cmaf import AUDIO_CLOCK, Sample, TrackEntry, aac_entry

FRAME_SAMPLES = 1024
# Transparent to most ears in stereo.
BITRATE_BPS = 128_000
_TICK = Fraction(1, AUDIO_CLOCK)
# The search that costs half: its gain is at rates far below this one.
_OPTIONS = {"aac_coder": "fast"}


class AacCoder:
    """`encode` takes Opus packets that follow one another with no hole, from `start` on (samples); answers frames that are whole.

    What cannot be decoded is silence of its length: time goes on.
    """

    def __init__(self, channels: int, start: int) -> None:
        self.undecodable = 0
        self._start = start
        self._channels = channels
        layout = "mono" if channels == 1 else "stereo"
        self._decoder: AudioCodecContext = av.CodecContext.create("libopus", "r")
        self._decoder.sample_rate = AUDIO_CLOCK
        self._decoder.layout = layout
        self._encoder: AudioCodecContext = av.CodecContext.create("aac", "w")
        self._encoder.sample_rate = AUDIO_CLOCK
        self._encoder.layout = layout
        self._encoder.format = "fltp"
        self._encoder.bit_rate = BITRATE_BPS // (3 - channels)
        self._encoder.time_base = _TICK
        self._encoder.options = _OPTIONS
        self._encoder.open()
        self._layout = layout
        self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=AUDIO_CLOCK)
        self._fifo = av.AudioFifo()
        self._given = 0  # samples that went to the encoder

    @property
    def entry(self) -> TrackEntry:
        return aac_entry(self._channels, bytes(self._encoder.extradata or b""))

    def encode(self, opus: bytes, samples: int) -> list[Sample]:
        decoded = self._decoded(opus)
        missing = samples - sum(frame.samples for frame in decoded)
        if missing > 0:
            self.undecodable += 1
            decoded.append(self._silence(missing))
        for frame in decoded:
            frame.pts = None
            self._fifo.write(frame)
        found: list[Sample] = []
        while (whole := self._fifo.read(FRAME_SAMPLES)) is not None:
            whole.sample_rate = AUDIO_CLOCK
            whole.time_base = _TICK
            whole.pts = self._given
            self._given += FRAME_SAMPLES
            # What lies before the start fills the encoder's window alone.
            packets = [(packet.pts, bytes(packet)) for packet in self._encoder.encode(whole)]
            found += [Sample(self._start + pts, FRAME_SAMPLES, data) for pts, data in packets if pts is not None and pts >= 0]
        return found

    def _decoded(self, opus: bytes) -> "list[av.AudioFrame]":
        try:
            return [
                floating for frame in self._decoder.decode(av.Packet(opus)) for floating in self._resampler.resample(_without_time(frame))
            ]
        except (av.error.FFmpegError, ValueError):
            return []

    def _silence(self, samples: int) -> "av.AudioFrame":
        frame = av.AudioFrame(format="fltp", layout=self._layout, samples=samples)
        frame.sample_rate = AUDIO_CLOCK
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        return frame


def _without_time(frame: "av.AudioFrame") -> "av.AudioFrame":
    frame.pts = None
    return frame
