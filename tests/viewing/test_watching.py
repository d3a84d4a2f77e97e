"""What of a viewer's reports counts: against the clock, the length, and every order of reports that hypothesis finds."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from livecore.viewing.watching import FIRST_REPORT_MS, PARTS, VIEW_PAUSE_MS, Known, count, parts_of

LENGTHS_MS = (0, 1, 8_000, 60_000, 3_600_000)
videos = st.integers(0, len(LENGTHS_MS) - 1)


class Watching(RuleBasedStateMachine):
    """One viewer, several videos, any reports at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = self.begun_ms = 10**12
        self.known: dict[int, Known] = {}
        self.last_any_ms: int | None = None
        self.views: dict[int, list[int]] = {}
        self.first_reports = 0

    @rule(ms=st.integers(0, 40_000) | st.integers(0, 3 * VIEW_PAUSE_MS))
    def time_goes_by(self, ms: int) -> None:
        self.now_ms += ms

    @rule(ms=st.integers(0, 5_000))
    def the_clock_is_set_back(self, ms: int) -> None:
        self.now_ms -= ms

    @rule(which=videos, reported_ms=st.integers(0, 10**8))
    def reports(self, which: int, reported_ms: int) -> None:
        known = self.known.get(which)
        counted = count(reported_ms, LENGTHS_MS[which], known, self.last_any_ms, self.now_ms)
        assert 0 <= counted.watched_ms <= reported_ms
        if counted.view:
            self.views.setdefault(which, []).append(self.now_ms)
        before = known or Known(0, 0, 0, 0)
        self.known[which] = Known(
            before.views + counted.view,
            before.watched_ms + counted.watched_ms,
            max(before.last_ms, self.now_ms),
            self.now_ms if counted.view else before.counted_ms,
        )
        self.last_any_ms = max(self.last_any_ms or 0, self.now_ms)

    @invariant()
    def nobody_watches_more_than_there_is(self) -> None:
        for which, known in self.known.items():
            assert known.watched_ms <= LENGTHS_MS[which]

    @invariant()
    def nobody_watches_faster_than_the_clock(self) -> None:
        if self.last_any_ms is not None:
            watched = sum(known.watched_ms for known in self.known.values())
            assert watched <= max(0, self.last_any_ms - self.begun_ms) + FIRST_REPORT_MS

    @invariant()
    def a_view_is_a_day(self) -> None:
        for times in self.views.values():
            assert all(later - earlier >= VIEW_PAUSE_MS for earlier, later in itertools.pairwise(times))


TestWatching = Watching.TestCase
TestWatching.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.integers(-10, 10**7), st.integers(-10, 10**7), st.integers(0, 10**7))
def test_parts_hold_what_was_watched_and_no_more(position_ms: int, watched_ms: int, length_ms: int) -> None:
    found = parts_of(position_ms, watched_ms, length_ms)
    assert sum(found.values()) <= max(0, watched_ms)
    assert all(0 <= part < PARTS and ms <= length_ms // PARTS + 1 for part, ms in found.items())


def test_parts_lie_where_they_were_watched() -> None:
    assert parts_of(10_000, 10_000, 100_000) == {0: 5_000, 1: 5_000}
    assert parts_of(100_000, 5_000, 100_000) == {19: 5_000}
    assert parts_of(999_999, 7_000, 100_000) == {18: 2_000, 19: 5_000}
    assert parts_of(10_000, 10_000, 0) == {}
