"""What of a viewer's report counts as watched: pure rules, with the time as an argument.

A client reports now and then: "I watched so many seconds, up to this position". Nobody watches faster than the clock runs, more than
the whole of something, or two things at once; so whatever a script reports, replays or opens in many windows, a viewer's time on a
thing ends at its length, and their time on all things at the clock's. The length of a text and of pictures is what it takes to read and see
them; that of a live is how long it has been on the air.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A report's first seconds cannot be measured by the clock: a client that reports every ten seconds is believed this much.
FIRST_REPORT_MS = 15_000
# Watching again within this time goes on with the same view: counters show people, not reloads.
VIEW_PAUSE_MS = 24 * 3600 * 1000
# The curve of a video has this many equal parts.
PARTS = 20
# A live has no length yet: its curve is kept by the minute.
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Known:
    """What is kept of a viewer and what they watch. Times are Unix milliseconds."""

    views: int
    watched_ms: int
    last_ms: int
    counted_ms: int


@dataclass(frozen=True)
class Counted:
    """What a report adds: `view` 1 when it begins a view."""

    view: int
    watched_ms: int


def count(reported_ms: int, length_ms: int, known: Known | None, last_any_ms: int | None, now_ms: int) -> Counted:
    """
    Args:
        length_ms: of what is watched; 0 when it is not known, and then nothing is counted as watched.
        known: None at the first report of this viewer on this.
        last_any_ms: the viewer's last report on whatever it was, None when there is none.
    """
    since_ms = FIRST_REPORT_MS if last_any_ms is None else max(0, now_ms - last_any_ms)
    if known is None or now_ms - known.last_ms > FIRST_REPORT_MS * 4:
        # It begins, or begins again: before it nothing was watched here.
        since_ms = min(since_ms, FIRST_REPORT_MS)
    left_ms = length_ms - (known.watched_ms if known else 0)
    watched_ms = max(0, min(reported_ms, since_ms, left_ms))
    is_new = known is None or now_ms - known.counted_ms >= VIEW_PAUSE_MS
    return Counted(int(is_new), watched_ms)


def parts_of(position_ms: int, watched_ms: int, length_ms: int) -> Mapping[int, int]:
    """Which of PARTS the `watched_ms` up to a position lie in, and how much in each."""
    if length_ms <= 0 or watched_ms <= 0:
        return {}
    end_ms = min(max(position_ms, 0), length_ms)
    edges = [part * length_ms // PARTS for part in range(PARTS + 1)]
    return _spread(max(0, end_ms - watched_ms), end_ms, edges, range(PARTS))


def minutes_of(position_ms: int, watched_ms: int) -> Mapping[int, int]:
    """The same for the minutes of a live."""
    begin_ms = max(0, position_ms - watched_ms)
    minutes = range(begin_ms // MINUTE_MS, position_ms // MINUTE_MS + 1)
    return _spread(begin_ms, position_ms, [minute * MINUTE_MS for minute in (*minutes, minutes.stop)], minutes)


def _spread(begin_ms: int, end_ms: int, edges: Sequence[int], parts: Sequence[int]) -> Mapping[int, int]:
    found: dict[int, int] = {}
    for part, low, high in zip(parts, edges, edges[1:], strict=False):
        inside = min(end_ms, high) - max(begin_ms, low)
        if inside > 0:
            found[part] = inside
    return found


def by_parts(minutes: Mapping[int, int], length_ms: int) -> Mapping[int, float]:
    """What was watched in each minute of a live, as of PARTS equal parts: a minute's time lies evenly in it."""
    found: dict[int, float] = {}
    part_ms = length_ms / PARTS
    for minute, watched_ms in minutes.items():
        begin_ms, end_ms = minute * MINUTE_MS, min((minute + 1) * MINUTE_MS, length_ms)
        for part in range(int(begin_ms / part_ms), PARTS) if end_ms > begin_ms else ():
            inside = min(end_ms, (part + 1) * part_ms) - max(begin_ms, part * part_ms)
            if inside <= 0:
                break
            found[part] = found.get(part, 0.0) + watched_ms * inside / (end_ms - begin_ms)
    return found
