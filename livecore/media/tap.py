"""A `RecordingTap`: copies the best layer of a publication to the recorder process, after RTX recovery, in order of arrival.

The recorder sees one seamless stream a track, numbered like a viewer's, that starts on a key frame. Frames (maps over
`platform.ipc`): `open`, `rtp` (a batch), `sr`, `close` to it; `key` and `failed` from it.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from livecore.media import layers
from livecore.media.drops import Counters, Drop
from livecore.media.forward import Forwarder
from livecore.media.pacer import Leg
from livecore.media.publication import Publication, Track
from livecore.media.rewrite import Epoch, rewrite_vp8
from livecore.media.segment_sink import PART_FILLED, SegmentSettings
from livecore.media.source import Batch, Layer

# While somebody plays by HLS, packets go with the picture that ends a part, so that no viewer waits for them. This is for when no picture does.
PART_BATCH_S = 0.3
# RFC 6716: no Opus packet is longer than 120 ms.
SOUND_STEP_S = 0.12
# Half of what one frame of the socket may hold: 0.8 s of 5 Mb/s. A faster live sends more messages.
BATCH_BYTES = 512 * 1024
# What a packet takes in a message besides its payload, at most: a run of its own.
PACKET_BYTES = 48

# Takes a frame for the recorder; False when it is not there or too far behind (the frame is gone).
ToRecorder = Callable[[dict[str, Any]], bool]


class _TrackTap:
    """One track of a recording: a sink for a forwarder."""

    def __init__(self, index: int, track: Track, owner: "RecordingTap", rng: random.Random) -> None:
        self.index = index
        self.track = track
        self.forwarder = Forwarder(track.codec.clock_hz, track.kind == "video", self, rng)
        self._owner = owner
        self._ends_parts = owner.has_segments and track.kind == "video"
        self._sound_hz = track.codec.clock_hz if track.kind == "audio" else 0
        self._part_start = self._segment_start = 0  # widened timestamps
        self._is_key = False  # whether the picture at hand is a key frame
        track.forwarders.append(self.forwarder)

    def deliver(self, epoch: Epoch[Layer], batch: Batch, now: float) -> None:
        for packet in batch.packets:
            # Padding alone goes too, empty: it takes a number, and a number that is missing is a loss.
            payload: bytes | bytearray = packet.payload
            if packet.picture_id_at and (epoch.picture_offset or epoch.tl0_offset):
                payload = bytearray(payload)
                rewrite_vp8(payload, packet, epoch.picture_offset, epoch.tl0_offset)
            self._owner.take(
                self.index,
                packet.sequence + epoch.sequence_offset,
                packet.timestamp + epoch.timestamp_offset & 0xFFFFFFFF,
                packet.marker,
                bytes(payload),
                packet.at,
                now,
                self._sound_hz,
            )
            if self._ends_parts:
                self._is_key = self._is_key or packet.key
                if packet.marker:
                    self._end_of_picture(packet.timestamp)

    def _end_of_picture(self, timestamp: int) -> None:
        """Cut where the segmenter will: a picture that ends a part tells how long the one before it is shown, so its viewers wait for it."""
        cuts = self._owner.cuts
        filled = PART_FILLED * self.track.codec.clock_hz
        is_segment = self._is_key and not 0 <= timestamp - self._segment_start < filled * cuts.segment_s
        self._is_key = False
        if is_segment or not 0 <= timestamp - self._part_start < filled * cuts.part_s:
            self._part_start = timestamp
            if self._owner.is_at_once:
                self._owner.flush()
        if is_segment:
            self._segment_start = timestamp

    def leg(self, epoch: Epoch[Layer], *, catching_up: bool, before: Leg | None) -> Leg | None:
        return None

    def on_clock(self, now: float) -> None:
        epoch = self.forwarder.epoch
        if epoch is None or epoch.source.report is None:
            return
        report = epoch.source.report
        timestamp = report.timestamp + epoch.timestamp_offset & 0xFFFFFFFF
        self._owner.send_report(self.index, report.ntp, timestamp)

    def leave(self) -> None:
        self.forwarder.leave()
        if self.forwarder in self.track.forwarders:
            self.track.forwarders.remove(self.forwarder)


def extend(run: list[Any], number: int, timestamp: int, marker: bool, payload: bytes, at: float, sound_hz: int) -> bool:
    """Add the next packet to its track's last run (`intake.Run`); False when it begins another.

    It belongs to the run in the same picture, or as a sound as far from the last as the others from one another. `sound_hz`: the clock of
    sounds; 0 for a picture's packet.
    """
    payloads = run[4]
    count, passed = len(payloads), timestamp - run[2] & 0xFFFFFFFF
    if number != run[1] + count:
        return False
    if sound_hz:
        if count == 1 and 0 < passed <= SOUND_STEP_S * sound_hz:
            run[6] = passed
        if not run[6] or passed != run[6] * count:
            return False
        # Of the least delayed one, as seen from the first.
        least = at - passed / sound_hz
        if least < run[5]:
            run[5] = least
    elif passed or run[3]:
        return False
    payloads.append(payload)
    run[3] = marker
    return True


class RecordingTap:
    """`batch`: runs of packets that wait to be sent together, by `flush`, `batch_s` after the first of them or once there are `BATCH_BYTES`.

    `cuts`: how the recorder will cut segments. `message_s`: how long packets wait while no part has to leave at once (a file alone, or nobody
    plays by HLS: `hls_demand`), since each message wakes the recorder, which costs it more than the packets in it (docs/capacity.md). What
    waits here is lost to a worker that is killed.
    """

    def __init__(
        self,
        recording_id: str,
        publication: Publication,
        outputs: list[str],
        send: ToRecorder,
        rng: random.Random,
        cuts: SegmentSettings,
        message_s: float,
    ) -> None:
        self.recording_id = recording_id
        self.publication = publication
        self.batch: list[list[Any]] = []
        self._runs: dict[int, list[Any]] = {}  # the last of `batch` by track
        self._batch_since = 0.0
        self._batch_packets = self._batch_bytes = 0
        self._reports: dict[int, dict[str, Any]] = {}  # by track, what goes after the batch
        self.cuts = cuts
        self.has_segments = "hls" in outputs
        self.is_at_once = self.has_segments  # a part leaves as soon as it is whole; until the recorder says that nobody plays
        self.drops: Counters = Counter()
        self._message_s = message_s
        self._outputs = outputs
        self._send = send
        self._rng = rng
        self._tracks: list[_TrackTap] = []
        self._formats: list[tuple[str, ...]] = []
        self._open = False  # whether the recorder has been told of this recording

    def on_publisher(self, now: float) -> None:
        """The publisher is connected (again): begin, or go on with its new streams. Other codecs make a next part."""
        tracks = list(self.publication.tracks.values())
        same = [tap.track for tap in self._tracks] == tracks and all(
            tap.track.codec.format() == self._formats[tap.index] for tap in self._tracks
        )
        if not same or not self._open:
            if self._open:
                self.close("codec_changed")
            else:
                self.leave()
            self._tracks = [_TrackTap(index, track, self, self._rng) for index, track in enumerate(tracks)]
            self._formats = [track.codec.format() for track in tracks]
            self._announce()
        self._want_best(now)

    def reopen(self, now: float) -> None:
        """The recorder has started anew: tell it of this recording, and begin on a key frame again."""
        if not self._tracks:
            return
        self._announce()
        for tap in self._tracks:
            tap.forwarder.want(None)
        self._want_best(now)

    def _announce(self) -> None:
        # The recorder begins so too.
        self.is_at_once = self.has_segments
        self._begin_batch()
        self._reports.clear()
        self._open = self._send(
            {
                "t": "open",
                "r": self.recording_id,
                "live": self.publication.live_id,
                "publication": self.publication.publication_id,
                "outputs": self._outputs,
                "tracks": [
                    {
                        "track": tap.index,
                        "kind": tap.track.kind,
                        "codec": tap.track.codec.name,
                        "clock": tap.track.codec.clock_hz,
                        "channels": tap.track.codec.channels,
                        "fmtp": tap.track.codec.fmtp,
                    }
                    for tap in self._tracks
                ],
            }
        )

    def _want_best(self, now: float) -> None:
        for tap in self._tracks:
            layer = tap.track.best(now)
            tap.forwarder.want(layer)
            if tap.forwarder.needs_key:
                self.publication.request_key(layer, now)

    def take(self, track: int, number: int, timestamp: int, marker: bool, payload: bytes, at: float, now: float, sound_hz: int = 0) -> None:
        """A packet joins the run that it goes on, or begins one (`intake.Run`). `sound_hz`: its clock; 0 for a picture's packet."""
        if not self.batch:
            self._batch_since = now
        run = self._runs.get(track)
        if run is None or not extend(run, number, timestamp, marker, payload, at, sound_hz):
            run = self._runs[track] = [track, number, timestamp, marker, [payload], at, 0]
            self.batch.append(run)
        self._batch_packets += 1
        self._batch_bytes += len(payload) + PACKET_BYTES
        if self._batch_bytes >= BATCH_BYTES:
            self.flush()

    @property
    def batch_s(self) -> float:
        return PART_BATCH_S if self.is_at_once else self._message_s

    def waited(self, now: float) -> float:
        """How much of its time the oldest that waits has waited: due from 1 on."""
        return (now - self._batch_since) / self.batch_s if self.batch else 0.0

    def on_pace(self, is_at_once: bool) -> None:
        """The recorder says whether somebody plays by HLS; who begins to gets all that is there."""
        if is_at_once and self.has_segments:
            self.flush()
        self.is_at_once = is_at_once and self.has_segments

    def flush(self) -> None:
        if not self.batch:
            return
        batch, packets = self.batch, self._batch_packets
        self._begin_batch()
        if self._open and not self._send({"t": "rtp", "r": self.recording_id, "p": batch}):
            self.drops[Drop.RECORDER_BEHIND] += packets
        self._send_reports()

    def _begin_batch(self) -> None:
        self.batch = []
        self._batch_packets = self._batch_bytes = 0
        self._runs.clear()

    def send_report(self, track: int, ntp: int, timestamp: int) -> None:
        # The packets that it speaks of come first; it wakes nobody for itself.
        self._reports[track] = {"t": "sr", "r": self.recording_id, "track": track, "ntp": ntp, "rtp": timestamp}
        if not self.batch:
            self._send_reports()

    def _send_reports(self) -> None:
        reports, self._reports = self._reports, {}
        if self._open:
            for report in reports.values():
                self._send(report)

    def request_key(self, track: int, now: float) -> None:
        if 0 <= track < len(self._tracks):
            wanted = self._tracks[track].forwarder.wanted
            if wanted is not None:
                self.publication.request_key(wanted, now)

    def on_tick(self, now: float) -> None:
        """Go over to a better layer, or away from one that has stopped."""
        for tap in self._tracks:
            forwarder, track = tap.forwarder, tap.track
            if not forwarder.needs_key or forwarder.wanted is None:
                continue
            wanted = forwarder.wanted
            if len(track.layers) > 1:
                rid = layers.choose(track.offered(now), wanted.rid)
                better = track.layers[rid] if rid is not None else wanted
                # Rates of two layers cross for a moment when the encoder starts: half as much again is another size.
                if better is not wanted and (not wanted.alive(now) or better.bitrate_bps > 1.5 * wanted.bitrate_bps):
                    wanted = better
                    forwarder.want(wanted)

    def close(self, reason: str) -> None:
        """End the recording; what is pending goes first."""
        self.flush()
        self.leave()
        if self._open:
            self._send({"t": "close", "r": self.recording_id, "reason": reason})
            self._open = False

    def leave(self) -> None:
        for tap in self._tracks:
            tap.leave()
        self._tracks = []
