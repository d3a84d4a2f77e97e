"""One recording: packets of one publication in, files and segments out. No sockets, no clock, no file names.

The same frames go into a file (`file_parts`) and into segments for HLS (`segmenter`), either of which may be absent.
"""

from collections import Counter
from collections.abc import Iterable

from livecore.media.file_parts import WRITE_S, FileParts, OpenPart, PartClosed
from livecore.media.intake import Intake, Placed, Run, Track
from livecore.media.mux import WriteFailed
from livecore.media.reorder import Packet
from livecore.media.segmenter import Segmenter
from livecore.media.segmenters import Segmenters

# Reasons after which the same publication goes on at once, or under the next recorder: its viewers are not sent away.
FOR_A_MOMENT = frozenset(("codec_changed", "shutdown"))


class Recording:
    """Feed it with `packet` or `runs`, `report` and `tick`; ask it for `key_requests`; end it with `close`.

    Args:
        open_part, part_closed: what makes a file's writer, and is told when one is done; None: no file is written.
        wait_s: how long a missing packet is waited for.
        message_s: how long packets may have waited elsewhere before they come here, which what is missing may do too.
        part_limit_s: a part of a file longer than this ends at the next key frame.
        first_part: number of the first part.
        segmenter: cuts the same frames into segments; None: nobody watches by HLS.

    Raises:
        WriteFailed: from `packet`, `runs`, `tick`, `reopen` and `close`; call `abandon` then: the file ends, segments go on.
        ValueError: from the constructor and `reopen`, for tracks that cannot be recorded.
    """

    def __init__(
        self,
        tracks: Iterable[Track],
        open_part: OpenPart | None,
        part_closed: PartClosed | None,
        wait_s: float = 0.5,
        part_limit_s: float = float("inf"),
        first_part: int = 0,
        segmenter: Segmenter | Segmenters | None = None,
        message_s: float = 0.0,
    ) -> None:
        self.drops: Counter[str] = Counter()
        self._intake = Intake(tracks, self._frames, self.drops, wait_s, message_s)
        self._file: FileParts | None = None
        if open_part is not None and part_closed is not None:
            self._file = FileParts(open_part, part_closed, self.drops, part_limit_s, first_part)
        self._failed: WriteFailed | None = None  # raised once what is under way is done
        self.segmenter = segmenter
        self._hand_on_tracks()

    @property
    def has_file(self) -> bool:
        return self._file is not None

    def _hand_on_tracks(self) -> None:
        if self.segmenter is not None:
            self.segmenter.take_tracks(self._intake.picture, self._intake.sound)
        if self._file is not None:
            self._file.take_tracks(self._intake.picture, self._intake.sound)

    def pace(self, is_at_once: bool) -> None:
        """Whether messages come part by part, or seldom (`hls_demand`): then what a message brought is written at its end."""
        if self._file is not None:
            self._file.write_s = WRITE_S if is_at_once else 0.0

    def reopen(self, tracks: Iterable[Track], now: float) -> None:
        """The publisher is back: the same part goes on if it can hold what comes, else the next one begins."""
        self._intake.drain(now)
        self._intake.reopen(tracks)
        self._hand_on_tracks()
        self._raise_failure()

    def packet(self, number: int, packet: Packet, now: float) -> None:
        self._intake.packet(number, packet, now)
        self._raise_failure()

    def runs(self, runs: Iterable[Run], now: float) -> None:
        """Packets that came together (`intake.Run`)."""
        self._intake.runs(runs, now)
        self._raise_failure()

    def report(self, number: int, ntp: int, timestamp: int) -> None:
        """A sender report of a track: 64-bit NTP time, 32-bit RTP timestamp."""
        self._intake.report(number, ntp, timestamp)

    def tick(self, now: float) -> None:
        """Let time pass; call some five times a second."""
        self._intake.tick(now)
        if self.segmenter is not None:
            self.segmenter.tick(now)
        self._raise_failure()

    def key_requests(self, now: float) -> list[int]:
        """Tracks whose sender is to be asked for a key frame now, at most once a second each."""
        is_wanted = (self._file is not None and self._file.wants_key) or (self.segmenter is not None and self.segmenter.wants_key(now))
        return self._intake.key_requests(now, is_wanted)

    def counts(self) -> Counter[str]:
        """`drops`, with what is at work included."""
        found = Counter(self.drops) + self._intake.counts()
        return found + self.segmenter.drops if self.segmenter is not None else found

    def _frames(self, placed: list[Placed]) -> None:
        if self.segmenter is not None:
            self.segmenter.frames(placed)
        if self._file is not None and self._failed is None:
            try:
                self._file.frames(placed)
            except WriteFailed as failed:
                # What is under way, such as new tracks, is finished first.
                self._failed = failed

    def _raise_failure(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    def close(self, now: float, reason: str) -> None:
        """Write what is held, end the last part, and the segments unless it is for a moment."""
        try:
            self._intake.drain(now)
            self._raise_failure()
        finally:
            try:
                if self._file is not None:
                    self._file.end_part(reason)
            finally:
                self.end_segments(is_final=reason not in FOR_A_MOMENT)

    def end_segments(self, *, is_final: bool = True) -> None:
        if self.segmenter is not None:
            self.segmenter.close(is_final=is_final)
            self.drops.update(self.segmenter.drops)
            self.segmenter = None

    def abandon(self, reason: str) -> None:
        """The file cannot go on: it ends as far as it came, nothing more is written into it."""
        if self._file is not None:
            self._file.abandon(reason)
            self._file = None
