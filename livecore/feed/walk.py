"""Where a walk through the feed stands: what its cursor holds. Pure.

A walk by time is a position: the next page lies strictly below it. A ranked walk goes through the same time in windows: the items of
a window are ranked once, and the ids that are still to come travel in the cursor, so that nothing repeats and nothing is lost
whatever is published, deleted or blocked meanwhile. Items that were lifted into the first window from below it are
remembered, so that they do not come a second time.
"""

import base64
from dataclasses import dataclass
from typing import Any

Position = tuple[int, str]

# Ids of a window that travel in a cursor: 190 of 17 bytes are some 6 kB in an address, below the 8 kB that servers take.
WINDOW_ITEMS = 150
LIFTED_ITEMS = 40
# A ranking that old is not what anybody wants: the walk then begins anew.
EXPIRES_MS = 6 * 3600 * 1000

KINDS = ("post", "video", "live")


@dataclass(frozen=True)
class Walk:
    """`below`: the items that follow the window lie below it, None at the end. `span_ms`: how far back the last look went.

    `waiting`: (kind, id) of ranked items that are still to come; `lifted`: ids that must not come again. A walk that began by time goes
    on by time, and a ranked one ranked, whatever the person sets meanwhile: else it would repeat and lose.
    """

    begun_ms: int
    below: Position | None
    span_ms: int
    waiting: tuple[tuple[str, str], ...] = ()
    lifted: frozenset[str] = frozenset()
    is_ranked: bool = False


def to_values(walk: Walk) -> list[Any]:
    """For `cursors.encode_cursor`."""
    waiting = b"".join(bytes([KINDS.index(kind)]) + bytes.fromhex(item_id) for kind, item_id in walk.waiting)
    lifted = b"".join(bytes.fromhex(item_id) for item_id in sorted(walk.lifted))
    below = list(walk.below) if walk.below is not None else None
    return [walk.begun_ms, below, walk.span_ms, int(walk.is_ranked), base64.b64encode(waiting).decode(), base64.b64encode(lifted).decode()]


def from_values(values: list[Any]) -> Walk:
    begun_ms, below, span_ms, is_ranked, packed, packed_lifted = values
    waiting, lifted = base64.b64decode(packed), base64.b64decode(packed_lifted)
    return Walk(
        int(begun_ms),
        None if below is None else (int(below[0]), str(below[1])),
        int(span_ms),
        tuple((KINDS[waiting[at]], waiting[at + 1 : at + 17].hex()) for at in range(0, len(waiting), 17)),
        frozenset(lifted[at : at + 16].hex() for at in range(0, len(lifted), 16)),
        bool(is_ranked),
    )
