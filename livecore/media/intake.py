"""Packets of one publication in, placed frames out: put in order, depacketised, laid on the timeline. No sockets, no clock.

What follows (a file, segments) sees each frame once, with its position in seconds on the recorder's monotonic clock. Everything
that is refused is counted under a name in `drops`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from livecore.media.depacketise import AUDIO_CODECS, VIDEO_CODECS, Depacketiser, Frame, depacketiser
from livecore.media.reorder import Packet, Reorder
from livecore.media.timeline import Timeline

# Browsers throttle what they make of more; a lost request is repeated.
KEY_REQUEST_INTERVAL_S = 1.0
# Frames held while the timeline is not settled: a second of picture and sound, with room.
PENDING_LIMIT = 400


@dataclass(frozen=True, slots=True)
class Track:
    """One track as its publication announced it; `channels` is 0 for pictures, `clock` in Hz."""

    number: int
    kind: str
    codec: str
    clock: int
    channels: int = 0
    format_parameters: str = ""

    def check(self) -> None:
        """Raises ValueError for what cannot be recorded."""
        codecs = {"video": VIDEO_CODECS, "audio": AUDIO_CODECS}.get(self.kind, frozenset())
        if self.codec not in codecs or not 8000 <= self.clock <= 96000:
            raise ValueError(f"{self.kind} {self.codec} at {self.clock} Hz")


# Called with a track, its next frame and where it lies.
OnFrame = Callable[[Track, Frame, float], None]


class _Input:
    """One track on its way to frames."""

    def __init__(self, track: Track, wait_s: float) -> None:
        self.track = track
        self.reorder = Reorder(wait_s)
        self.depacketiser: Depacketiser = depacketiser(track.codec, track.format_parameters)
        self.asked_at = float("-inf")


class Intake:
    """Feed it with `packet` or `run`, `report` and `tick`; ask it for `key_requests`; `drain` it before its tracks change or end.

    Raises:
        ValueError: from the constructor and `reopen`, for tracks that cannot be recorded.
    """

    def __init__(self, tracks: Iterable[Track], on_frame: OnFrame, drops: Counter[str], wait_s: float) -> None:
        self._on_frame = on_frame
        self._drops = drops
        self._wait_s = wait_s
        self._pending: list[tuple[_Input, Frame]] = []
        self._inputs: dict[int, _Input] = {}
        self._take_tracks(tracks)
        self._timeline = Timeline(self._clocks(), self._ruler())

    def _take_tracks(self, tracks: Iterable[Track]) -> None:
        chosen: dict[str, Track] = {}
        for track in tracks:
            track.check()
            # One picture and one sound a file: the first of each kind.
            chosen.setdefault(track.kind, track)
        if not chosen:
            raise ValueError("no track")
        self._inputs = {track.number: _Input(track, self._wait_s) for track in chosen.values()}

    def _clocks(self) -> dict[int, int]:
        return {number: source.track.clock for number, source in self._inputs.items()}

    def _ruler(self) -> int:
        return min(self._inputs, key=lambda number: self._inputs[number].track.kind != "video")

    @property
    def picture(self) -> Track | None:
        return self._of_kind("video")

    @property
    def sound(self) -> Track | None:
        return self._of_kind("audio")

    def _of_kind(self, kind: str) -> Track | None:
        return next((source.track for source in self._inputs.values() if source.track.kind == kind), None)

    def reopen(self, tracks: Iterable[Track]) -> None:
        """The publisher is back with new numbers; the line goes on at the time of arrival. Call `drain` before."""
        self._take_tracks(tracks)
        self._timeline.restart(self._clocks(), self._ruler())

    def packet(self, number: int, packet: Packet, now: float) -> None:
        source = self._inputs.get(number)
        if source is None:
            self._drops["no_track"] += 1
            return
        if packet.payload:
            self._timeline.arrived(number, packet.timestamp, packet.at)
        for ready, gap in source.reorder.push(packet, now):
            self._depacketise(source, ready, gap, now)

    def run(self, number: int, first: int, timestamp: int, marker: bool, payloads: Sequence[bytes], at: float, now: float) -> None:
        """Packets of a track and timestamp, numbered from `first` on; `marker` of the last one, `at` when the first one came."""
        source = self._inputs.get(number)
        if source is None or not source.reorder.passes(first, len(payloads)):
            last = len(payloads) - 1
            for index, payload in enumerate(payloads):
                self.packet(number, Packet(first + index, timestamp, marker and index == last, payload, at), now)
            return
        if payloads[0]:
            self._timeline.arrived(number, timestamp, at)
        self._place(source, source.depacketiser.push_all(payloads, timestamp, marker), now)

    def report(self, number: int, ntp: int, timestamp: int) -> None:
        """A sender report of a track: 64-bit NTP time, 32-bit RTP timestamp."""
        self._timeline.report(number, ntp, timestamp)

    def tick(self, now: float) -> None:
        """Let time pass; call some five times a second."""
        for source in self._inputs.values():
            for ready, gap in source.reorder.expire(now):
                self._depacketise(source, ready, gap, now)
        self._settle(now)

    def key_requests(self, now: float, picture_wanted: bool) -> list[int]:
        """Tracks whose sender is to be asked for a key frame now, at most once a second each; `picture_wanted`: somebody behind needs one."""
        asked = []
        for number, source in self._inputs.items():
            is_wanted = source.depacketiser.awaits_key or (picture_wanted and source.track.kind == "video")
            if is_wanted and now - source.asked_at >= KEY_REQUEST_INTERVAL_S:
                source.asked_at = now
                asked.append(number)
        return asked

    def counts(self) -> Counter[str]:
        """What these tracks lost and refused so far; `drain` adds it to the drops."""
        found: Counter[str] = Counter()
        for source in self._inputs.values():
            found["lost"] += source.reorder.lost
            found["late"] += source.reorder.late
            found.update(source.depacketiser.drops)
        return found

    def drain(self, now: float) -> None:
        """Give out everything that is held; these tracks bring no more."""
        try:
            for source in self._inputs.values():
                for ready, gap in source.reorder.flush():
                    self._depacketise(source, ready, gap, now)
            # Nothing better than what is known now will come.
            self._settle(now, is_last=True)
        finally:
            self._pending.clear()
            self._drops.update(self.counts())

    def _depacketise(self, source: _Input, packet: Packet, gap: bool, now: float) -> None:
        self._place(source, source.depacketiser.push(packet.payload, packet.timestamp, packet.marker, gap), now)

    def _place(self, source: _Input, frames: list[Frame], now: float) -> None:
        for frame in frames:
            if self._timeline.settle(now):
                self._settle(now)
                self._on_frame(source.track, frame, self._timeline.position(source.track.number, frame.timestamp))
                continue
            self._pending.append((source, frame))
            if len(self._pending) > PENDING_LIMIT:
                self._drops["pending_full"] += 1
                del self._pending[0]

    def _settle(self, now: float, is_last: bool = False) -> None:
        if not self._pending or not (self._timeline.settle(now) or is_last):
            return
        pending, self._pending = self._pending, []
        positions = [(self._timeline.position(source.track.number, frame.timestamp), source, frame) for source, frame in pending]
        for position_s, source, frame in sorted(positions, key=lambda entry: entry[0]):
            self._on_frame(source.track, frame, position_s)
