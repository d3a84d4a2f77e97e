"""What of a viewer's report counts as watched: pure rules, with the time as an argument.

A client reports now and then: "I watched so many seconds, up to this position". Nobody watches faster than the clock runs, more than
the whole video, or two videos at once; so whatever a script reports, replays or opens in many windows, a viewer's time on a
video ends at its length, and their time on all videos at the clock's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# A report's first seconds cannot be measured by the clock: a client that reports every ten seconds is believed this much.
FIRST_REPORT_MS = 15_000
# Watching again within this time goes on with the same view: counters show people, not reloads.
VIEW_PAUSE_MS = 24 * 3600 * 1000
# The curve of a video has this many equal parts.
PARTS = 20


@dataclass(frozen=True)
class Known:
    """What is kept of a viewer and a video. Times are Unix milliseconds."""

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
        length_ms: of the video; 0 when it is not known, and then nothing is counted as watched.
        known: None at the first report of this viewer on this video.
        last_any_ms: the viewer's last report on whatever video, None when there is none.
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
    """Which parts the `watched_ms` up to a position lie in, and how much in each."""
    if length_ms <= 0 or watched_ms <= 0:
        return {}
    end_ms = min(max(position_ms, 0), length_ms)
    begin_ms = max(0, end_ms - watched_ms)
    found: dict[int, int] = {}
    for part in range(PARTS):
        low, high = part * length_ms // PARTS, (part + 1) * length_ms // PARTS
        inside = min(end_ms, high) - max(begin_ms, low)
        if inside > 0:
            found[part] = inside
    return found
