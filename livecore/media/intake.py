"""Packets of one publication in, placed frames out: put in order, depacketised, laid on the timeline. No sockets, no clock.

What follows (a file, segments) sees each frame once, with its position in seconds on the recorder's monotonic clock. Everything
that is refused is counted under a name in `drops`.
"""

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

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


# Packets of a track that came one after another: its number, number of the first, timestamp of the first, marker of the last, payloads,
# arrival of the first in monotonic seconds (of sounds: of the least delayed, less its distance from the first), and by how much
# the timestamp grows from one to the next, 0 in a picture.
Run = Sequence[Any]
# A frame, its track, and where it lies.
Placed = tuple[float, Track, Frame]
OnFrames = Callable[[list[Placed]], None]
_POSITION = operator.itemgetter(0)


class _Input:
    """One track on its way to frames."""

    def __init__(self, track: Track, wait_s: float, message_s: float) -> None:
        self.track = track
        self.reorder = Reorder(wait_s, message_s)
        self.depacketiser: Depacketiser = depacketiser(track.codec, track.format_parameters)
        self.asked_at = float("-inf")
        self.placed_s = float("-inf")  # where the last frame lies: frames of a track keep their order


class Intake:
    """Feed it with `packet` or `runs`, `report` and `tick`; ask it for `key_requests`; `drain` it before its tracks change or end.

    Raises:
        ValueError: from the constructor and `reopen`, for tracks that cannot be recorded.
    """

    def __init__(self, tracks: Iterable[Track], on_frames: OnFrames, drops: Counter[str], wait_s: float, message_s: float) -> None:
        self._on_frames = on_frames  # called with what came together, in order of position
        self._drops = drops
        self._wait_s = wait_s
        self._message_s = message_s
        self._pending: list[tuple[_Input, Frame]] = []  # until the timeline is settled
        self._placed: list[Placed] = []  # until the packets at hand are done
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
        self._inputs = {track.number: _Input(track, self._wait_s, self._message_s) for track in chosen.values()}

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
        self._arrive(source, packet, now)
        self._hand_on()

    def runs(self, runs: Iterable[Run], now: float) -> None:
        """What came together (`Run`), in order of arrival of their first packets."""
        for number, first, timestamp, marker, payloads, at, step in runs:
            source = self._inputs.get(number)
            if source is None:
                self._drops["no_track"] += len(payloads)
                continue
            if source.reorder.passes(first, len(payloads)):
                if payloads[0]:
                    self._timeline.arrived(number, timestamp, at)
                frames = source.depacketiser.push_all(payloads, timestamp, marker, step)
                if frames:
                    self._place(source, frames, now)
                continue
            last = len(payloads) - 1
            for index, payload in enumerate(payloads):
                passed = index * step
                came_at = at + passed / source.track.clock
                packet = Packet(first + index, timestamp + passed & 0xFFFFFFFF, marker and index == last, payload, came_at)
                self._arrive(source, packet, now)
        self._hand_on()

    def _arrive(self, source: _Input, packet: Packet, now: float) -> None:
        if packet.payload:
            self._timeline.arrived(source.track.number, packet.timestamp, packet.at)
        for ready, gap in source.reorder.push(packet, now):
            self._depacketise(source, ready, gap, now)

    def report(self, number: int, ntp: int, timestamp: int) -> None:
        """A sender report of a track: 64-bit NTP time, 32-bit RTP timestamp."""
        self._timeline.report(number, ntp, timestamp)

    def tick(self, now: float) -> None:
        """Let time pass; call some five times a second."""
        for source in self._inputs.values():
            for ready, gap in source.reorder.expire(now):
                self._depacketise(source, ready, gap, now)
        self._settle(now)
        self._hand_on()

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
            self._hand_on()
        finally:
            self._pending.clear()
            self._drops.update(self.counts())

    def _depacketise(self, source: _Input, packet: Packet, gap: bool, now: float) -> None:
        frames = source.depacketiser.push(packet.payload, packet.timestamp, packet.marker, gap)
        if frames:
            self._place(source, frames, now)

    def _place(self, source: _Input, frames: list[Frame], now: float) -> None:
        if not self._timeline.settle(now):
            self._pending += [(source, frame) for frame in frames]
            excess = len(self._pending) - PENDING_LIMIT
            if excess > 0:
                self._drops["pending_full"] += excess
                del self._pending[:excess]
            return
        self._settle(now)
        track, start = source.track, frames[0].timestamp
        start_s = position_s = max(source.placed_s, self._timeline.position(track.number, start))
        for frame in frames:
            position_s = start_s + (frame.timestamp - start & 0xFFFFFFFF) / track.clock
            self._placed.append((position_s, track, frame))
        source.placed_s = position_s

    def _settle(self, now: float, is_last: bool = False) -> None:
        if not self._pending or not (self._timeline.settle(now) or is_last):
            return
        pending, self._pending = self._pending, []
        for source, frame in pending:
            source.placed_s = max(source.placed_s, self._timeline.position(source.track.number, frame.timestamp))
            self._placed.append((source.placed_s, source.track, frame))

    def _hand_on(self) -> None:
        """What came together goes on together, in order of position: a run of sounds lies among the pictures of its time."""
        if self._placed:
            placed, self._placed = self._placed, []
            placed.sort(key=_POSITION)
            self._on_frames(placed)
