"""Several segmenters of one recording as one."""

from collections.abc import Sequence

from livecore.media.intake import Placed, Track
from livecore.media.segmenter import Segmenter


class Segmenters:
    """The same frames into several streams, the first of which asks for key frames and counts what is dropped: with Opus, and with AAC."""

    def __init__(self, segmenters: Sequence[Segmenter]) -> None:
        self._all = segmenters
        self.drops = segmenters[0].drops

    def wants_key(self, now: float) -> bool:
        return self._all[0].wants_key(now)

    def take_tracks(self, picture: Track | None, sound: Track | None) -> None:
        for one in self._all:
            one.take_tracks(picture, sound)

    def frames(self, placed: list[Placed]) -> None:
        for one in self._all:
            one.frames(placed)

    def tick(self, now: float) -> None:
        for one in self._all:
            one.tick(now)

    def close(self, *, is_final: bool = True) -> None:
        for one in self._all:
            one.close(is_final=is_final)
