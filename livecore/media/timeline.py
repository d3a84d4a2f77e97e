"""Where frames of several tracks lie on one line of seconds.

RTP timestamps of two tracks have nothing in common but what sender reports say (RFC 3550, 6.4.1): each pairs a
timestamp of its own SSRC with the sender's clock. Until both tracks have reported, arrival times stand in, as
the least delayed packet sees them. One track (the picture, if there is one) is the ruler; the others move towards
where their reports put them, slowly enough not to be heard, so that a sound card that runs 100 ppm fast still is
in step after hours.

Positions are seconds on the recorder's monotonic clock. Nothing here reads a clock.
"""

# Browsers report sound and picture within this time of starting; after it, arrival times have to do.
REPORT_WAIT_S = 1.0
# Two per cent of tempo: inaudible, and a first estimate that is 100 ms off is mended within five seconds.
SLEW_RATE = 0.02
# A least-delay estimate may climb this fast, so that it follows clocks that drift apart (crystals: 0.0001).
CLIMB_RATE = 0.0005
# No network queue holds a packet longer and still brings it: the sender's timestamps have leapt.
LEAP_S = 5.0
# Reports that move a track further than this from its arrival contradict what was seen.
PLAUSIBLE_S = 2.0

_HALF = 1 << 31
_MASK = (1 << 32) - 1


class _Track:
    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.widened: int | None = None  # the last timestamp, widened; None before the first packet of a run
        self.seen_at = 0.0
        self.arrival: float | None = None  # least (arrival - timestamp) so far, seconds
        self.reported: float | None = None  # (sender's clock - timestamp) of the last report, seconds
        self.early: tuple[int, int] | None = None  # NTP time and timestamp of a report that came before any packet
        self.offset: float | None = None  # what is added to a timestamp now; None until the line is settled
        self.slewed_at = 0.0

    def widen(self, timestamp: int) -> int:
        if self.widened is None:
            return timestamp
        step = (timestamp - self.widened) & _MASK
        return self.widened + (step - (1 << 32) if step >= _HALF else step)


class Timeline:
    """Usage: `arrived` for each packet, `report` for each sender report, `settle` then `position` for each frame.

    Args:
        clocks: clock rate in Hz of each track by its number.
        ruler: the track whose timestamps are taken as they are.
    """

    def __init__(self, clocks: dict[int, int], ruler: int) -> None:
        self.implausible_reports = 0
        self.leaps = 0
        self.restart(clocks, ruler)

    def restart(self, clocks: dict[int, int], ruler: int) -> None:
        """The publisher came back with new numbers: the line goes on by arrival, the reports start over."""
        self._tracks = {number: _Track(rate) for number, rate in clocks.items()}
        self._ruler = ruler
        self._started_at: float | None = None  # None until the first packet of a run
        self._is_settled = False

    def arrived(self, number: int, timestamp: int, at: float) -> None:
        """Note a packet of `number` with its 32-bit timestamp, at monotonic seconds `at`."""
        track = self._tracks[number]
        if self._started_at is None:
            self._started_at = at
        widened = track.widen(timestamp)
        delay = at - widened / track.rate
        if track.arrival is None or track.widened is None:
            track.arrival, track.widened = delay, widened
            if track.early is not None:
                self.report(number, *track.early)
                track.early = None
        elif abs(delay - track.arrival) > LEAP_S:
            self._leap(track, delay)
            track.widened = widened
        else:
            track.arrival = min(delay, track.arrival + CLIMB_RATE * max(0.0, at - track.seen_at))
            # A retransmission brings an old timestamp; the reference for widening only goes forward.
            track.widened = max(track.widened, widened)
        track.seen_at = at

    def _leap(self, track: _Track, delay: float) -> None:
        assert track.arrival is not None
        self.leaps += 1
        if track.offset is not None:
            track.offset += delay - track.arrival
        track.arrival = delay
        track.reported = None

    def report(self, number: int, ntp: int, timestamp: int) -> None:
        """Note a sender report: 64-bit NTP time and the 32-bit RTP timestamp of the same instant."""
        track = self._tracks.get(number)
        if track is None:
            return
        if track.widened is None:
            track.early = ntp, timestamp
            return
        track.reported = ntp / (1 << 32) - track.widen(timestamp) / track.rate

    def settle(self, now: float) -> bool:
        """Whether positions can be given: all tracks have reported, or waiting for that is over."""
        if self._is_settled:
            return True
        if self._started_at is None:
            return False
        ruler = self._tracks[self._ruler]
        has_all = all(track.reported is not None for track in self._tracks.values())
        if len(self._tracks) > 1 and not has_all and now - self._started_at < REPORT_WAIT_S:
            return False
        if ruler.arrival is None and now - self._started_at < REPORT_WAIT_S:
            return False
        self._is_settled = True
        return True

    def position(self, number: int, timestamp: int) -> float:
        """Seconds of a 32-bit timestamp on the line. The track must have had a packet, the line be settled."""
        track = self._tracks[number]
        target = self._target(track)
        if track.offset is None:
            track.offset = target
            track.slewed_at = track.seen_at
        elif target != track.offset:
            most = SLEW_RATE * max(0.0, track.seen_at - track.slewed_at)
            track.offset += max(-most, min(most, target - track.offset))
            track.slewed_at = track.seen_at
        return track.widen(timestamp) / track.rate + track.offset

    def _target(self, track: _Track) -> float:
        assert track.arrival is not None
        ruler = self._tracks[self._ruler]
        if track is ruler or ruler.arrival is None:
            return track.arrival if track.offset is None else track.offset
        ruler_offset = ruler.arrival if ruler.offset is None else ruler.offset
        by_arrival = ruler_offset + track.arrival - ruler.arrival
        if track.reported is None or ruler.reported is None:
            return by_arrival
        by_report = ruler_offset + track.reported - ruler.reported
        if abs(by_report - by_arrival) > PLAUSIBLE_S:
            self.implausible_reports += 1
            return by_arrival
        return by_report
