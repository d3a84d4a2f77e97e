"""Sound and picture of one instant lie at one place, in virtual time, for hours."""

import itertools
import random
from collections.abc import Iterator

import pytest

from livecore.media.timeline import REPORT_WAIT_S, Timeline

VIDEO, AUDIO = 0, 1
NTP_START = 3_900_000_000.0


class Sender:
    """A browser: the picture's clock is the system's, the sound card runs `drift_ppm` fast. Seeded network delays."""

    def __init__(self, drift_ppm: float, seed: int, video_delay_s: float = 0.06) -> None:
        self.dice = random.Random(seed)
        self.rates = {VIDEO: 90_000.0, AUDIO: 48_000 * (1 + drift_ppm / 1e6)}
        self.bases = {VIDEO: self.dice.randrange(1 << 32), AUDIO: self.dice.randrange(1 << 32)}
        self.delays = {VIDEO: video_delay_s, AUDIO: 0.0}

    def timestamp(self, track: int, time_s: float) -> int:
        return (self.bases[track] + round(time_s * self.rates[track])) & 0xFFFFFFFF

    def arrival(self, track: int, time_s: float) -> float:
        return time_s + 0.02 + self.delays[track] + self.dice.expovariate(200)

    def report(self, track: int, time_s: float) -> tuple[int, int]:
        return int((NTP_START + time_s) * (1 << 32)), self.timestamp(track, time_s)


def play(timeline: Timeline, sender: Sender, length_s: float, reports: bool = True, step_s: float = 0.1) -> Iterator[tuple[float, float]]:
    """(time, position of sound minus position of picture, seconds) while time runs."""
    next_report = {VIDEO: 0.4, AUDIO: 2.5}
    time_s = 0.0
    while time_s < length_s:
        for track in (VIDEO, AUDIO):
            timeline.arrived(track, sender.timestamp(track, time_s), sender.arrival(track, time_s))
            if reports and time_s >= next_report[track]:
                timeline.report(track, *sender.report(track, time_s))
                next_report[track] = time_s + (1.0 if track == VIDEO else 5.0)
        if timeline.settle(time_s + 0.1):
            picture, sound = (timeline.position(track, sender.timestamp(track, time_s)) for track in (VIDEO, AUDIO))
            yield time_s, sound - picture
        time_s += step_s


def line() -> Timeline:
    return Timeline({VIDEO: 90_000, AUDIO: 48_000}, ruler=VIDEO)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("drift_ppm", [0.0, 100.0, -300.0])
def test_flash_and_beep_stay_together_for_two_hours(seed: int, drift_ppm: float) -> None:
    errors = [(t, abs(e)) for t, e in play(line(), Sender(drift_ppm, seed), 7200, step_s=0.25)]
    assert max(e for t, e in errors if t > 10) < 0.005
    # Before the first report of the sound only arrival is known; even that stays below what lips betray.
    assert max(e for _, e in errors) < 0.1


def test_without_reports_arrival_keeps_them_within_the_difference_of_their_delays() -> None:
    errors = [abs(e) for t, e in play(line(), Sender(100.0, 7), 3600, reports=False, step_s=0.25) if t > 10]
    assert max(errors) < 0.06 + 0.04


def test_reports_that_contradict_arrival_are_not_believed() -> None:
    timeline, sender = line(), Sender(0.0, 3)
    for time_s, error in play(timeline, sender, 30):
        ntp, timestamp = sender.report(AUDIO, time_s)
        timeline.report(AUDIO, ntp + (600 << 32), timestamp)
        assert abs(error) < 0.1
    assert timeline.implausible_reports > 0


def test_a_correction_is_slow_and_never_goes_back() -> None:
    timeline, sender = line(), Sender(0.0, 1, video_delay_s=0.3)
    before, largest = None, 0.0
    for time_s, _ in play(timeline, sender, 40, step_s=0.02):
        position = timeline.position(AUDIO, sender.timestamp(AUDIO, time_s))
        if before is not None:
            largest = max(largest, abs(position - before - 0.02))
            assert position > before
        before = position
    assert largest < 0.02 * 0.05


def test_timestamps_wrap_without_a_step() -> None:
    timeline = Timeline({0: 90_000}, ruler=0)
    positions = []
    for index in range(100):
        timestamp = (0xFFFFFFFF - 30 * 3000 + index * 3000) & 0xFFFFFFFF
        timeline.arrived(0, timestamp, 50 + index / 30)
        assert timeline.settle(50 + index / 30)
        positions.append(timeline.position(0, timestamp))
    steps = [b - a for a, b in itertools.pairwise(positions)]
    assert max(steps) - min(steps) < 1e-9


def test_a_leap_of_the_sender_s_clock_leaves_the_line_whole() -> None:
    timeline = Timeline({0: 48_000}, ruler=0)
    for index in range(200):
        leap = 0 if index < 100 else 1_234_567_890
        timestamp = (index * 960 + leap) & 0xFFFFFFFF
        timeline.arrived(0, timestamp, 10 + index * 0.02)
        timeline.settle(20.0)
        assert timeline.position(0, timestamp) == pytest.approx(10 + index * 0.02, abs=0.001)
    assert timeline.leaps == 1


def test_a_publisher_that_comes_back_goes_on_at_its_time_of_arrival() -> None:
    timeline = Timeline({0: 90_000}, ruler=0)
    timeline.arrived(0, 5000, 100.0)
    timeline.settle(100.0)
    assert timeline.position(0, 5000) == 100.0
    timeline.restart({0: 90_000}, ruler=0)
    assert not timeline.settle(107.0)
    timeline.arrived(0, 4_000_000_000, 107.5)
    assert timeline.settle(107.5)
    assert timeline.position(0, 4_000_000_000) == 107.5


def test_reports_are_waited_for_no_longer_than_a_second() -> None:
    timeline = line()
    timeline.arrived(VIDEO, 0, 5.0)
    timeline.arrived(AUDIO, 0, 5.0)
    assert not timeline.settle(5.0 + REPORT_WAIT_S - 0.01)
    assert timeline.settle(5.0 + REPORT_WAIT_S)


def test_reports_of_tracks_that_are_not_there_change_nothing() -> None:
    timeline = line()
    timeline.report(9, 1, 1)
    timeline.report(VIDEO, 1, 1)
    assert not timeline.settle(100.0)


def test_a_report_before_the_first_sound_counts_once_it_comes() -> None:
    line = Timeline({0: 90_000, 1: 48_000}, ruler=0)
    line.arrived(0, 0, 0.3)  # the picture is 300 ms on its way, the sound not at all
    line.report(0, 100 << 32, 0)
    line.report(1, 100 << 32, 500)
    assert line.settle(1.5)
    assert line.position(0, 0) == pytest.approx(0.3)
    line.arrived(1, 500 + 96_000, 2.0)
    assert line.position(1, 500 + 96_000) == pytest.approx(2.3)
