"""The sound of a stream for HLS: one sample after another without a hole, coded anew where a player needs it. No clock, no files."""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from livecore.media.cmaf import AUDIO_CLOCK, VIDEO_CLOCK, Sample, TrackEntry, opus_entry

# Rounding of two clocks: sounds this close follow one another.
SOUND_SLACK = AUDIO_CLOCK // 100
# 20 ms of Opus silence (RFC 6716): one frame, full band, stereo or mono.
SILENCE_SAMPLES = 960
_SILENCE = {1: b"\xf8\xff\xfe", 2: b"\xfc\xff\xfe"}


class SoundCoder(Protocol):
    """Sound in another codec than it came in; see `aac.AacCoder`."""

    @property
    def entry(self) -> TrackEntry: ...

    def encode(self, opus: bytes, samples: int) -> list[Sample]: ...


# Makes a coder for so many channels, whose first sound lies at that sample.
MakeCoder = Callable[[int, int], SoundCoder]


class SoundLane:
    """What lies in the part at hand (`take`), and where its end is. `drops` counts the silences.

    `make_coder`: None carries the sound as it came.
    """

    def __init__(self, make_coder: MakeCoder | None, drops: Counter[str]) -> None:
        self.end = 0  # in samples
        self._drops = drops
        self._make_coder = make_coder
        self._coder: SoundCoder | None = None
        self._channels = 2
        self._samples: list[Sample] = []

    def begin(self, channels: int, at: int) -> TrackEntry:
        """What follows begins at this sample, under the entry that is answered."""
        self._channels = channels if channels in (1, 2) else 2
        self.end = at
        self._coder = self._make_coder(self._channels, at) if self._make_coder is not None else None
        return self._coder.entry if self._coder is not None else opus_entry(self._channels)

    def append(self, data: bytes, samples: int) -> None:
        if self._coder is not None:
            self._samples += self._coder.encode(data, samples)
        else:
            self._samples.append(Sample(self.end, samples, data))
        self.end += samples

    def fill(self, until: int) -> None:
        """Silence up to there, give or take `SOUND_SLACK`."""
        data = _SILENCE[self._channels]
        while until - self.end > SOUND_SLACK:
            # The last one is as long as what is left, so that no hole remains.
            left = until - self.end
            self.append(data, SILENCE_SAMPLES if left >= 2 * SILENCE_SAMPLES else min(left, 2 * SILENCE_SAMPLES))
            self._drops["silence_filled"] += 1

    def take(self) -> list[Sample]:
        samples, self._samples = self._samples, []
        return samples

    def take_before(self, ticks: int) -> list[Sample]:
        """Those that begin before this place, at the picture's clock; the others stay."""
        taken = [sample for sample in self._samples if sample.ticks * VIDEO_CLOCK < ticks * AUDIO_CLOCK]
        del self._samples[: len(taken)]
        return taken
